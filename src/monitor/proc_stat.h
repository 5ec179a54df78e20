#pragma once

#include <optional>

#include <sys/types.h>

namespace estiba::monitor {

// What is needed of /proc/PID/stat (proc(5)).
struct ProcStat {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  unsigned long long start_time = 0;
  bool exiting = false;  // it has begun to end
  bool ended = false;    // and was not reaped yet
};

// Of the process, or of a thread of it. Nothing when there is no such one.
std::optional<ProcStat> ReadProcStat(pid_t pid, pid_t thread = 0);

// True when no thread of it is left that has not begun to end. PID 1 kills the processes of its namespace on the way,
// and waits for them: their ends are seen before its own.
bool IsEnding(pid_t pid);

}  // namespace estiba::monitor
