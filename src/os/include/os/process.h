#pragma once
// Processes by descriptor. A process with threads only spawns (posix_spawn); code that clones container processes
// lives in `runtime` and runs single-threaded.

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "os/fd.h"

namespace estiba::os {

// How a process ended: exactly one of the two is meaningful, as wait(2) has it.
struct ExitStatus {
  int code = 0;    // exit code, when signal is 0
  int signal = 0;  // the signal that ended it, or 0
  // The shell's number: the code, or 128 + signal.
  int ToShell() const { return signal != 0 ? 128 + signal : code; }
};

// pidfd_open(2).
Result<UniqueFd> OpenPidfd(pid_t pid);
// pidfd_send_signal(2). kNotFound when the process has been reaped.
Status SendSignal(int pidfd, int signal);
// waitid(2) on a pidfd of our own child; nothing when it still runs and `block` is false.
Result<std::optional<ExitStatus>> Reap(int pidfd, bool block);
// Field 22 of /proc/PID/stat, clock ticks since boot: with the pid it names one process for good.
Result<unsigned long long> StartTime(pid_t pid);
// A pidfd for the process that had this pid and start time; kNotFound if it is gone, whoever has the pid now.
Result<UniqueFd> OpenProcess(pid_t pid, unsigned long long start_time);
// True when this process has one thread (/proc/self/task).
bool SingleThreaded();

// Our own child. Dropped unreaped, it is killed and reaped.
class Process {
 public:
  Process() = default;
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Process& operator=(Process&& other) noexcept;
  ~Process();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  bool valid() const { return pid_ > 0; }
  Result<ExitStatus> Wait();
  // Somebody else reaps it from here on.
  UniqueFd Detach();

 private:
  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

// The first executable `name` in the absolute folders of $PATH; kNotFound `exec: "ps": executable file not found in
// $PATH`.
Result<std::string> FindProgram(const std::string& name);

// What a spawned program starts with. Signals are reset to default and unblocked, everything but the descriptors
// named here is closed.
struct SpawnOptions {
  std::string program;             // a path, or "/proc/self/fd/N" of a memfd
  std::vector<std::string> argv;
  std::vector<std::string> env;    // whole environment, "KEY=value"
  // {descriptor here, number there}; 0, 1 and 2 not named become /dev/null.
  std::vector<std::pair<int, int>> fds;
  bool new_session = false;        // setsid(2)
  std::string cwd;                 // empty: "/"
};
Result<Process> Spawn(const SpawnOptions& options);

}  // namespace estiba::os
