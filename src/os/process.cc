#include "os/process.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "os/file.h"

namespace estiba::os {
namespace {

constexpr auto kPidfdType = static_cast<idtype_t>(3);  // P_PIDFD; glibc 2.36's enum has it, its macro does not

// posix_spawn's two attribute objects, freed together.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

void ResetSignals(SpawnAttributes& spawn, bool new_session) {
  sigset_t all;
  sigset_t none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&spawn.attributes, &all);
  ::posix_spawnattr_setsigmask(&spawn.attributes, &none);
  short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  if (new_session) flags = static_cast<short>(flags | POSIX_SPAWN_SETSID);
  ::posix_spawnattr_setflags(&spawn.attributes, flags);
}

// Ours close themselves; what we were handed does from here on.
Status CloseOnExecFrom(int first) {
  if (::syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return Ok();
  // A filter of system calls that is older than this one (Linux 5.11) lies about us.
  const auto open = TRY_CTX(ListDirectory({AT_FDCWD}, "/proc/self/fd"), "mark descriptors to be closed");
  for (const std::string& name : open) {
    const auto fd = ParseUint(name, INT_MAX);
    if (fd.ok() && static_cast<int>(*fd) >= first) ::fcntl(static_cast<int>(*fd), F_SETFD, FD_CLOEXEC);
  }
  return Ok();
}

// Lays the descriptors out in the child. Sources are first copied above every target number, so that no dup2
// overwrites a source that is still needed.
Status LayOutDescriptors(SpawnAttributes& spawn, const SpawnOptions& options, std::vector<UniqueFd>& copies) {
  int top = 2;
  for (const auto& [source, target] : options.fds) top = std::max(top, target);
  bool named[3] = {false, false, false};
  for (const auto& [source, target] : options.fds) {
    const int copy = ::fcntl(source, F_DUPFD_CLOEXEC, top + 1);
    if (const int err = errno; copy < 0) return Error::Errno(err, "copy descriptor " + std::to_string(source));
    copies.emplace_back(copy);
    ::posix_spawn_file_actions_adddup2(&spawn.actions, copy, target);
    if (target <= 2) named[target] = true;
  }
  for (int fd = 0; fd < 3; ++fd)
    if (!named[fd])
      ::posix_spawn_file_actions_addopen(&spawn.actions, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
  return CloseOnExecFrom(top + 1);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const auto& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<UniqueFd> OpenPidfd(pid_t pid) {
  // By number: glibc 2.36 declares pidfd_open(2) without C linkage.
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (const int err = errno; fd < 0) return Error::Errno(err, "open process " + std::to_string(pid));
  return UniqueFd(fd);
}

Status SendSignal(int pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) < 0)
    return Error::Errno(errno, "send signal " + std::to_string(signal));
  return Ok();
}

Result<std::optional<ExitStatus>> Reap(int pidfd, bool block) {
  siginfo_t info{};
  int rc = 0;
  do rc = ::waitid(kPidfdType, static_cast<id_t>(pidfd), &info, WEXITED | (block ? 0 : WNOHANG));
  while (rc < 0 && errno == EINTR);
  if (rc < 0) return Error::Errno(errno, "wait for a process");
  if (info.si_pid == 0) return std::optional<ExitStatus>();
  ExitStatus status;
  (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
  return std::optional<ExitStatus>(status);
}

Result<unsigned long long> StartTime(pid_t pid) {
  const std::string stat = TRY(ReadFile("/proc/" + std::to_string(pid) + "/stat"));
  // The command name, in brackets, may itself hold blanks and brackets: count from the last bracket.
  const auto bracket = stat.rfind(')');
  const auto fields = Split(std::string_view(stat).substr(bracket == std::string::npos ? 0 : bracket + 1), ' ');
  constexpr std::size_t kStartTimeAfterName = 20;
  if (fields.size() <= kStartTimeAfterName) return Error(Code::kInternal, "read the start time of a process");
  return TRY(ParseUint(fields[kStartTimeAfterName]));
}

Result<UniqueFd> OpenProcess(pid_t pid, unsigned long long start_time) {
  UniqueFd pidfd = TRY(OpenPidfd(pid));
  // Read after the pidfd is held: if they agree, the descriptor is the process meant.
  const auto found = StartTime(pid);
  if (!found.ok() || found.value() != start_time)
    return Error(Code::kNotFound, "process " + std::to_string(pid) + " is gone");
  return pidfd;
}

bool SingleThreaded() {
  struct stat task {};
  return ::stat("/proc/self/task", &task) == 0 && task.st_nlink == 3;
}

Process& Process::operator=(Process&& other) noexcept {
  Process old(std::exchange(pid_, std::exchange(other.pid_, -1)), std::exchange(pidfd_, std::move(other.pidfd_)));
  return *this;
}

Process::~Process() {
  if (pid_ <= 0) return;
  (void)SendSignal(pidfd_.get(), SIGKILL).ok();  // gone already is as good
  (void)Reap(pidfd_.get(), /*block=*/true).ok();
}

Result<ExitStatus> Process::Wait() {
  const auto status = TRY(Reap(pidfd_.get(), /*block=*/true));
  pid_ = -1;
  return *status;
}

UniqueFd Process::Detach() {
  pid_ = -1;
  return std::move(pidfd_);
}

Result<std::string> FindProgram(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : Split(path == nullptr ? "/usr/bin:/bin:/usr/sbin:/sbin" : path, ':')) {
    std::string program = folder + "/" + name;
    if (folder.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return Error(Code::kNotFound, "exec: \"" + name + "\": executable file not found in $PATH");
}

Result<Process> Spawn(const SpawnOptions& options) {
  SpawnAttributes spawn;
  std::vector<UniqueFd> copies;
  ResetSignals(spawn, options.new_session);
  TRY(LayOutDescriptors(spawn, options, copies));
  ::posix_spawn_file_actions_addchdir_np(&spawn.actions, options.cwd.empty() ? "/" : options.cwd.c_str());
  const auto argv = Pointers(options.argv);
  const auto env = Pointers(options.env);
  pid_t pid = -1;
  const int err =
      ::posix_spawn(&pid, options.program.c_str(), &spawn.actions, &spawn.attributes, argv.data(), env.data());
  if (err != 0) return Error::Errno(err, "start '" + options.program + "'");
  // Race-free while only this process reaps: the pid cannot be reused before we wait for it.
  return Process(pid, TRY(OpenPidfd(pid)));
}

}  // namespace estiba::os
