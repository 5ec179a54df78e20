#include "internal.h"

#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

namespace estiba::child {
namespace {

void Tell(int fd, Report report) noexcept {
  // A socket to the parent, or a FIFO of which we hold the reading end too: neither raises SIGPIPE.
  if (::send(fd, &report, sizeof report, MSG_NOSIGNAL) < 0 && errno == ENOTSOCK) {
    (void)!::write(fd, &report, sizeof report);
  }
}

int ReadByte(int fd) noexcept {
  char go = 0;
  ssize_t n = 0;
  do {
    n = ::read(fd, &go, 1);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno;
  if (n == 0) ::_exit(1);  // the parent is gone: nobody to report to, nothing to run
  return 0;
}

[[noreturn]] void EndBeforeStart(int signal) noexcept { ::_exit(128 + signal); }

// The first process of a pid namespace is deaf to signals that it has no handler for; a container that waits to be
// started ends by those that mean so, as runc's does. The program's execve takes the handlers away.
int HearSignals() noexcept {
  struct sigaction action {};
  action.sa_handler = EndBeforeStart;
  constexpr int kFatal[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  for (const int signal : kFatal) {
    if (::sigaction(signal, &action, nullptr) != 0) return errno;
  }
  return 0;
}

int WaitStart(State& state, std::uint32_t index) noexcept {
  const Program& program = state.program;
  if (program.gate_fd >= 0) {
    if (const int err = HearSignals(); err != 0) return err;
  }
  Tell(program.sync_fd, {index, 0});
  if (program.gate_fd < 0) return ReadByte(program.sync_fd);
  const int err = ReadByte(program.gate_fd);
  state.report_fd = program.gate_report_fd;
  return err;
}

int JoinCgroup(int tasks) noexcept {
  if (tasks < 0) return 0;  // a hierarchy not used for containers
  return ::write(tasks, "0", 1) == 1 ? 0 : errno;
}

int OpenFile(const Program& program, const Step& step) noexcept {
  const int fd = ::open(step.s[0], static_cast<int>(step.n[0]) | O_CLOEXEC);
  if (fd < 0) return errno;
  Fill(program, step, fd);
  return 0;
}

std::size_t Length(const char* text) noexcept {
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}

int WriteSlot(const Program& program, const Step& step) noexcept {
  const std::size_t size = Length(step.s[0]);
  const ssize_t written = ::write(Slot(program, step), step.s[0], size);
  if (written < 0) return errno;
  return static_cast<std::size_t>(written) == size ? 0 : EIO;
}

// The parent has it from here on: a copy in the container could answer for the agent.
int SendListener(const State& state, std::uint32_t index, const Step& step) noexcept {
  const int listener = Slot(state.program, step);
  if (const int err = SendFd(state, index, listener); err != 0) return err;
  return ErrnoOf(::close(listener));
}

int MountStep(const Program& program, const Step& step) noexcept {
  switch (step.op) {
    case Op::kPropagation:   return ErrnoOf(::mount(nullptr, "/", nullptr, step.n[0], nullptr));
    case Op::kAttachRoot:    return AttachRoot(program, step);
    case Op::kMount:         return Mount(program, step);
    case Op::kAttach:        return Attach(program, step);
    case Op::kDevice:        return Device(program, step);
    case Op::kBindDevice:    return BindDevice(program, step);
    case Op::kSymlink:       return Symlink(program, step);
    case Op::kMakeDirectory: return MakeDirectory(program, step);
    case Op::kMakeFile:      return MakeFile(program, step);
    case Op::kOpenNull:      return OpenNull(program, step);
    case Op::kMask:          return Mask(program, step);
    case Op::kReadonlyPath:  return ReadonlyPath(program, step);
    case Op::kPivot:         return Pivot(program, step);
    case Op::kMoveRoot:      return MoveRoot(program, step);
    case Op::kChangeRoot:    return ChangeRoot(program, step);
    case Op::kSetAttributes: return SetAttributes(program, step);
    case Op::kTmpCopyUp:     return OpenCopyUp(program, step);
    case Op::kUnmount:       return Unmount(program, step);
    default:                 return ENOSYS;
  }
}

int IdentityStep(const Program& program, const Step& step) noexcept {
  switch (step.op) {
    case Op::kBecomeRoot:      return BecomeRoot(step);
    case Op::kChownStdio:      return ChownStdio(step);
    case Op::kDropBounding:    return DropBounding(step);
    case Op::kGroups:          return Groups(step);
    case Op::kIdentity:        return Identity(step);
    case Op::kCapabilities:    return Capabilities(step);
    case Op::kNoNewPrivileges: return NoNewPrivileges();
    case Op::kSeccomp:         return Seccomp(program, step);
    case Op::kLandlockRuleset: return LandlockRuleset(program, step);
    case Op::kLandlockRule:    return LandlockRule(program, step);
    case Op::kLandlockRestrict: return LandlockRestrict(program, step);
    default:                   return ENOSYS;
  }
}

int SettingStep(const Program& program, const Step& step) noexcept {
  switch (step.op) {
    case Op::kWriteProc:      return WriteProc(step);
    case Op::kHostname:       return ErrnoOf(::sethostname(step.s[0], Length(step.s[0])));
    case Op::kDomainname:     return ErrnoOf(::setdomainname(step.s[0], Length(step.s[0])));
    case Op::kLoopbackUp:     return LoopbackUp();
    case Op::kResetInherited: return ResetInherited();
    case Op::kRlimit:         return Rlimit(step);
    case Op::kSessionKeyring: return JoinSessionKeyring(step);
    case Op::kUmask:          ::umask(static_cast<mode_t>(step.n[0])); return 0;
    case Op::kPersonality:    return ErrnoOf(::syscall(SYS_personality, step.n[0]));
    case Op::kScheduler:      return Scheduler(step);
    case Op::kIoPriority:     return ErrnoOf(::syscall(SYS_ioprio_set, 1 /*IOPRIO_WHO_PROCESS*/, 0, step.n[0]));
    case Op::kAffinity:       return ErrnoOf(::syscall(SYS_sched_setaffinity, 0, step.blob_size, step.blob));
    case Op::kMemoryPolicy:
      return ErrnoOf(::syscall(SYS_set_mempolicy, step.n[0], step.blob_size > 0 ? step.blob : nullptr,
                               step.blob_size * 8));
    case Op::kOpenFile:       return OpenFile(program, step);
    case Op::kOpenProc:       return OpenProc(program, step);
    case Op::kWriteSlot:      return WriteSlot(program, step);
    default:                  return ENOSYS;
  }
}

int ExecuteStep(State& state, std::uint32_t index, const Step& step) noexcept {
  const Program& program = state.program;
  switch (step.op) {
    case Op::kWaitHost:         return ReadByte(program.sync_fd);
    case Op::kJoinCgroup:       return JoinCgroup(Slot(program, step));
    case Op::kUnshare:          return ErrnoOf(::unshare(static_cast<int>(step.n[0])));
    case Op::kSetNamespace:     return SetNamespace(program, step);
    case Op::kHook:             return Hook(program, step);
    case Op::kOpenTerminal:     return OpenTerminal(state, index, step);
    case Op::kNewSession:       return NewSession(program, step);
    case Op::kStdio:            return Stdio(program, step);
    case Op::kWorkDirectory:    return WorkDirectory(step);
    case Op::kFindProgram:      return FindProgram(state);
    case Op::kWaitStart:        return WaitStart(state, index);
    case Op::kSendSeccompListener: return SendListener(state, index, step);
    case Op::kSendMount:        return SendFd(state, index, Slot(program, step));
    case Op::kReport:           Tell(program.sync_fd, {index, 0}); return 0;
    case Op::kCloseDescriptors: return CloseDescriptors(state);
    case Op::kExec:             return Execute(state);
    default: break;
  }
  int err = MountStep(program, step);
  if (err == ENOSYS) err = IdentityStep(program, step);
  return err == ENOSYS ? SettingStep(program, step) : err;
}

void Stamp(const Program& program, std::uint32_t index) noexcept {
  if (program.times == nullptr) return;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  constexpr std::uint64_t kNanoseconds = 1000000000;
  const auto time = static_cast<std::uint64_t>(now.tv_sec) * kNanoseconds + static_cast<std::uint64_t>(now.tv_nsec);
  __atomic_store_n(&program.times[index], time, __ATOMIC_RELEASE);
}

}  // namespace

int SendFd(const State& state, std::uint32_t index, int fd) noexcept {
  Report report{index, 0};
  iovec payload{&report, sizeof report};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ErrnoOf(::sendmsg(state.program.sync_fd, &message, MSG_NOSIGNAL));
}

void Run(const Program& program) noexcept {
  State state{program, program.sync_fd};
  ::close(program.parent_fd);
  ::umask(0);  // modes are exact until kUmask
  int err = ResetSignals();
  Stamp(program, 0);
  for (std::uint32_t i = 0; i < program.count; ++i) {
    if (err == 0) err = ExecuteStep(state, i, program.steps[i]);
    Stamp(program, i + 1);
    if (err == 0) continue;
    Tell(state.report_fd, {i, err});
    break;
  }
  ::_exit(126);
}

}  // namespace estiba::child
