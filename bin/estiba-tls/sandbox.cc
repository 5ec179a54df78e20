#include "sandbox.h"

#include <vector>

#include <sys/syscall.h>

#include "base/log.h"
#include "os/sandbox.h"

namespace estiba::tls {

Status EnterSandbox(bool with_authorities) {
  TRY(os::RaiseDescriptorLimit());  // two for each connection
  TRY(os::ForbidCores());           // there is a private key in memory
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
