#include "notify.h"

#include <cerrno>
#include <cstdlib>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "base/text.h"
#include "os/event.h"
#include "os/file.h"
#include "os/socket.h"

namespace estiba::ocicli {
namespace {

constexpr std::chrono::seconds kPatience{30};  // a manager that does not know barriers never answers
constexpr std::size_t kLongestMessage = 4096;
constexpr const char* kFolder = "notify";
constexpr const char* kName = "notify.sock";
constexpr const char* kInside = "/run/notify";

// The manager closes the descriptor when it has read everything before it (sd_notify_barrier(3)).
Status WaitForBarrier(int manager) {
  os::Pipe pipe = TRY(os::MakePipe());
  TRY(os::SendMessage(manager, "BARRIER=1", {pipe.write.get()}));
  pipe.write.Reset();
  TRY(os::WaitReadable(pipe.read.get(), kPatience));
  return Ok();
}

}  // namespace

std::optional<std::string> NotifySocket() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  if (socket == nullptr || *socket == '\0') return std::nullopt;
  return std::string(socket);
}

void AddNotifySocket(const std::string& state_folder, oci::RuntimeSpec& spec) {
  oci::Mount& mount = spec.mounts.emplace_back();
  mount.destination = kInside;
  mount.source = state_folder + "/" + kFolder;
  mount.options = {"bind", "nosuid", "noexec", "nodev", "ro"};
  spec.process->env.push_back(std::string("NOTIFY_SOCKET=") + kInside + "/" + kName);
}

Status MakeNotifyFolder(const StateDir& dir) {
  TRY_CTX(os::EnsureDirectoryAt(dir.dir(), kFolder, 0755), "NOTIFY_SOCKET");
  return Ok();
}

Result<NotifyRelay> NotifyRelay::Open(const std::string& manager, const std::string& state_folder) {
  NotifyRelay relay;
  relay.manager_ = manager;
  const std::string path = state_folder + "/" + kFolder + "/" + kName;
  relay.socket_ = TRY_CTX(os::BindDatagram(path, 0777), "NOTIFY_SOCKET");  // whoever the process is
  return relay;
}

Result<bool> NotifyRelay::Pass(int main_pid) const {
  std::array<char, kLongestMessage> buffer;
  const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0) return false;
  const std::string_view message(buffer.data(), static_cast<std::size_t>(size));
  for (const std::string& line : Split(message, '\n')) {
    if (!line.starts_with("READY=")) continue;
    const os::UniqueFd manager = TRY_CTX(os::ConnectUnix(manager_, SOCK_DGRAM), "NOTIFY_SOCKET");
    TRY_CTX(os::SendMessage(manager.get(), line + "\n"), "NOTIFY_SOCKET");
    TRY_CTX(os::SendMessage(manager.get(), "MAINPID=" + std::to_string(main_pid) + "\n"), "NOTIFY_SOCKET");
    TRY_CTX(WaitForBarrier(manager.get()), "NOTIFY_SOCKET");
    return true;
  }
  return false;
}

Status NotifyRelay::WaitUntilReady(int pidfd, int main_pid) const {
  for (;;) {
    std::array<pollfd, 2> watched{{{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = pidfd, .events = POLLIN, .revents = 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR)
      return Error::Errno(errno, "wait for the container to be ready");
    if (watched[0].revents != 0) {
      const bool ready = TRY(Pass(main_pid));
      if (ready) return Ok();
    } else if (watched[1].revents != 0) {
      return Ok();
    }
  }
}

}  // namespace estiba::ocicli
