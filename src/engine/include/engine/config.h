#pragma once
// The engine's settings: /etc/estiba/estibad.toml for root, ~/.config/estiba/estibad.toml for a user. Every key has
// a default; a key nobody knows is refused with its line.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace estiba::engine {

struct AddressPool {
  std::string base;  // "172.17.0.0/16"
  int size = 16;     // prefix length of the subnets cut from it
};

// What a container gets when its own configuration says nothing.
struct DefaultLimits {
  std::int64_t pids = 0;        // 0: no limit
  std::int64_t memory = 0;      // bytes, 0: no limit
  std::int64_t shm_size = 64 << 20;
  // Unset leaves what the engine was started with.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> nofile;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> nproc;
};

// Which images go by themselves: only those that no container has, and that nobody used for `minimum_age`.
struct ImagePolicy {
  std::int64_t keep_storage = 0;           // bytes that images may take; what was not used longest goes first. 0: any
  std::chrono::nanoseconds unused_for{0};  // those unused for so long go; 0: they stay
  std::chrono::nanoseconds minimum_age = std::chrono::minutes(10);
  bool keep_blobs = true;  // false: a layer's blob goes once the layer is unpacked, if a registry has it

  bool removes() const { return keep_storage > 0 || unused_for.count() > 0; }
};

// Networks that the host's CNI configuration describes (docs/cni.md).
struct CniConfig {
  bool enabled = false;
  std::string conf_dir = "/etc/cni/net.d";
  std::vector<std::string> bin_dirs = {"/opt/cni/bin", "/usr/lib/cni"};
  int timeout = 30;  // seconds that one run of a plugin may take
  bool operator==(const CniConfig&) const = default;
};

// How layers are stored, and containers made of them. kAuto is kOverlay where overlays can be mounted, else kCopy
// (docs/storage.md).
enum class StorageDriver : unsigned char { kAuto, kOverlay, kErofs, kCopy };
// "auto", "overlay", "erofs", "copy", and dockerd's "overlay2" and "vfs"; kInvalidArgument names the others.
Result<StorageDriver> ParseStorageDriver(const std::string& name);

struct Config {
  std::string file;  // where it was read from; empty when there was none
  bool rootless = false;

  std::string data_root;
  std::string run_root;
  std::string socket;  // path of the API socket
  std::string socket_group = "estiba";
  // Where it listens besides (engine/hosts.h), and TLS there; dockerd's names.
  std::vector<std::string> hosts;
  std::optional<bool> tls;
  std::optional<bool> tlsverify;
  std::string tlscacert;
  std::string tlscert;
  std::string tlskey;

  StorageDriver storage_driver = StorageDriver::kAuto;
  bool LayersAreImages() const { return storage_driver == StorageDriver::kErofs; }

  log::Level log_level = log::Level::kInfo;
  std::string log_file;  // of the engine itself, rotated; "-" is standard error
  std::int64_t log_max_size = 10 << 20;
  int log_max_files = 3;

  // Logs of containers.
  std::int64_t container_log_max_size = 10 << 20;
  int container_log_max_files = 3;

  std::vector<std::string> insecure_registries;  // HOST[:PORT]
  int stall_timeout = 60;                        // seconds without a byte, until a connection is given up
  int parallel_ranges = 1;                       // of one large blob, fetched at the same time
  std::string default_registry = "docker.io";
  // Of registries.conf and registries.conf.d; what a later one says wins.
  std::vector<std::string> registries_folders = {"/etc/containers"};
  std::string registries_file;  // in the place of their registries.conf; empty: none
  std::string signatures_folder = "/var/lib/containers/sigstore";  // of images for which registries.d names no place

  // With a folder for each registry: whom to trust there, who we are, where else its images are.
  std::vector<std::string> certs_folders = {"/etc/containers/certs.d", "/etc/docker/certs.d",
                                            "/etc/containerd/certs.d"};
  // Instead of the environment's; empty: that.
  std::string http_proxy;
  std::string https_proxy;
  std::string no_proxy;

  std::string bridge = "estiba0";
  std::string bridge_subnet;                // empty: the first free subnet of the pools
  bool bridge_ipv6 = false;
  std::string bridge_subnet6;               // empty: the first free IPv6 subnet
  int mtu = 1500;
  std::string default_bind = "0.0.0.0";     // where -p publishes when no address is given
  std::vector<std::string> dns;
  std::string way_out = "auto";  // of a user's containers: "auto", "pasta" or "slirp4netns"
  std::vector<AddressPool> address_pools;
  CniConfig cni;

  ImagePolicy images;

  // Containers that say nothing of it get a user namespace of their own.
  bool userns_auto = false;
  std::string userns_ids = "1073741824:268435456";  // "FIRST:COUNT": ids of the host that those are cut from

  std::string cgroup_parent = "estiba";
  std::string init_program;  // estiba-init; found beside the engine when empty
  DefaultLimits limits;
};

// Where things go when no file says otherwise. `environment` looks up XDG_DATA_HOME and the like.
Config DefaultConfig(bool rootless, unsigned uid);

// Pure: the defaults with what the text sets. Errors name `file` and the line.
Result<Config> ParseConfig(std::string_view text, const std::string& file, Config defaults);

// The file given, or the default one; a default file that does not exist is an empty one.
Result<Config> LoadConfig(const std::optional<std::string>& file, bool rootless, unsigned uid);

}  // namespace estiba::engine
