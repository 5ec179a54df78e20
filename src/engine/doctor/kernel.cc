// The kernel's features (docs/kernel.md), tried.

#include <fcntl.h>
#include <unistd.h>

#include "../apparmor.h"
#include "findings.h"
#include "os/fd.h"
#include "os/features.h"
#include "os/mount.h"
#include "os/process.h"

namespace estiba::engine {
namespace {

constexpr const char* kNewerKernel = "a newer kernel: apt install linux-image-amd64 -t bookworm-backports";

constexpr Feature kMounts{"Kernel", "mounts by descriptor", true, "no container's file system can be made",
                          kNewerKernel};
constexpr Feature kCalls{"Kernel", "openat2, pidfds", true, "nothing runs (Linux 5.10 is needed)",
                         kNewerKernel};
constexpr Feature kAttributes{"Kernel", "mount_setattr", false,
                              "recursive read-only binds and id maps of mounts", kNewerKernel};
constexpr Feature kSeccomp{"Kernel", "seccomp filters", true, "only containers with seccomp=unconfined run",
                           "a kernel with CONFIG_SECCOMP_FILTER: apt install linux-image-amd64"};
constexpr Feature kUserNamespaces{"Kernel", "user namespaces", false, "--userns and engines of users",
                                  "sysctl user.max_user_namespaces=15000"};
constexpr Feature kCgroupNamespaces{"Kernel", "cgroup namespaces", false,
                                    "containers see where their cgroup is", kNewerKernel};
constexpr Feature kTimeNamespaces{"Kernel", "time namespaces", false, "own clocks of containers",
                                  kNewerKernel};
constexpr Feature kLandlock{
    "Kernel", "Landlock", false,
    "a layer of the sandbox of programs that read images, and the annotation dev.estiba.landlock",
    "add landlock to lsm= on the kernel's command line, or a newer kernel"};
constexpr Feature kAppArmor{"Kernel", "AppArmor", false, "containers have no AppArmor profile",
                            "apt install apparmor, and security=apparmor on the kernel's command line"};
constexpr Feature kKeys{"Kernel", "keyrings", false, "session keyrings of containers",
                        "a kernel with CONFIG_KEYS"};

Status TryMount() {
  auto tmpfs = TRY(os::FilesystemContext::Open("tmpfs"));
  TRY(tmpfs.Mount(0));
  return Ok();
}

Status TryCalls() {
  const os::UniqueFd root = TRY(os::OpenAt({AT_FDCWD}, "/", O_PATH | O_DIRECTORY));
  TRY(os::OpenInRoot({root.get()}, "/", O_PATH));
  TRY(os::OpenPidfd(::getpid()));
  return Ok();
}

void ExamineModules(bool rootless, const os::KernelFeatures& features, Findings& findings) {
  if (features.selinux) Tell(findings, {"Kernel", "SELinux", false, "", ""}, true, "on: labels can be given");
  if (rootless) return;  // a user can load no profile
  constexpr const char* kLacks = "not on";
  if (!features.apparmor) return Tell(findings, kAppArmor, false, kLacks, FindingState::kLimited);
  const AppArmor::Use use = AppArmor(/*privileged=*/true, {}).Look();
  Tell(findings, kAppArmor, use.by_default, use.by_default ? "on, and profiles can be loaded" : use.lacks,
       FindingState::kLimited);
}

}  // namespace

void ExamineKernel(bool rootless, Findings& findings) {
  const os::KernelFeatures features = os::ProbeFeatures();
  Tell(findings, kCalls, TryCalls(), "all there");
  Tell(findings, kMounts, TryMount(), "a tmpfs was made");
  TellThere(findings, kAttributes, features.mount_setattr, FindingState::kLimited);
  TellThere(findings, kSeccomp, features.seccomp_filter);
  TellThere(findings, kUserNamespaces, features.user_namespace, FindingState::kLimited);
  TellThere(findings, kCgroupNamespaces, features.cgroup_namespace, FindingState::kLimited);
  TellThere(findings, kTimeNamespaces, features.time_namespace, FindingState::kLimited);
  const int landlock = os::LandlockAbi();
  constexpr int kRenames = 2;  // what the sandbox of transfers needs
  Tell(findings, kLandlock, landlock >= kRenames, "ABI " + std::to_string(landlock), FindingState::kLimited);
  const bool keys = ::access("/proc/key-users", F_OK) == 0;
  TellThere(findings, kKeys, keys, FindingState::kLimited);
  ExamineModules(rootless, features, findings);
}

}  // namespace estiba::engine
