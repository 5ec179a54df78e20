#pragma once
// CRIU's RPC, as version 3.15 and later speak it (rpc.proto): requests to bytes, bytes to replies. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::criu {

enum class Type : std::uint8_t {
  kEmpty = 0,
  kDump = 1,
  kRestore = 2,
  kPreDump = 4,
  kNotify = 6,
  kFeatureCheck = 9,
  kVersion = 10,
};
// "dump", "restore", …
std::string_view TypeName(Type type);

enum class CgroupMode : std::uint8_t { kIgnore = 0, kSoft = 3, kFull = 4, kStrict = 5, kDefault = 6 };

// What keeps packets away from connections while they are saved.
enum class NetworkLock : std::uint8_t { kIptables = 1, kNftables = 2, kSkip = 3 };

// {"/etc/hosts", "/srv/hosts"}: a mount, a cgroup root, a namespace to join.
struct Pair {
  std::string key;
  std::string value;
};
struct InheritFd {
  std::string key;  // "pipe:[4711]", "extRootNetNS"
  int fd = -1;      // as criu has it
};
struct PageServer {
  std::string address;
  std::uint16_t port = 0;
};

// Numbers below 0, empty texts and false are left out.
struct Options {
  int images_dir = -1;  // descriptors of the asking process
  int work_dir = -1;
  int pid = -1;
  int log_level = -1;
  int status_fd = -1;
  std::uint32_t empty_namespaces = 0;  // CLONE_NEW…
  bool leave_running = false;
  bool ext_unix_sockets = false;
  bool tcp_established = false;
  bool tcp_skip_in_flight = false;
  bool tcp_close = false;
  bool evasive_devices = false;
  bool shell_job = false;
  bool file_locks = false;
  bool notify_scripts = false;
  bool track_memory = false;
  bool auto_dedup = false;
  bool link_remap = false;
  bool restore_as_sibling = false;  // the restored process becomes a child of the asking one
  bool lazy_pages = false;
  bool orphan_pts_master = false;
  std::string log_file{};
  std::string root{};
  std::string parent_images{};
  std::string freeze_cgroup{};
  std::string config_file{};
  std::string lsm_profile{};
  std::string lsm_mount_context{};
  std::optional<CgroupMode> cgroups{};
  std::optional<NetworkLock> network_lock{};  // else by iptables-restore; CRIU before 3.16 knows that alone
  std::optional<PageServer> page_server{};
  std::vector<Pair> external_mounts{};
  std::vector<Pair> cgroup_roots{};     // {controllers, path}
  std::vector<Pair> join_namespaces{};  // {"ipc", "/proc/7/ns/ipc"}
  std::vector<std::string> external{};  // "net[4026532008]:extRootNetNS"
  std::vector<InheritFd> inherit{};
};

struct Features {
  bool memory_tracking = false;
  bool lazy_pages = false;
};

struct Request {
  Type type = Type::kEmpty;
  std::optional<Options> options{};
  std::optional<bool> notify_success{};
  std::optional<Features> features{};  // those asked about
};
std::string Encode(const Request& request);

struct Version {
  int major = 0;
  int minor = 0;
  int sublevel = 0;
  int Number() const { return major * 10000 + minor * 100 + sublevel; }
  std::string Text() const;  // "3.17.1"
};

struct Reply {
  Type type = Type::kEmpty;
  bool success = false;
  int pid = 0;           // restore: the first process
  std::string script{};  // notify: "post-restore", …
  int script_pid = 0;    // notify: the first process, for "setup-namespaces" and "post-restore"
  int error = 0;         // an errno, or 0
  Features features{};
  std::optional<Version> version{};
};
// kDataLoss for what is no reply; fields it does not know are passed over.
Result<Reply> Decode(std::string_view bytes);

}  // namespace estiba::criu
