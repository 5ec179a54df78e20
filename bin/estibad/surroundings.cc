#include "surroundings.h"

#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "cgroup/hierarchy.h"
#include "os/file.h"

namespace estiba::estibad {
namespace {

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START

void CloseRange(unsigned first, unsigned last) {
  // Before Linux 5.9 there is no such call; 5.10 is the oldest we run on.
  if (first <= last) (void)::syscall(SYS_close_range, first, last, 0U);
}

void LeaveControlGroups() {
  const auto groups = cgroup::Probe();
  if (!groups.ok()) return;  // the engine says so when it probes them itself
  for (const cgroup::Hierarchy& hierarchy : groups.value().hierarchies) {
    if (hierarchy.own_path == "/" || hierarchy.own_path.empty()) continue;
    const Status moved = os::WriteExisting({AT_FDCWD}, hierarchy.mountpoint + "/cgroup.procs", "0");
    // A user may not; then what the user's session allows is what there is.
    if (!moved.ok()) log::Debug("leave the caller's control group", {{"error", moved.error().Message()}});
  }
}

}  // namespace

Status SettleIn() {
  ::umask(022);
  if (::chdir("/") != 0) return Error::Errno(errno, "change to '/'");
  for (int signal = 1; signal < 65; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP || signal == 32 || signal == 33) continue;
    std::signal(signal, SIG_DFL);
  }
  // A client that goes away is an error of its write, not our end. Spawned programs start with defaults.
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // A descriptor or two for each container and connection.
  struct rlimit files {};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &files) != 0) log::Warn("raise the number of open files");
  }
  return Ok();
}

void CloseForeign(int keep) {
  if (keep < kFirstPassed) {
    CloseRange(kFirstPassed, ~0U);
  } else {
    CloseRange(kFirstPassed, static_cast<unsigned>(keep) - 1);
    CloseRange(static_cast<unsigned>(keep) + 1, ~0U);
  }
}

void Departure::Begin() {
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([] {
    ::pthread_setname_np(::pthread_self(), "departure");
    LeaveControlGroups();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Departure::Wait() {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) thread_.join();
}

Result<std::vector<os::UniqueFd>> TakePassedSockets() {
  std::vector<os::UniqueFd> sockets;
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::to_string(::getpid()) != pid) return sockets;
  const std::uint64_t number = TRY_CTX(ParseUint(count, 16), "LISTEN_FDS");
  for (int fd = kFirstPassed; fd < kFirstPassed + static_cast<int>(number); ++fd) {
    TRY(os::SetCloseOnExec(fd, true));
    sockets.emplace_back(fd);
  }
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  return sockets;
}

Status CloseTerminal(int log_fd) {
  const os::UniqueFd null = TRY(os::OpenAt({AT_FDCWD}, "/dev/null", O_RDWR));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const int from = fd == STDERR_FILENO && log_fd >= 0 ? log_fd : null.get();
    if (::dup2(from, fd) < 0) return Error::Errno(errno, "replace a standard descriptor");
  }
  return Ok();
}

}  // namespace estiba::estibad
