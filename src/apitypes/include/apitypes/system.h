#pragma once
// /version, /info, /events, /auth, errors.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"

namespace estiba::apitypes {

struct Component {
  std::string name;
  std::string version;
  std::map<std::string, std::string> details;
};

struct Version {
  std::string platform_name;
  std::vector<Component> components;
  std::string version;
  std::string api_version;
  std::string min_api_version;
  std::string git_commit;
  std::string language_version;  // written as GoVersion, which clients print
  std::string os;
  std::string arch;
  std::string kernel_version;
  bool experimental = false;
  std::string build_time;

  codec::Json ToJson() const;
  static Result<Version> FromJson(const codec::Json& json);
};

struct Info {
  std::string id;
  std::int64_t containers = 0;
  std::int64_t containers_running = 0;
  std::int64_t containers_paused = 0;
  std::int64_t containers_stopped = 0;
  std::int64_t images = 0;
  std::string driver = "overlay2";
  std::vector<std::vector<std::string>> driver_status;
  std::vector<std::string> volume_plugins = {"local"};
  std::vector<std::string> network_plugins = {"bridge", "host", "null"};
  std::vector<std::string> log_plugins = {"journald", "json-file", "local", "none", "syslog"};
  bool memory_limit = false;
  bool swap_limit = false;
  bool cpu_cfs_period = false;
  bool cpu_cfs_quota = false;
  bool cpu_shares = false;
  bool cpu_set = false;
  bool pids_limit = false;
  bool oom_kill_disable = false;
  bool ipv4_forwarding = false;
  bool debug = false;
  std::int64_t n_fd = 0;
  std::int64_t n_threads = 0;
  std::string system_time;
  std::string logging_driver = "json-file";
  std::string cgroup_driver = "cgroupfs";
  std::string cgroup_version;  // "1" or "2"
  std::int64_t n_events_listener = 0;
  std::string kernel_version;
  std::string operating_system;
  std::string os_version;
  std::string os_type = "linux";
  std::string architecture;
  std::string index_server_address;
  std::vector<std::string> insecure_registries;  // CIDRs and host:port
  std::int64_t n_cpu = 0;
  std::int64_t mem_total = 0;
  std::string root_dir;
  std::string http_proxy;
  std::string https_proxy;
  std::string no_proxy;
  std::string name;
  std::vector<std::string> labels;
  bool experimental_build = false;
  std::string server_version;
  std::map<std::string, std::string> runtimes;  // name → path
  std::string default_runtime;
  bool live_restore_enabled = true;
  std::string init_binary;
  std::vector<std::string> security_options;  // "name=seccomp,profile=builtin"
  std::string firewall_backend = "nftables";
  std::vector<std::string> warnings;

  codec::Json ToJson() const;
  static Result<Info> FromJson(const codec::Json& json);
};

// One line of GET /events.
struct Event {
  std::string type;    // "container", "image", "network", "volume"
  std::string action;  // "start", "exec_create: sh"
  std::string actor_id;
  std::map<std::string, std::string> attributes;
  std::string scope = "local";
  std::int64_t time_nano = 0;

  // With the older status, id and from fields too, which clients before API 1.52 need.
  codec::Json ToJson() const;
  static Result<Event> FromJson(const codec::Json& json);
};

// {"message": "..."}
std::string ErrorBody(const std::string& message);

}  // namespace estiba::apitypes
