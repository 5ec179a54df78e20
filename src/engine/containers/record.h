#pragma once
// What the store keeps of a container, in two documents: what it is (changes rarely) and how it is (small, written at
// every start and exit).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../networks.h"
#include "../spec/id_maps.h"
#include "../spec/mount_point.h"
#include "../spec/process.h"
#include "apitypes/container.h"
#include "base/result.h"
#include "codec/json.h"

namespace estiba::engine {

struct ContainerRecord {
  std::string id;
  std::string name;
  std::int64_t created = 0;  // ns since the epoch
  // As asked for, with what the image adds merged in: what inspect shows.
  apitypes::ContainerCreate create;
  Command command;
  std::string image_id;             // "sha256:…"
  std::vector<std::string> layers;  // chain ids, lowest first
  std::vector<MountPoint> mounts;   // volumes have their names
  IdMaps ids{};                     // of its user namespace; empty: it has none
  std::map<std::string, std::string> linked{};  // ids by alias: docker's links on the default network
  std::uint32_t project = 0;        // of --storage-opt size=; 0: none
  bool copied = false;              // its files are a copy of the layers, not an overlay upon them
  bool removing = false;            // decided; start-up carries it out
  bool removes_volumes = false;     // the anonymous ones go with it
  // create.endpoints has every network it is in, by name: "none" and "host", too. Not so in records of earlier engines.
  bool networks_listed = false;

  // Of its place in the network of that name; what nobody has asked for is empty.
  const apitypes::EndpointSettings& SettingsIn(const std::string& network) const;
  codec::Json ToJson() const;
  static Result<ContainerRecord> FromJson(const codec::Json& json);
};

enum class Phase : unsigned char { kCreated, kStarting, kRunning, kPaused, kRestarting, kExited };
// Docker's words; a starting container is still "created".
const char* PhaseName(Phase phase);

// A change of a running container's network that its monitor is asked for: true once the plan in the container's folder
// has this revision.
struct NetworkChange {
  std::uint64_t revision = 0;
  apitypes::ContainerCreate create;  // what the record says then
  std::vector<Endpoint> endpoints;
  std::vector<net::PublishedPort> ports;
};

struct ContainerState {
  Phase phase = Phase::kCreated;
  std::int32_t pid = 0;
  std::uint64_t start_time = 0;  // of that process, with which the pid is its own (os::OpenProcess)
  std::int32_t exit_code = 0;
  bool oom_killed = false;
  std::string error;
  std::string health;            // "starting", "healthy", "unhealthy"; empty: it has never been probed
  std::string apparmor_profile;  // of the last start; empty: none
  std::string cgroup_path;       // of the last start; empty: none, or an earlier engine's
  std::int64_t started_at = 0;   // ns, 0: never
  std::int64_t finished_at = 0;
  std::uint64_t restart_count = 0;
  bool paused_by_commit = false; // while its files are read; the next engine lets it go on
  bool stopped_by_user = false;  // unless-stopped stays down after an engine's or host's restart
  std::string boot;              // the host's boot id at its last start: a pid of another boot is somebody else's
  std::uint64_t journal_seq = 0; // records up to here are folded in
  std::uint64_t starts = 0;      // tells two runs apart
  // Held while a monitor may need them.
  std::vector<Endpoint> endpoints;
  std::vector<net::PublishedPort> ports;
  std::vector<Endpoint> last_endpoints;  // of the run before: a start asks for the same addresses
  std::uint64_t network_revision = 0;    // the last one given to a change
  std::optional<NetworkChange> network_change;

  bool Running() const { return phase == Phase::kRunning || phase == Phase::kPaused || phase == Phase::kRestarting; }
  codec::Json ToJson() const;
  static Result<ContainerState> FromJson(const codec::Json& json);
};

// A command run in a container. Kept in the store too: its client may ask for the exit code of the next engine.
struct ExecRecord {
  std::string id;
  std::string container_id;
  apitypes::ExecCreate create;
  bool started = false;
  bool running = false;
  bool exited = false;
  std::int32_t exit_code = 0;
  std::int32_t pid = 0;
  std::int64_t finished_at = 0;

  codec::Json ToJson() const;
  static Result<ExecRecord> FromJson(const codec::Json& json);
};

}  // namespace estiba::engine
