#include "sandbox.h"

#include <cerrno>
#include <vector>

#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "os/sandbox.h"

namespace estiba::tls {
namespace {

// Two for each connection.
Status RaiseDescriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return Error::Errno(errno, "read the limit nofile");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) < 0) return Error::Errno(errno, "set the limit nofile");
  return Ok();
}

// There is a private key in memory.
Status ForbidCores() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) < 0) return Error::Errno(errno, "set the limit core");
  return Ok();
}

}  // namespace

Status EnterSandbox(bool with_authorities) {
  TRY(RaiseDescriptors());
  TRY(ForbidCores());
  TRY(os::SetNoNewPrivileges());
  TRY(os::KeepCapabilities(0));
  os::FileAccess access;
  if (with_authorities)
    access.readable = {"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/lib/ssl", "/usr/share/ca-certificates",
                       "/usr/local/share/ca-certificates"};
  const bool confined = TRY(os::RestrictFiles(access));
  if (!confined)
    log::Debug("estiba-tls runs without Landlock: seccomp alone confines it",
               {{"needs", "Linux 5.19 with landlock among its security modules"}});
  std::vector<long> denied = os::CallsOfNoLeaf();
  denied.insert(denied.end(), {SYS_socket, SYS_connect, SYS_bind, SYS_listen});
  return os::DenyCalls(denied);
}

}  // namespace estiba::tls
