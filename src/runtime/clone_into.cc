#include "clone_into.h"

#include <cerrno>
#include <csignal>

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clone.h"

namespace estiba::runtime {
namespace {

// The helper's stack, and the child's (a copy): as much as a thread would get and more than a plan needs.
constexpr std::size_t kStackBytes = 1U << 20;

struct Helper {
  int pid_namespace;
  clone_args* args;
  const child::Program* program;
  long pid;
  int error;
};

// Runs on a stack of its own in our memory while we are stopped (CLONE_VFORK): touches nothing but `helper`.
__attribute__((no_sanitize("address"))) int Help(void* argument) {
  Helper* helper = static_cast<Helper*>(argument);
  if (::setns(helper->pid_namespace, CLONE_NEWPID) != 0) {
    helper->error = errno;
    return 1;
  }
  helper->pid = os::Clone3(*helper->args);
  if (helper->pid == 0) child::Run(*helper->program);
  if (helper->pid < 0) helper->error = errno;
  return 0;
}

Status RunHelper(Helper& helper) {
  void* stack = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (const int err = errno; stack == MAP_FAILED) return Error::Errno(err, "allocate a stack");
  // The child's exit signal is its helper's: SIGCHLD.
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD;
  const pid_t pid = ::clone(Help, static_cast<char*>(stack) + kStackBytes, flags, &helper);
  const int err = pid < 0 ? errno : 0;
  while (pid > 0 && ::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {}
  ::munmap(stack, kStackBytes);
  if (pid < 0) return Error::Errno(err, "clone a helper");
  return Ok();
}

}  // namespace

Result<pid_t> CloneInto(int pid_namespace, clone_args args, const child::Program& program) {
  if (pid_namespace < 0) {
    const long pid = os::Clone3(args);
    if (pid == 0) child::Run(program);
    if (const int err = errno; pid < 0) return Error::Errno(err, "clone");
    return static_cast<pid_t>(pid);
  }
  args.flags |= CLONE_PARENT;
  args.exit_signal = 0;  // clone3 wants it so with CLONE_PARENT
  Helper helper{pid_namespace, &args, &program, -1, 0};
  TRY(RunHelper(helper));
  if (helper.error != 0) return Error::Errno(helper.error, "clone into the pid namespace");
  return static_cast<pid_t>(helper.pid);
}

}  // namespace estiba::runtime
