#include "sandbox.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "os/sandbox.h"

namespace estiba::netd {
namespace {

// Two sockets and a connection for each container, and those of questions under way.
Status RaiseDescriptors() {
  constexpr rlim_t kWanted = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return Error::Errno(errno, "read the limit nofile");
  limit.rlim_cur = std::min(limit.rlim_max, kWanted);
  if (::setrlimit(RLIMIT_NOFILE, &limit) < 0) return Error::Errno(errno, "set the limit nofile");
  return Ok();
}

Status ForbidCores() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) < 0) return Error::Errno(errno, "set the limit core");
  return Ok();
}

}  // namespace

Status EnterSandbox(int folder) {
  TRY(RaiseDescriptors());
  TRY(ForbidCores());
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
