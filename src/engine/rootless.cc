#include "engine/rootless.h"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"
#include "os/userns.h"

namespace estiba::engine {
namespace {

constexpr std::chrono::seconds kLockPatience{10};
constexpr std::size_t kMaxContainers = 100'000;

// The folder may be in /tmp, where anybody can make a folder of that name first.
Status CheckOwned(int folder, const std::string& path) {
  struct stat info {};
  if (::fstat(folder, &info) < 0) return Error::Errno(errno, "look at '" + path + "'");
  if (info.st_uid != ::geteuid())
    return Error(Code::kPermissionDenied, "'" + path + "' belongs to user " + std::to_string(info.st_uid))
        .Hint("set XDG_RUNTIME_DIR, or run_root in the configuration, to a folder of your own");
  if ((info.st_mode & 022) != 0)
    return Error(Code::kPermissionDenied, "'" + path + "' can be written by others");
  return Ok();
}

Result<os::UniqueFd> OpenRunRoot(const std::string& path) {
  TRY(os::EnsureDirectory(path, 0700));
  os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  TRY(CheckOwned(folder.get(), path));
  return folder;
}

// Whoever holds it is between two system calls and a run of newuidmap, so waiting in small steps is enough.
Result<os::UniqueFd> Lock(os::DirFd folder) {
  os::UniqueFd file = TRY(os::OpenAt(folder, "userns.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return Error::Errno(errno, "lock 'userns.lock'");
    if (std::chrono::steady_clock::now() > deadline)
      return Error(Code::kDeadlineExceeded, "lock 'userns.lock': another engine is starting");
    const timespec step{0, 5'000'000};
    ::nanosleep(&step, nullptr);
  }
  return file;
}

// The process that listens on a monitor's socket. The connection proves that it lives; the kernel vouches for its pid
// and user (SO_PEERCRED), and the pidfd is checked to be in a namespace it can only be in while it is that process.
Result<os::UniqueFd> OpenListener(const std::string& path) {
  const os::UniqueFd connection = TRY(os::ConnectUnix(path, SOCK_SEQPACKET));
  const os::PeerCredentials peer = TRY(os::GetPeer(connection.get()));
  if (peer.uid != ::geteuid() || peer.pid <= 0) return Error(Code::kPermissionDenied, "not a monitor of ours");
  os::UniqueFd pidfd = TRY(os::OpenPidfd(peer.pid));
  const os::NamespaceId theirs = TRY(os::UserNamespaceOf(peer.pid));
  const os::NamespaceId ours = TRY(os::UserNamespaceOf(::getpid()));
  if (theirs == ours)
    return Error(Code::kFailedPrecondition, "the monitor is not in a user namespace of its own");
  return pidfd;
}

Result<bool> JoinLivingMonitor(os::DirFd run_root, const std::string& path) {
  const auto containers = os::ListDirectory(run_root, "c");
  if (!containers.ok()) return false;  // no container has ever run
  std::size_t looked = 0;
  for (const std::string& id : containers.value()) {
    if (++looked > kMaxContainers) break;
    const auto monitor = OpenListener(path + "/c/" + id + "/sock");
    if (!monitor.ok()) continue;  // a socket left by a dead one
    const Status joined = os::JoinUserNamespace(monitor.value().get());
    if (joined.ok()) return true;
    log::Warn("cannot join the user namespace of a monitor", {{"container", id}, {"error", joined.error().Message()}});
  }
  return false;
}

Result<std::string> UserName(uid_t uid) {
  std::vector<char> buffer(64 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  const int err = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  if (err != 0) return Error::Errno(err, "look up user " + std::to_string(uid));
  return found == nullptr ? std::to_string(uid) : std::string(entry.pw_name);
}

Result<std::vector<os::IdRange>> ReadMap(const char* file, const std::string& user, std::uint32_t own) {
  const auto text = os::ReadFile(file, 4 << 20);
  auto map = os::MapFromSubordinateIds(text.ok() ? text.value() : std::string(), user, ::geteuid(), own);
  if (map.ok()) return map;
  return std::move(map).error().Context(std::string("read '") + file + "'").Hint(
      "root can give some: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 " + user);
}

}  // namespace

Status MakeUserNamespace() {
  const std::string user = TRY(UserName(::geteuid()));
  const std::vector<os::IdRange> uids = TRY(ReadMap("/etc/subuid", user, ::geteuid()));
  const std::vector<os::IdRange> gids = TRY(ReadMap("/etc/subgid", user, ::getegid()));
  return os::EnterNewUserNamespace(uids, gids);
}

Status EnterRootless(const std::string& run_root) {
  const os::UniqueFd folder = TRY_CTX(OpenRunRoot(run_root), "start the engine of a user");
  const os::UniqueFd lock = TRY_CTX(Lock({folder.get()}), "start the engine of a user");
  const bool joined = TRY_CTX(JoinLivingMonitor({folder.get()}, run_root), "start the engine of a user");
  if (!joined) TRY_CTX(MakeUserNamespace(), "start the engine of a user");
  TRY_CTX(os::EnterNewMountNamespace(), "start the engine of a user");
  return Ok();
}

}  // namespace estiba::engine
