#pragma once
// Containers as the Docker API writes them: create, list, wait, exec, update, top. Members are the API's in
// snake_case; ToJson() writes its names.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apitypes/host_config.h"
#include "apitypes/network.h"
#include "codec/json.h"

namespace estiba::apitypes {

struct HealthConfig {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", ...}, {"CMD-SHELL", "..."}, {} inherits
  std::int64_t interval = 0;      // nanoseconds, here and below
  std::int64_t timeout = 0;
  std::int64_t start_period = 0;
  std::int64_t start_interval = 0;
  std::int64_t retries = 0;
};

// Docker's container Config; images carry the same.
struct ContainerConfig {
  std::string hostname;
  std::string domainname;
  std::string user;
  bool attach_stdin = false;
  bool attach_stdout = false;
  bool attach_stderr = false;
  std::set<std::string> exposed_ports;  // "80/tcp"
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
  std::vector<std::string> env;
  std::optional<std::vector<std::string>> cmd;  // unset: the image's
  std::optional<HealthConfig> healthcheck;
  bool args_escaped = false;
  std::string image;
  std::set<std::string> volumes;  // mount points of anonymous volumes
  std::string working_dir;
  std::optional<std::vector<std::string>> entrypoint;  // unset: the image's; empty: none
  bool network_disabled = false;
  std::string mac_address;
  std::vector<std::string> on_build;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<std::int64_t> stop_timeout;  // seconds
  std::vector<std::string> shell;

  codec::Json ToJson() const;
  static Result<ContainerConfig> FromJson(const codec::Json& json);
};

// Body of POST /containers/create.
struct ContainerCreate {
  ContainerConfig config;
  HostConfig host_config;
  std::map<std::string, EndpointSettings> endpoints;  // NetworkingConfig.EndpointsConfig
  // Of clients before API 1.44, and not part of the body: a bind that is read-only leaves the mounts below it writable.
  bool read_only_is_flat = false;

  codec::Json ToJson() const;
  static Result<ContainerCreate> FromJson(const codec::Json& json);
};

struct ContainerCreateResponse {
  std::string id;
  std::vector<std::string> warnings;

  codec::Json ToJson() const;
  static Result<ContainerCreateResponse> FromJson(const codec::Json& json);
};

struct MountPoint {
  std::string type;  // "bind", "volume", "tmpfs"
  std::string name;  // volumes only
  std::string source;
  std::string destination;
  std::string driver;
  std::string mode;
  bool rw = false;
  std::string propagation;
};

struct Port {
  std::string ip;  // "" when not published
  std::uint16_t private_port = 0;
  std::uint16_t public_port = 0;  // 0 when not published
  std::string type;               // "tcp"
  bool operator==(const Port&) const = default;
};

struct HealthSummary {
  std::string status;  // "none", "starting", "healthy", "unhealthy"
  std::int64_t failing_streak = 0;
};

// One element of GET /containers/json.
struct ContainerSummary {
  std::string id;
  std::vector<std::string> names;  // "/web"
  std::string image;
  std::string image_id;
  std::string command;
  std::int64_t created = 0;  // seconds
  std::vector<Port> ports;
  std::optional<std::int64_t> size_rw;
  std::optional<std::int64_t> size_root_fs;
  std::map<std::string, std::string> labels;
  std::string state;   // "running"
  std::string status;  // "Up 5 minutes"
  HealthSummary health;
  std::string network_mode;
  std::map<std::string, std::string> annotations;
  std::map<std::string, EndpointSettings> networks;
  std::vector<MountPoint> mounts;

  codec::Json ToJson() const;
  static Result<ContainerSummary> FromJson(const codec::Json& json);
};

struct WaitResponse {
  std::int64_t status_code = 0;
  std::string error;  // "" for none

  codec::Json ToJson() const;
  static Result<WaitResponse> FromJson(const codec::Json& json);
};

// Body of POST /containers/{id}/update.
struct ContainerUpdate {
  Resources resources;
  RestartPolicy restart_policy;

  codec::Json ToJson() const;
  static Result<ContainerUpdate> FromJson(const codec::Json& json);
};

struct ContainerTop {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> processes;

  codec::Json ToJson() const;
  static Result<ContainerTop> FromJson(const codec::Json& json);
};

// Body of POST /containers/{id}/exec.
struct ExecCreate {
  std::string user;
  bool privileged = false;
  bool tty = false;
  std::vector<std::uint32_t> console_size;  // height, width
  bool attach_stdin = false;
  bool attach_stdout = false;
  bool attach_stderr = false;
  bool detach = false;
  std::string detach_keys;
  std::vector<std::string> env;
  std::string working_dir;
  std::vector<std::string> cmd;

  codec::Json ToJson() const;
  static Result<ExecCreate> FromJson(const codec::Json& json);
};

// Body of POST /exec/{id}/start.
struct ExecStart {
  bool detach = false;
  bool tty = false;
  std::vector<std::uint32_t> console_size;

  codec::Json ToJson() const;
  static Result<ExecStart> FromJson(const codec::Json& json);
};

struct ExecInspect {
  std::string id;
  bool running = false;
  std::optional<std::int64_t> exit_code;  // unset while it runs or has not started
  bool tty = false;
  std::string entrypoint;
  std::vector<std::string> arguments;
  bool privileged = false;
  std::string user;
  bool open_stdin = false;
  bool open_stdout = false;
  bool open_stderr = false;
  bool can_remove = false;
  std::string container_id;
  std::string detach_keys;
  std::int64_t pid = 0;

  codec::Json ToJson() const;
  static Result<ExecInspect> FromJson(const codec::Json& json);
};

}  // namespace estiba::apitypes
