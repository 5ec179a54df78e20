#pragma once
// A container's record to the runtime specification its plan is built from. Pure: what must be asked of the host comes
// in SpecContext.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../apparmor.h"
#include "../containers/record.h"
#include "base/result.h"
#include "engine/config.h"
#include "oci/runtime_spec.h"
#include "seccomp_profiles.h"
#include "volume_device.h"

namespace estiba::engine {

// A device of the host that a container asked for.
struct HostDevice {
  oci::Device device;  // as it shall be inside
  std::string access;  // "rwm"
};

struct SpecContext {
  std::string names_dir;      // holds hostname, hosts and resolv.conf: another container's where its network is shared
  std::string volumes_root;   // volume NAME is in <root>/NAME/_data
  std::map<std::string, VolumeDevice> volume_devices;  // by name: those that are no folder of ours
  std::string init_program;   // for --init
  std::string host_name;      // of the host
  std::string cgroup_path;
  DefaultLimits limits;
  bool swap_limit = true;     // the host accounts swap
  bool recursive_read_only = true;  // the kernel can make a whole tree of mounts read-only (mount_setattr(2))
  std::uint64_t capabilities = ~std::uint64_t{0};  // what this process may give at all
  std::string apparmor_profile;  // empty: none is set
  std::shared_ptr<SeccompProfiles> seccomp = std::make_shared<SeccompProfiles>();  // the engine has one for all
  std::vector<HostDevice> devices;
  std::vector<std::string> link_env;  // what containers that it is linked to are (links.h)
  // PID 1 of the container whose namespace is joined: {"pid": 4711, "ipc": …, "network": …}.
  std::map<std::string, int> joined;
};

Result<oci::RuntimeSpec> BuildSpec(const ContainerRecord& record, const SpecContext& context);

// What `exec` runs: the container's process with what the request changes.
Result<oci::Process> BuildExecProcess(const ContainerRecord& record, const SpecContext& context,
                                      const apitypes::ExecCreate& create);

// Limits of a request as the runtime specification has them; for create and update.
oci::Resources BuildResources(const apitypes::Resources& wanted, const SpecContext& context);

// ---- parts ---------------------------------------------------------------------------------------------------
// Docker's default mounts, the three name files, then the container's own, parents first.
Result<std::vector<oci::Mount>> BuildMounts(const ContainerRecord& record, const SpecContext& context);
Status BuildSecurity(const ContainerRecord& record, const SpecContext& context, oci::RuntimeSpec& spec);
// What confines its processes; null where nothing does (`--privileged`, seccomp=unconfined).
Result<std::shared_ptr<const ReadySeccomp>> SeccompOf(const ContainerRecord& record, const SpecContext& context);

// What of `--security-opt` applies. kInvalidArgument for an option nobody knows.
struct SecurityOptions {
  bool no_new_privileges = false;
  std::string apparmor_profile;      // empty: what is usual
  std::vector<std::string> labels;   // of SELinux
  bool seccomp_unconfined = false;
  std::string seccomp_profile;  // JSON, empty: the default
  bool system_paths_unconfined = false;
};
Result<SecurityOptions> ParseSecurityOptions(const std::vector<std::string>& options);

// The profile that a container shall have: empty for none, "unconfined" where that was chosen. A named one that cannot
// be given here is refused.
Result<std::string> ChooseAppArmorProfile(const apitypes::HostConfig& host, const AppArmor::Use& use);
// SELinux's labels are refused where it is on, and mean nothing where it is off: that is told by `warnings`.
Status CheckSelinuxOptions(const apitypes::HostConfig& host, bool selinux, std::vector<std::string>* warnings);

// "nofile" → "RLIMIT_NOFILE".
Result<std::string> RlimitName(const std::string& name);
// "c 10:* rwm".
Result<oci::DeviceRule> ParseDeviceRule(const std::string& text);
// True when the container shares the host's network namespace.
bool UsesHostNetwork(const ContainerRecord& record);
// "container:ID" → "ID", or nothing.
std::string JoinedContainer(const std::string& mode);

}  // namespace estiba::engine
