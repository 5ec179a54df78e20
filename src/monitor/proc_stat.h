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
  bool exiting = false;  // it has begun to end: PID 1 kills its namespace's processes on the way, and waits for them
  bool ended = false;    // and was not reaped yet
};

// Nothing when there is no such process.
std::optional<ProcStat> ReadProcStat(pid_t pid);

}  // namespace estiba::monitor
