#include "os/netns.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "os/mountns.h"
#include "os/process.h"

namespace estiba::os {
namespace {

constexpr std::size_t kVisitorStack = 512 * 1024;

// What a visitor is told and says, in the memory that it shares with us.
struct Visit {
  int netns;
  const std::function<Status()>& work;
  std::optional<Status> said{};
};

int Go(void* argument) {
  Visit& visit = *static_cast<Visit*>(argument);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  Status entered = EnterNetworkNamespace(visit.netns);
  visit.said.emplace(entered.ok() ? visit.work() : std::move(entered));
  return 0;
}

// Its memory is ours: what a killed one was in the middle of, a lock of the allocator's at worst, nobody can undo.
void DieWith(int status) {
  ::kill(::getpid(), WIFSIGNALED(status) ? WTERMSIG(status) : SIGKILL);
  std::abort();
}

class VisitorStack {
 public:
  VisitorStack()
      : memory_(::mmap(nullptr, kVisitorStack, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0)) {}
  VisitorStack(const VisitorStack&) = delete;
  VisitorStack& operator=(const VisitorStack&) = delete;
  ~VisitorStack() {
    if (valid()) ::munmap(memory_, kVisitorStack);
  }
  bool valid() const { return memory_ != MAP_FAILED; }
  void* top() const { return static_cast<char*>(memory_) + kVisitorStack; }

 private:
  void* memory_;
};

}  // namespace

Status EnterNetworkNamespace(int netns) {
  if (::setns(netns, CLONE_NEWNET) < 0) return Error::Errno(errno, "enter network namespace");
  return Ok();
}

Status VisitNetworkNamespace(int netns, const std::function<Status()>& work) {
  const VisitorStack stack;
  if (!stack.valid()) return Error::Errno(ENOMEM, "visit a network namespace");
  Visit visit{netns, work};
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours runs twice
  // No exit signal: nobody but us hears of its end (clone(2), __WALL).
  const pid_t pid = ::clone(Go, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_FILES, &visit);
  const int err = errno;
  int status = 0;
  if (pid >= 0) while (::waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {}
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error::Errno(err, "visit a network namespace");
  if (!visit.said || !WIFEXITED(status)) DieWith(status);
  return std::move(*visit.said);
}

Status InNetworkNamespace(int netns, const std::function<Status()>& work) {
  if (!SingleThreaded()) return Error(Code::kInternal, "enter a network namespace: the process has several threads");
  const UniqueFd home = TRY(OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY));
  TRY(EnterNetworkNamespace(netns));
  Status status = work();
  if (::setns(home.get(), CLONE_NEWNET) < 0) {
    log::Error("cannot return to our own network namespace");
    std::abort();
  }
  return status;
}

Status AsResident(int netns, const std::function<Status()>& work) {
  const auto with_sys = [&]() -> Status {
    // A machine without a /sys has none here either.
    if (::umount2("/sys", MNT_DETACH) == 0 && ::mount("sysfs", "/sys", "sysfs", 0, nullptr) < 0)
      return Error::Errno(errno, "mount the namespace's /sys");
    return work();
  };
  return InPrivateMounts([&] { return InNetworkNamespace(netns, with_sys); });
}

Result<UniqueFd> CreateNetworkNamespace() {
  if (!SingleThreaded()) return Error(Code::kInternal, "make a network namespace: the process has several threads");
  const UniqueFd home = TRY(OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY));
  if (::unshare(CLONE_NEWNET) < 0) return Error::Errno(errno, "make a network namespace");
  auto made = OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY);
  if (::setns(home.get(), CLONE_NEWNET) < 0) {
    log::Error("cannot return to our own network namespace");
    std::abort();
  }
  return made;
}

Status NameNamespace(int ns, const std::string& path) {
  TRY(OpenAt({AT_FDCWD}, path, O_RDONLY | O_CREAT | O_EXCL, 0444));
  auto mounted = BindTree("/proc/self/fd/" + std::to_string(ns), path);
  if (!mounted.ok()) (void)::unlink(path.c_str());
  return mounted;
}

Status DeleteNamespaceName(const std::string& path) {
  // EINVAL: no mount point.
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
    return Error::Errno(errno, "unmount '" + path + "'");
  if (::unlink(path.c_str()) < 0 && errno != ENOENT) return Error::Errno(errno, "delete '" + path + "'");
  return Ok();
}

}  // namespace estiba::os
