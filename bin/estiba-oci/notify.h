#pragma once
// sd_notify(3) through the container's border: a service manager that started us waits at $NOTIFY_SOCKET, which the
// container does not see. It gets a socket of its own instead, and what it says there about being ready is passed on.

#include <optional>
#include <string>

#include "base/result.h"
#include "oci/runtime_spec.h"
#include "os/fd.h"
#include "state_dir.h"

namespace estiba::ocicli {

// The manager's socket; nothing when nobody waits.
std::optional<std::string> NotifySocket();

// Mounts the folder "notify" of the container's state on /run/notify, and tells the process of the socket there.
void AddNotifySocket(const std::string& state_folder, oci::RuntimeSpec& spec);
// Makes that folder.
Status MakeNotifyFolder(const StateDir& dir);

class NotifyRelay {
 public:
  // Binds the container's socket.
  static Result<NotifyRelay> Open(const std::string& manager, const std::string& state_folder);
  // Readable when the container has said something.
  int fd() const { return socket_.get(); }
  // Reads one message. When it says READY, passes that on with `main_pid` as the process to watch, and waits, bounded,
  // until the manager has taken note; true then, and nothing more is to be done.
  Result<bool> Pass(int main_pid) const;
  // Until the container is ready, or has ended.
  Status WaitUntilReady(int pidfd, int main_pid) const;

 private:
  std::string manager_;
  os::UniqueFd socket_;
};

}  // namespace estiba::ocicli
