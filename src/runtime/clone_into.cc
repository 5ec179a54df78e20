#include "clone_into.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "os/clone.h"
#include "os/mount.h"
#include "os/userns.h"

namespace estiba::runtime {
namespace {

// The helper's stack, and the child's (a copy): as much as a thread would get and more than a plan needs.
constexpr std::size_t kStackBytes = 1U << 20;

struct Helper {
  const JoinedNamespace* joined;
  std::size_t count;
  clone_args* args;
  const child::Program* program;
  long pid;
  int error;
};

// Those that can be entered; with `retry` none may fail.
int Enter(const Helper& helper, std::uint64_t& entered, bool retry) {
  for (std::size_t i = 0; i < helper.count; ++i) {
    const JoinedNamespace& one = helper.joined[i];
    if (one.flag == CLONE_NEWUSER || (entered & one.flag) != 0) continue;
    if (::setns(one.fd, static_cast<int>(one.flag)) == 0) {
      entered |= one.flag;
    } else if (retry || errno != EPERM) {
      return errno;
    }
  }
  return 0;
}

// What belongs to the host while we still have its rights, then the user namespace, then what belongs to that.
int EnterAll(const Helper& helper) {
  std::uint64_t entered = 0;
  const JoinedNamespace* user = nullptr;
  for (std::size_t i = 0; i < helper.count; ++i) {
    if (helper.joined[i].flag == CLONE_NEWUSER) user = &helper.joined[i];
  }
  if (const int err = Enter(helper, entered, user == nullptr); err != 0 || user == nullptr) return err;
  // Its root may trace who is inside, and we share the memory of our parent, who is not.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
  if (::setns(user->fd, CLONE_NEWUSER) != 0) return errno;
  return Enter(helper, entered, /*retry=*/true);
}

// Helpers run on a stack of their own in our memory while we are stopped (CLONE_VFORK).
__attribute__((no_sanitize("address"))) int Help(void* argument) {
  Helper* helper = static_cast<Helper*>(argument);
  helper->error = EnterAll(*helper);
  if (helper->error != 0) return 1;
  helper->pid = os::Clone3(*helper->args);
  if (helper->pid == 0) child::Run(*helper->program);
  if (helper->pid < 0) helper->error = errno;
  return 0;
}

struct TreeHelper {
  int mount_namespace;
  int fd;
  bool recursive;
  os::UniqueFd tree;
  int error;
};

__attribute__((no_sanitize("address"))) int HelpWithTree(void* argument) {
  TreeHelper* helper = static_cast<TreeHelper*>(argument);
  if (::setns(helper->mount_namespace, CLONE_NEWNS) != 0) {
    helper->error = errno;
    return 1;
  }
  auto tree = os::CloneTree({helper->fd}, "", helper->recursive);
  if (tree.ok()) {
    helper->tree = tree->Release();
  } else {
    helper->error = tree.error().errnum();
  }
  return 0;
}

struct Unshared {
  const std::function<Status()>* work;
  std::optional<Error> failed;
};

__attribute__((no_sanitize("address"))) int HelpUnshared(void* argument) {
  Unshared* helper = static_cast<Unshared*>(argument);
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    const int err = errno;
    helper->failed = os::UserNamespaceRefused(err);
    return 1;
  }
  Status done = (*helper->work)();
  if (!done.ok()) helper->failed = std::move(done).error();
  return 0;
}

// Runs `help` in a process that has our memory and our descriptors, and is over when this returns.
Status RunHelper(int (*help)(void*), void* argument) {
  void* stack = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (const int err = errno; stack == MAP_FAILED) return Error::Errno(err, "allocate a stack");
  const int dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  // The child's exit signal is its helper's: SIGCHLD.
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD;
  const pid_t pid = ::clone(help, static_cast<char*>(stack) + kStackBytes, flags, argument);
  const int err = pid < 0 ? errno : 0;
  while (pid > 0 && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
  ::munmap(stack, kStackBytes);
  if (pid < 0) return Error::Errno(err, "clone a helper");
  // Of our memory, which it shared; the child has a copy that stays closed.
  if (dumpable != ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) && ::prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0) != 0) {
    const int refused = errno;
    return Error::Errno(refused, "restore PR_SET_DUMPABLE");
  }
  return Ok();
}

// A child of ours alone is born elsewhere, and where our later ones are is put back: no helper is needed. Nothing where
// that may not be done.
Result<std::optional<pid_t>> CloneIntoPids(int pid_namespace, const clone_args& args, const child::Program& program) {
  const os::UniqueFd own = TRY(os::OpenAt({AT_FDCWD}, "/proc/self/ns/pid_for_children", O_RDONLY));
  // The way back first: our own may belong to another user namespace than we do.
  if (::setns(own.get(), CLONE_NEWPID) != 0) return std::optional<pid_t>();
  if (::setns(pid_namespace, CLONE_NEWPID) != 0) return std::optional<pid_t>();
  clone_args all = args;
  const long pid = os::Clone3(all);
  if (pid == 0) child::Run(program);
  const int err = errno;
  if (::setns(own.get(), CLONE_NEWPID) != 0) {
    const int refused = errno;
    if (pid > 0) ::kill(static_cast<pid_t>(pid), SIGKILL);
    return Error::Errno(refused, "leave the container's PID namespace");
  }
  if (pid < 0) return Error::Errno(err, "clone into the namespaces of linux.namespaces");
  return std::optional<pid_t>(static_cast<pid_t>(pid));
}

}  // namespace

Result<pid_t> CloneInto(const std::vector<JoinedNamespace>& joined, clone_args args, const child::Program& program) {
  if (joined.empty()) {
    const long pid = os::Clone3(args);
    if (pid == 0) child::Run(program);
    if (const int err = errno; pid < 0) return Error::Errno(err, "clone");
    return static_cast<pid_t>(pid);
  }
  if (joined.size() == 1 && joined[0].flag == CLONE_NEWPID) {
    const std::optional<pid_t> pid = TRY(CloneIntoPids(joined[0].fd, args, program));
    if (pid.has_value()) return *pid;
  }
  args.flags |= CLONE_PARENT;
  args.exit_signal = 0;  // clone3 wants it so with CLONE_PARENT
  Helper helper{joined.data(), joined.size(), &args, &program, -1, 0};
  TRY(RunHelper(Help, &helper));
  if (helper.error != 0) return Error::Errno(helper.error, "clone into the namespaces of linux.namespaces");
  return static_cast<pid_t>(helper.pid);
}

Status RunUnshared(const std::function<Status()>& work) {
  Unshared helper{&work, std::nullopt};
  TRY(RunHelper(HelpUnshared, &helper));
  if (helper.failed.has_value()) return std::move(*helper.failed);
  return Ok();
}

Result<os::UniqueFd> CloneTreeOf(int mount_namespace, int fd, bool recursive) {
  TreeHelper helper{mount_namespace, fd, recursive, {}, 0};
  TRY(RunHelper(HelpWithTree, &helper));
  if (helper.error != 0) return Error::Errno(helper.error, "clone a mount of another mount namespace");
  return std::move(helper.tree);
}

}  // namespace estiba::runtime
