#pragma once
// The runtime specification's config.json for Linux (1.3) as plain structs. A number that may be unset is an optional;
// a string or list that may be unset is empty. Nothing here knows JSON: see runtime_json.h. Every member has an
// initialiser, so that designated initialisers may leave any away.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace estiba::oci {

// Keys in their order of appearance, as annotations and sysctls are written.
using StringMap = std::vector<std::pair<std::string, std::string>>;

// ---- process -------------------------------------------------------------------------------------------------

struct ConsoleSize {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
};

struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::optional<std::uint32_t> umask{};
  std::vector<std::uint32_t> additional_gids{};
  // Ours: "name", "uid", "name:group"… of an image or of `-u`, resolved in the container's root when it is prepared;
  // then uid, gid and the groups above only add to it. Empty: the numbers stand. In JSON: "username".
  std::string username{};
};

// Names with "CAP_", upper case.
struct Capabilities {
  std::vector<std::string> bounding{};
  std::vector<std::string> effective{};
  std::vector<std::string> inheritable{};
  std::vector<std::string> permitted{};
  std::vector<std::string> ambient{};
};

struct Rlimit {
  std::string type{};  // "RLIMIT_NOFILE"
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;  // UINT64_MAX is RLIM_INFINITY
};

struct Scheduler {
  std::string policy{};  // "SCHED_OTHER", …
  std::int32_t nice = 0;
  std::int32_t priority = 0;
  std::vector<std::string> flags{};  // "SCHED_FLAG_RESET_ON_FORK", …
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

struct IoPriority {
  std::string io_class{};  // "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"
  std::int32_t priority = 0;
};

struct CpuAffinity {
  std::string initial{};  // cpu lists, "0-3,7"
  std::string final_cpus{};
};

struct Process {
  bool terminal = false;
  std::optional<ConsoleSize> console_size{};
  User user{};
  std::vector<std::string> args{};
  std::vector<std::string> env{};  // "KEY=value"
  std::string cwd = "/";
  std::optional<Capabilities> capabilities{};  // unset: none
  std::vector<Rlimit> rlimits{};
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj{};  // unset: inherited; 0 is a value
  std::string apparmor_profile{};
  std::string selinux_label{};
  std::optional<Scheduler> scheduler{};
  std::optional<IoPriority> io_priority{};
  std::optional<CpuAffinity> exec_cpu_affinity{};
};

// ---- root, mounts, hooks -------------------------------------------------------------------------------------

struct Root {
  std::string path{};
  bool readonly = false;
};

struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
};

struct Mount {
  std::string destination{};
  std::string type{};
  std::string source{};
  std::vector<std::string> options{};
  std::vector<IdMapping> uid_mappings{};
  std::vector<IdMapping> gid_mappings{};
};

struct Hook {
  std::string path{};  // absolute
  std::vector<std::string> args{};
  std::optional<std::vector<std::string>> env{};  // unset is not empty
  std::optional<int> timeout{};                   // seconds, > 0
};

struct Hooks {
  std::vector<Hook> prestart{};
  std::vector<Hook> create_runtime{};
  std::vector<Hook> create_container{};
  std::vector<Hook> start_container{};
  std::vector<Hook> poststart{};
  std::vector<Hook> poststop{};
};

// ---- linux ---------------------------------------------------------------------------------------------------

enum class NamespaceType : unsigned char { kPid, kNetwork, kMount, kIpc, kUts, kUser, kCgroup, kTime };

struct Namespace {
  NamespaceType type = NamespaceType::kPid;
  std::string path{};  // empty: a new one
};

struct TimeOffset {
  std::int64_t secs = 0;
  std::uint32_t nanosecs = 0;
};

struct Device {
  std::string path{};
  char type = 'c';  // 'c', 'b', 'u' or 'p'
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint32_t> file_mode{};
  std::optional<std::uint32_t> uid{};
  std::optional<std::uint32_t> gid{};
};

struct NetDevice {
  std::string host_name{};
  std::string name{};  // empty: as on the host
};

// One ordered device rule of resources.devices.
struct DeviceRule {
  bool allow = false;
  char type = 'a';                    // 'a', 'b', 'c'
  std::optional<std::int64_t> major{};  // unset or -1: any
  std::optional<std::int64_t> minor{};
  std::string access = "rwm";
};

struct MemoryResources {
  std::optional<std::int64_t> limit{};        // bytes; -1: none
  std::optional<std::int64_t> reservation{};
  std::optional<std::int64_t> swap{};         // memory and swap together; -1: none
  std::optional<std::int64_t> kernel{};
  std::optional<std::int64_t> kernel_tcp{};
  std::optional<std::uint64_t> swappiness{};
  std::optional<bool> disable_oom_killer{};
  std::optional<bool> use_hierarchy{};
  std::optional<bool> check_before_update{};
};

struct CpuResources {
  std::optional<std::uint64_t> shares{};
  std::optional<std::int64_t> quota{};  // microseconds a period; -1: none
  std::optional<std::uint64_t> burst{};
  std::optional<std::uint64_t> period{};
  std::optional<std::int64_t> realtime_runtime{};
  std::optional<std::uint64_t> realtime_period{};
  std::string cpus{};
  std::string mems{};
  std::optional<std::int64_t> idle{};
};

struct WeightDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::optional<std::uint16_t> weight{};
  std::optional<std::uint16_t> leaf_weight{};
};

struct ThrottleDevice {
  std::int64_t major = 0;
  std::int64_t minor = 0;
  std::uint64_t rate = 0;
};

struct BlockIoResources {
  std::optional<std::uint16_t> weight{};
  std::optional<std::uint16_t> leaf_weight{};
  std::vector<WeightDevice> weight_devices{};
  std::vector<ThrottleDevice> throttle_read_bps{};
  std::vector<ThrottleDevice> throttle_write_bps{};
  std::vector<ThrottleDevice> throttle_read_iops{};
  std::vector<ThrottleDevice> throttle_write_iops{};
};

struct HugepageLimit {
  std::string page_size{};  // "2MB"
  std::uint64_t limit = 0;
};

struct InterfacePriority {
  std::string name{};
  std::uint32_t priority = 0;
};

struct NetworkResources {
  std::optional<std::uint32_t> class_id{};
  std::vector<InterfacePriority> priorities{};
};

struct RdmaLimit {
  std::string device{};
  std::optional<std::uint32_t> hca_handles{};
  std::optional<std::uint32_t> hca_objects{};
};

struct Resources {
  std::vector<DeviceRule> devices{};
  MemoryResources memory{};
  CpuResources cpu{};
  std::optional<std::int64_t> pids_limit{};  // -1: none; 0 is a limit
  BlockIoResources block_io{};
  std::vector<HugepageLimit> hugepages{};
  NetworkResources network{};
  std::vector<RdmaLimit> rdma{};
  StringMap unified{};  // file name to value, cgroup v2 only
};

enum class SeccompAction : unsigned char {
  kKillThread,  // SCMP_ACT_KILL and SCMP_ACT_KILL_THREAD
  kKillProcess, kTrap, kErrno, kTrace, kAllow, kLog, kNotify,
};

enum class SeccompOp : unsigned char { kNotEqual, kLess, kLessEqual, kEqual, kGreaterEqual, kGreater, kMaskedEqual };

struct SeccompArg {
  std::uint32_t index = 0;  // 0-5
  SeccompOp op = SeccompOp::kEqual;
  std::uint64_t value = 0;      // kMaskedEqual: the mask
  std::uint64_t value_two = 0;  // kMaskedEqual: what must remain
};

struct SeccompRule {
  std::vector<std::string> names{};
  SeccompAction action = SeccompAction::kAllow;
  std::optional<std::uint32_t> errno_ret{};
  std::vector<SeccompArg> args{};
};

struct Seccomp {
  SeccompAction default_action = SeccompAction::kAllow;
  std::optional<std::uint32_t> default_errno_ret{};
  std::vector<std::string> architectures{};           // "SCMP_ARCH_X86_64", …; empty: the native one
  std::optional<std::vector<std::string>> flags{};    // unset is not empty: unset means SPEC_ALLOW
  std::string listener_path{};
  std::string listener_metadata{};
  std::vector<SeccompRule> syscalls{};
};

struct IntelRdt {
  std::string clos_id{};
  std::vector<std::string> schemata{};
  std::string l3_cache_schema{};
  std::string mem_bw_schema{};
  bool enable_monitoring = false;
};

struct MemoryPolicy {
  std::string mode{};   // "MPOL_BIND", …
  std::string nodes{};  // "0-1"; may be empty
  std::vector<std::string> flags{};
};

struct Linux {
  std::vector<Namespace> namespaces{};
  std::vector<IdMapping> uid_mappings{};
  std::vector<IdMapping> gid_mappings{};
  std::optional<TimeOffset> monotonic_offset{};
  std::optional<TimeOffset> boottime_offset{};
  std::vector<Device> devices{};
  std::vector<NetDevice> net_devices{};
  std::string cgroups_path{};
  Resources resources{};
  std::string rootfs_propagation{};  // "shared", "slave", "private", "unbindable", with "r" too; empty: default
  std::optional<Seccomp> seccomp{};
  std::vector<std::string> masked_paths{};
  std::vector<std::string> readonly_paths{};
  std::string mount_label{};
  StringMap sysctl{};
  std::string personality{};  // "LINUX", "LINUX32"; empty: as it is
  std::optional<IntelRdt> intel_rdt{};
  std::optional<MemoryPolicy> memory_policy{};
};

// Ours, an extension: the JSON of the annotation kLandlockAnnotation, with the words proposed for the specification
// (opencontainers/runtime-spec#1241).
inline constexpr const char* kLandlockAnnotation = "dev.estiba.landlock";
struct LandlockRule {
  std::vector<std::string> allowed_access{};  // "read_file", …
  std::vector<std::string> paths{};           // in the container
};
struct Landlock {
  std::vector<std::string> handled_access_fs{};  // what is forbidden where no rule allows it
  std::vector<LandlockRule> path_beneath{};
  bool disable_best_effort = false;  // refuse where the kernel knows fewer kinds of access than are handled
};

struct RuntimeSpec {
  std::string oci_version = "1.3.0";
  std::optional<Process> process{};
  Root root{};
  std::string hostname{};
  std::string domainname{};
  std::vector<Mount> mounts{};
  Hooks hooks{};
  StringMap annotations{};
  std::optional<Landlock> landlock{};
  Linux linux_config{};
};

// The namespace of that type, or null when the container shares the runtime's.
const Namespace* FindNamespace(const Linux& config, NamespaceType type);
// True when the container gets a new namespace of that type.
bool HasNewNamespace(const Linux& config, NamespaceType type);
// "pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time".
const char* NamespaceName(NamespaceType type);

}  // namespace estiba::oci
