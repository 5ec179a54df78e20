#pragma once
// What the host grants a container: Docker's HostConfig, every field of API 1.52. What the engine does not do
// yet it refuses by name; nothing is dropped here.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"

namespace estiba::apitypes {

struct PortBinding {
  std::string host_ip;
  std::string host_port;  // "", "8080" or "8000-8010"
  bool operator==(const PortBinding&) const = default;
};
// "80/tcp" → where it is published; empty list: any free port.
using PortMap = std::map<std::string, std::vector<PortBinding>>;

struct LogConfig {
  std::string type;
  std::map<std::string, std::string> config;
};

struct RestartPolicy {
  std::string name;  // "", "no", "always", "unless-stopped", "on-failure"
  std::int64_t maximum_retry_count = 0;
};

struct WeightDevice {
  std::string path;
  std::uint16_t weight = 0;
};
struct ThrottleDevice {
  std::string path;
  std::uint64_t rate = 0;
};
struct DeviceMapping {
  std::string path_on_host;
  std::string path_in_container;
  std::string cgroup_permissions;
};
struct DeviceRequest {
  std::string driver;
  std::int64_t count = 0;
  std::vector<std::string> device_ids;
  std::vector<std::vector<std::string>> capabilities;
  std::map<std::string, std::string> options;
};
struct Ulimit {
  std::string name;
  std::int64_t hard = 0;
  std::int64_t soft = 0;
};

// The part of HostConfig that `update` can change.
struct Resources {
  std::int64_t cpu_shares = 0;
  std::int64_t memory = 0;
  std::int64_t nano_cpus = 0;
  std::string cgroup_parent;
  std::uint16_t blkio_weight = 0;
  std::vector<WeightDevice> blkio_weight_device;
  std::vector<ThrottleDevice> blkio_device_read_bps;
  std::vector<ThrottleDevice> blkio_device_write_bps;
  std::vector<ThrottleDevice> blkio_device_read_iops;
  std::vector<ThrottleDevice> blkio_device_write_iops;
  std::int64_t cpu_period = 0;
  std::int64_t cpu_quota = 0;
  std::int64_t cpu_realtime_period = 0;
  std::int64_t cpu_realtime_runtime = 0;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  std::vector<DeviceMapping> devices;
  std::vector<std::string> device_cgroup_rules;
  std::vector<DeviceRequest> device_requests;
  std::int64_t kernel_memory = 0;
  std::int64_t kernel_memory_tcp = 0;
  std::int64_t memory_reservation = 0;
  std::int64_t memory_swap = 0;
  std::optional<std::int64_t> memory_swappiness;
  std::optional<bool> oom_kill_disable;
  std::optional<std::int64_t> pids_limit;
  std::vector<Ulimit> ulimits;
  std::int64_t cpu_count = 0;              // Windows
  std::int64_t cpu_percent = 0;            // Windows
  std::uint64_t io_maximum_iops = 0;       // Windows
  std::uint64_t io_maximum_bandwidth = 0;  // Windows
};

struct BindOptions {
  std::string propagation;
  bool non_recursive = false;
  bool create_mountpoint = false;
  bool read_only_non_recursive = false;
  bool read_only_force_recursive = false;
  // Ours: how ids are mapped. "container": to its user namespace; "uids=…;gids=…": as given (podman's idmap=).
  std::string id_map;
};
struct VolumeOptions {
  bool no_copy = false;
  std::map<std::string, std::string> labels;
  std::string driver_name;
  std::map<std::string, std::string> driver_options;
  std::string subpath;
};
struct TmpfsOptions {
  std::int64_t size_bytes = 0;
  std::uint32_t mode = 0;
  std::vector<std::vector<std::string>> options;
};
struct ImageOptions {
  std::string subpath;
};
struct Mount {
  std::string type;  // "bind", "volume", "tmpfs", "image"
  std::string source;
  std::string target;
  bool read_only = false;
  std::string consistency;
  std::optional<BindOptions> bind_options;
  std::optional<VolumeOptions> volume_options;
  std::optional<TmpfsOptions> tmpfs_options;
  std::optional<ImageOptions> image_options;
};

struct HostConfig {
  Resources resources;
  std::vector<std::string> binds;
  std::string container_id_file;
  LogConfig log_config;
  std::string network_mode;
  PortMap port_bindings;
  RestartPolicy restart_policy;
  bool auto_remove = false;
  std::string volume_driver;
  std::vector<std::string> volumes_from;
  std::vector<std::uint32_t> console_size;  // height, width
  std::map<std::string, std::string> annotations;
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  std::string cgroupns_mode;  // "", "private", "host"
  std::vector<std::string> dns;
  std::vector<std::string> dns_options;
  std::vector<std::string> dns_search;
  std::vector<std::string> extra_hosts;
  std::vector<std::string> group_add;
  std::string ipc_mode;
  std::string cgroup;
  std::vector<std::string> links;
  std::int64_t oom_score_adj = 0;
  std::string pid_mode;
  bool privileged = false;
  bool publish_all_ports = false;
  bool readonly_rootfs = false;
  std::vector<std::string> security_opt;
  std::map<std::string, std::string> storage_opt;
  std::map<std::string, std::string> tmpfs;
  std::string uts_mode;
  std::string userns_mode;
  std::int64_t shm_size = 0;
  std::map<std::string, std::string> sysctls;
  std::string runtime;
  std::string isolation;
  std::vector<Mount> mounts;
  std::optional<std::vector<std::string>> masked_paths;  // unset: the default list; empty: none
  std::optional<std::vector<std::string>> readonly_paths;
  std::optional<bool> init;

  codec::Json ToJson() const;
  static Result<HostConfig> FromJson(const codec::Json& json);
};

}  // namespace estiba::apitypes
