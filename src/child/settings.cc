#include "internal.h"

#include <cstring>

#include <csignal>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>

namespace estiba::child {

int SetNamespace(const Program& program, const Step& step) noexcept {
  // From here on the container's root may trace us until we are its user: not our memory, which is our parent's.
  const bool user = (step.n[0] & CLONE_NEWUSER) != 0;
  if (user && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
  return ErrnoOf(::setns(Slot(program, step), static_cast<int>(step.n[0])));
}

namespace {

// A file of the host's procfs, or a negated errno. Before the pivot: it answers for the caller's own namespaces, no
// mount of the container can stand in for it (CVE-2025-52881), and one over a file of it is refused (CVE-2019-16884).
int OpenBelowProc(const char* path, std::uint64_t flags) noexcept {
  const ScopedFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (proc.fd < 0) return -errno;
  struct statfs fs;
  if (::fstatfs(proc.fd, &fs) != 0) return -errno;
  if (fs.f_type != PROC_SUPER_MAGIC) return -ENODEV;
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  const long fd = ::syscall(SYS_openat2, proc.fd, path, &how, sizeof how);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

}  // namespace

int OpenProc(const Program& program, const Step& step) noexcept {
  const int fd = OpenBelowProc(step.s[0], step.n[0]);
  if (fd < 0) return -fd;
  Fill(program, step, fd);
  return 0;
}

int WriteProc(const Step& step) noexcept {
  const ScopedFd file(OpenBelowProc(step.s[0], O_WRONLY));
  if (file.fd < 0) return -file.fd;
  const std::size_t size = std::strlen(step.s[1]);
  const ssize_t written = ::write(file.fd, step.s[1], size);
  if (written < 0) return errno;
  return static_cast<std::size_t>(written) == size ? 0 : EIO;
}

int LoopbackUp() noexcept {
  const ScopedFd socket_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket_fd.fd < 0) return errno;
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ErrnoOf(::ioctl(socket_fd.fd, SIOCSIFFLAGS, &request));
}

int ResetSignals() noexcept {
  // What is ignored stays ignored through exec, what is blocked stays blocked.
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  } action{};
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (::syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof action.mask) != 0) return errno;
  }
  const std::uint64_t none = 0;
  return ErrnoOf(::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none));
}

int ResetInherited() noexcept {
  // Each of these may be refused where we lack the privilege to undo what our own caller chose (a nice value without
  // CAP_SYS_NICE): then that much of the caller's choice remains, which takes rights away and gives none.
  ::setpriority(PRIO_PROCESS, 0, 0);
  ::syscall(SYS_ioprio_set, 1 /*IOPRIO_WHO_PROCESS*/, 0, 0);
  const int priority = 0;  // struct sched_param
  ::syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &priority);
  unsigned char every_cpu[1024];  // the kernel cuts it to what the cpuset allows
  std::memset(every_cpu, 0xff, sizeof every_cpu);
  ::syscall(SYS_sched_setaffinity, 0, sizeof every_cpu, every_cpu);
  ::syscall(SYS_set_mempolicy, 0 /*MPOL_DEFAULT*/, nullptr, 0);
  ::prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0);
  ::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
  // These must hold: a personality may say that addresses are not randomised and that data is executable.
  if (::syscall(SYS_personality, PER_LINUX) < 0) return errno;
  if (::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != 0 && ::prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) != 0) return errno;
  return ErrnoOf(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
}

int Rlimit(const Step& step) noexcept {
  struct {
    std::uint64_t soft;
    std::uint64_t hard;
  } wanted{step.n[1], step.n[2]}, now{};
  const long resource = static_cast<long>(step.n[0]);
  int err = ErrnoOf(::syscall(SYS_prlimit64, 0, resource, &wanted, nullptr));
  if (err != EPERM || step.n[3] == 0) return err;
  if (::syscall(SYS_prlimit64, 0, resource, nullptr, &now) != 0) return errno;
  if (wanted.hard > now.hard) wanted.hard = now.hard;
  if (wanted.soft > wanted.hard) wanted.soft = wanted.hard;
  return ErrnoOf(::syscall(SYS_prlimit64, 0, resource, &wanted, nullptr));
}

int JoinSessionKeyring(const Step& step) noexcept {
  const int err = ErrnoOf(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, step.s[0]));
  return err == ENOSYS ? 0 : err;  // a kernel without keys has none to share
}

int Scheduler(const Step& step) noexcept { return ErrnoOf(::syscall(SYS_sched_setattr, 0, step.blob, 0)); }

}  // namespace estiba::child
