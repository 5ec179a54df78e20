#include "sandbox.h"

#include <cstdint>
#include <vector>

#include <sys/syscall.h>

#include "base/log.h"
#include "os/sandbox.h"

namespace estiba::netd {
namespace {

// Two sockets and a connection for each container, and those of questions under way.
constexpr std::uint64_t kMostDescriptors = 65536;

}  // namespace

Status EnterSandbox(int folder) {
  TRY(os::RaiseDescriptorLimit(kMostDescriptors));
  TRY(os::ForbidCores());
  TRY(os::SetNoNewPrivileges());
  TRY(os::KeepCapabilities(0));
  os::FileAccess access;
  access.writable = {folder};  // the socket's name is removed at the end
  const bool confined = TRY(os::RestrictFiles(access));
  if (!confined)
    log::Warn("estiba-netd runs without Landlock: seccomp alone confines it",
              {{"needs", "Linux 5.19 with landlock among its security modules"}});
  std::vector<long> denied = os::CallsOfNoLeaf();
  denied.insert(denied.end(), {SYS_bind, SYS_listen, SYS_socketpair});
  return os::DenyCalls(denied);
}

}  // namespace estiba::netd
