#include "sandbox.h"

#include <vector>

#include "base/log.h"
#include "os/sandbox.h"

namespace estiba::uplink {
namespace {

constexpr unsigned kNetAdmin = 12;  // CAP_NET_ADMIN: IP_TRANSPARENT, and SO_MARK before Linux 5.17

}  // namespace

Status EnterSandbox(int folder, bool on_host) {
  TRY(os::RaiseDescriptorLimit());  // two for each connection that is passed on, and two pipes now and then
  TRY(os::SetNoNewPrivileges());
  TRY(os::KeepCapabilities(on_host ? 0 : 1ULL << kNetAdmin));
  os::FileAccess access;
  access.writable = {folder};  // the socket's name is removed at the end
  const bool confined = TRY(os::RestrictFiles(access));
  if (!confined)
    log::Warn("estiba-uplink runs without Landlock: seccomp alone confines it",
              {{"needs", "Linux 5.19 with landlock among its security modules"}});
  return os::DenyCalls(os::CallsOfNoLeaf());
}

}  // namespace estiba::uplink
