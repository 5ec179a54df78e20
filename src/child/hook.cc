#include "internal.h"

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

namespace estiba::child {
namespace {

[[noreturn]] void RunHook(const Program& program, const Step& step, int document) noexcept {
  if (document >= 0) {
    ::lseek(document, 0, SEEK_SET);
    ::dup3(document, 0, 0);
  } else {
    ::dup3(program.null_fd >= 0 ? program.null_fd : 2, 0, 0);
  }
  if (const int out = program.said_fd >= 0 ? program.said_fd : program.null_fd; out >= 0) {
    ::dup3(out, 1, 0);
    ::dup3(out, 2, 0);
  }
  if (const int directory = Slot(program, step, 1); directory >= 0 && ::fchdir(directory) != 0) ::_exit(126);
  ::execve(step.s[0], step.list, step.n[1] != 0 ? program.envp : step.env);
  ::_exit(127);
}

// The hook's wait status, or ETIME when it outlived its time and was killed.
int WaitFor(pid_t pid, std::uint64_t timeout_ms, int* status) noexcept {
  if (timeout_ms > 0) {
    const ScopedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    pollfd watched{pidfd.fd, POLLIN, 0};
    int rc = 0;
    do {
      rc = ::poll(&watched, 1, static_cast<int>(timeout_ms));
    } while (rc < 0 && errno == EINTR);
    if (rc == 0) {
      ::kill(pid, SIGKILL);
      ::syscall(SYS_wait4, pid, status, 0, nullptr);
      return ETIME;
    }
  }
  long rc = 0;
  do {
    rc = ::syscall(SYS_wait4, pid, status, 0, nullptr);
  } while (rc < 0 && errno == EINTR);
  return ErrnoOf(rc);
}

}  // namespace

int Hook(const Program& program, const Step& step) noexcept {
  const long pid = ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid < 0) return errno;
  if (pid == 0) RunHook(program, step, Slot(program, step));
  int status = 0;
  if (const int err = WaitFor(static_cast<pid_t>(pid), step.n[0], &status); err != 0) return err;
  return status == 0 ? 0 : -status;
}

}  // namespace estiba::child
