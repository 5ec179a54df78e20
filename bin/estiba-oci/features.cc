// features: what engines may ask for.

#include "oci/features.h"
#include "commands.h"
#include "oci/runtime_json.h"
#include "os/features.h"
#include "os/file.h"
#include "plan/build.h"
#include "security/capability.h"
#include "security/seccomp.h"

namespace estiba::ocicli {
namespace {

oci::Features Ours() {
  const os::KernelFeatures kernel = os::ProbeFeatures();
  oci::Features f;
  f.cgroup_systemd = true;
  f.hooks = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};
  f.mount_options = plan::MountOptionNames();
  for (const auto type : {oci::NamespaceType::kCgroup, oci::NamespaceType::kIpc, oci::NamespaceType::kMount,
                          oci::NamespaceType::kNetwork, oci::NamespaceType::kPid, oci::NamespaceType::kTime,
                          oci::NamespaceType::kUser, oci::NamespaceType::kUts})
    if (type != oci::NamespaceType::kTime || kernel.time_namespace)
      f.namespaces.emplace_back(oci::NamespaceName(type));
  for (const std::string& name : security::CapabilityNames(security::AllCapabilities()))
    f.capabilities.push_back(name);
  f.idmapped_mounts = kernel.mount_setattr;
  f.cgroup_v1 = f.cgroup_v2 = f.cgroup_rdma = true;
  using enum oci::SeccompAction;
  for (const auto action : {kAllow, kErrno, kKillThread, kKillProcess, kLog, kNotify, kTrace, kTrap})
    f.seccomp_actions.emplace_back(oci::SeccompActionName(action));
  f.seccomp_actions.emplace_back("SCMP_ACT_KILL_THREAD");
  for (unsigned op = 0; op < 7; ++op)
    f.seccomp_operators.emplace_back(oci::SeccompOpName(static_cast<oci::SeccompOp>(op)));
  const security::Arch native = security::NativeArch();
  f.seccomp_architectures = {security::ArchName(native)};
  if (native == security::Arch::kX86_64)
    for (const auto arch : {security::Arch::kX86, security::Arch::kX32})
      f.seccomp_architectures.emplace_back(security::ArchName(arch));
  f.seccomp_known_flags = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                           "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
  f.seccomp_supported_flags = f.seccomp_known_flags;
  f.net_devices = f.intel_rdt = f.selinux = true;
  f.apparmor = true;
  f.unsafe_annotations = {"org.systemd.property.", "org.criu.config"};
  f.memory_policy_modes = oci::MemoryPolicyModes();
  f.memory_policy_flags = oci::MemoryPolicyFlags();
  if (const int abi = os::LandlockAbi(); abi > 0)
    f.annotations = {{std::string(oci::kLandlockAnnotation) + ".abi", std::to_string(abi)}};
  return f;
}

}  // namespace

Result<int> FeaturesCommand(const Context&) {
  TRY(os::WriteAll(1, oci::WriteFeatures(Ours()) + "\n"));
  return 0;
}

}  // namespace estiba::ocicli
