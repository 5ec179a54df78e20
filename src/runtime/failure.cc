// From {step, error} to words.

#include <cerrno>
#include <cstring>

#include <sys/wait.h>

#include "base/errno_text.h"
#include "child/step.h"
#include "session.h"

namespace estiba::runtime {
namespace {

using C = child::Op;

C ChildOpOf(const plan::Step& step) {
  const auto number = static_cast<unsigned>(step.op);
  constexpr auto kBase = static_cast<unsigned>(plan::Op::kChildBase);
  return number > kBase ? static_cast<C>(number - kBase) : C::kNone;
}

// errno's text as docker's clients match it: "permission denied", not "Permission denied".
std::string Lower(int err) {
  std::string text = ErrnoText(err);
  if (!text.empty() && text.size() > 1 && text[1] >= 'a') text[0] = static_cast<char>(text[0] | 0x20);
  return text;
}

Error LookupFailure(const plan::Plan& plan, const plan::Step& step, std::int32_t error) {
  const std::string& name = plan.args.empty() ? std::string() : plan.args[0];
  std::string what = "exec: \"" + name + "\": ";
  if (error == child::kLookupBase + ENOENT) {
    return Error(Code::kNotFound, what + "executable file not found in $PATH").Context(Subject(plan));
  }
  (void)step;
  if (error == ENOENT || error == ENOTDIR) what += "stat " + name + ": ";
  const Code code = error == EACCES || error == EISDIR ? Code::kPermissionDenied : Code::kNotFound;
  what += Lower(error);
  if (error == EISDIR) what += ": permission denied";  // what engines look for, to answer 126
  return Error(code, std::move(what)).Context(Subject(plan));
}

Error ExecFailure(const plan::Plan& plan, std::int32_t error) {
  const std::string& name = plan.args.empty() ? std::string() : plan.args[0];
  const Code code = error == ENOENT ? Code::kNotFound : error == EACCES ? Code::kPermissionDenied : Code::kUnknown;
  // On the one line that callers look for.
  std::string_view why;
  if (error == ENOENT) why = " (the program is there, but not its interpreter or loader)";
  if (error == ENOEXEC) why = " (no program for this machine: another architecture, or a script without '#!')";
  return Error(code, "exec " + name + ": " + Lower(error) + std::string(why)).Context(Subject(plan));
}

Error DirectoryFailure(const plan::Plan& plan, const plan::Step& step, std::int32_t error) {
  const std::string cwd = step.text.empty() ? std::string() : step.text[0];
  if (error == EXDEV) {
    return Error(Code::kPermissionDenied, "current working directory '" + cwd + "' is outside of the container's root")
        .Context(Subject(plan));
  }
  return Error(Code::kInvalidArgument, "chdir to cwd (\"" + cwd + "\") set in config.json failed: " + Lower(error))
      .Context(Subject(plan));
}

Error HookFailure(const plan::Plan& plan, const plan::Step& step, std::int32_t error, int said) {
  const int status = -error;
  const std::string end = EndText(WEXITSTATUS(status), WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return Error(Code::kInternal, HookText(step) + end + WhatWasSaid(said)).Context(Subject(plan));
}

constexpr const char* kOverLink =
    "the image has a symbolic link there: proc and sysfs must be mounted on ordinary directory, nothing inside /proc";

const char* HintFor(C op, int err) {
  switch (op) {
    case C::kMount:
      if (err == EPERM) return "a user namespace may mount proc and sysfs only with its own pid and network namespace";
      if (err == ELOOP) return kOverLink;
      if (err == ENODEV) return "this kernel does not have that file system";
      if (err == EINVAL) return "an option is not known to that file system";
      break;
    case C::kAttach:
      if (err == ELOOP) return kOverLink;
      if (err == ENOTDIR || err == EISDIR)
        return "a file can be mounted over a file only, a directory over a directory";
      if (err == EPERM) return "only a proc file system can be bound over /proc";
      if (err == EROFS) return "the mount point does not exist and the root is read-only";
      break;
    case C::kRlimit:
      if (err == EPERM) return "raising a hard limit above our own needs CAP_SYS_RESOURCE on the host";
      break;
    case C::kDevice:
      if (err == EPERM) return "making device nodes needs CAP_MKNOD on the host and a device rule that allows it";
      break;
    case C::kMask:
    case C::kReadonlyPath:
      return "the container is not started with a path unprotected";
    case C::kGroups:
    case C::kIdentity:
      if (err == EINVAL) return "the id is not mapped in the container's user namespace";
      break;
    case C::kCapabilities:
      if (err == EPERM) return "capabilities we do not have ourselves cannot be given";
      break;
    case C::kSeccomp:
      if (err == EACCES) return "a filter without no_new_privs needs CAP_SYS_ADMIN";
      break;
    case C::kScheduler:
      if (err == EPERM) {
        return "this process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus)";
      }
      break;
    case C::kPivot:
      if (err == EINVAL) return "the host's root may be a ramfs: try without pivot";
      break;
    case C::kOpenTerminal:
      if (err == ENOENT) return "a terminal needs devpts mounted on /dev/pts";
      break;
    case C::kLandlockRule:
      if (err == ENOENT) return "a rule speaks of paths that are there when the program starts";
      break;
    case C::kUnmount:
      if (err == ESTALE || err == ENOENT) return "what was mounted there is gone, or something is mounted over it";
      break;
    case C::kOpenProc:
      if (err == EXDEV) return "something is mounted over that file of the host's /proc";
      if (err == ENODEV) return "/proc of the host is no proc file system";
      break;
    case C::kWriteSlot:
      if (err == ENOENT) return "no AppArmor profile of that name is loaded: load it with apparmor_parser -r FILE";
      break;
    default:
      break;
  }
  return nullptr;
}

}  // namespace

std::string Subject(const plan::Plan& plan) {
  const char* verb = plan.kind == plan::Kind::kExec ? "exec in container '" : "start container '";
  return verb + plan.name + "'";
}

std::string HookText(const plan::Step& step) {
  const std::size_t open = step.why.find('[');
  const std::size_t dot = step.why.find('.') + 1;
  if (open == std::string::npos || open < dot) return step.why + ": ";
  const std::string number = step.why.substr(open + 1, step.why.size() - open - 2);
  const std::string kind = step.why.substr(dot, open - dot);
  return step.why + ": error running " + kind + " hook #" + number + ": '" + step.text.at(0) + "': ";
}

std::optional<std::size_t> PlanIndexOf(const plan::Plan& plan, std::uint32_t child_step) {
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const plan::Where where = plan.steps[i].where;
    if (where != plan::Where::kChild && where != plan::Where::kRoot) continue;
    if (seen++ == child_step) return i;
  }
  return std::nullopt;
}

Error HostFailure(const Session& session, const plan::Step& step, Error error) {
  const bool says_where = error.Message().starts_with(step.why + ":");
  if (step.why.empty() || says_where) return std::move(error).Context(session.Subject());
  return std::move(error).Context(step.why).Context(session.Subject());
}

Error ChildFailure(const plan::Plan& plan, std::uint32_t index, std::int32_t error, int said) {
  const plan::Step& step = plan.steps.at(index);
  const C op = ChildOpOf(step);
  if (error < 0) return HookFailure(plan, step, error, said);
  if (op == C::kFindProgram) return LookupFailure(plan, step, error);
  if (op == C::kExec) return ExecFailure(plan, error);
  if (op == C::kWorkDirectory || (op == C::kMakeDirectory && step.why == "process.cwd")) {
    return DirectoryFailure(plan, step, error);
  }
  std::string what = plan::Describe(step);
  if (!step.why.empty()) what += " (" + step.why + ")";
  Error failure = Error::Errno(error, std::move(what)).Context(Subject(plan));
  if (const char* hint = HintFor(op, error); hint != nullptr) return std::move(failure).Hint(hint);
  return failure;
}

}  // namespace estiba::runtime
