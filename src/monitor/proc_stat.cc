#include "proc_stat.h"

#include <string>

#include <fcntl.h>

#include "base/parse.h"
#include "base/text.h"
#include "os/file.h"

namespace estiba::monitor {

std::optional<ProcStat> ReadProcStat(pid_t pid, pid_t thread) {
  const std::string task = thread == 0 ? "" : "/task/" + std::to_string(thread);
  const auto text = os::ReadFile("/proc/" + std::to_string(pid) + task + "/stat", 4096);
  if (!text.ok()) return std::nullopt;
  // The command name, in brackets, may itself hold blanks and brackets: count from the last bracket.
  const auto bracket = text->rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  const auto fields = Split(std::string_view(*text).substr(bracket + 1), ' ');
  constexpr std::size_t kState = 1, kParent = 2, kSession = 4, kFlags = 7, kStartTime = 20;
  if (fields.size() <= kStartTime) return std::nullopt;
  const auto parent = ParseUint(fields[kParent], INT32_MAX);
  const auto session = ParseUint(fields[kSession], INT32_MAX);
  const auto flags = ParseUint(fields[kFlags], UINT32_MAX);
  const auto start_time = ParseUint(fields[kStartTime]);
  if (!parent.ok() || !session.ok() || !flags.ok() || !start_time.ok()) return std::nullopt;
  constexpr unsigned kExiting = 0x4;  // PF_EXITING of the kernel's include/linux/sched.h
  ProcStat stat;
  stat.pid = pid;
  stat.parent = static_cast<pid_t>(*parent);
  stat.session = static_cast<pid_t>(*session);
  stat.start_time = *start_time;
  stat.ended = fields[kState] == "Z" || fields[kState] == "X";
  stat.exiting = stat.ended || (*flags & kExiting) != 0;
  return stat;
}

bool IsEnding(pid_t pid) {
  const auto threads = os::ListDirectory({AT_FDCWD}, "/proc/" + std::to_string(pid) + "/task");
  if (!threads.ok()) return true;
  for (const std::string& name : *threads) {
    const auto thread = ParseUint(name, INT32_MAX);
    if (!thread.ok()) continue;
    const auto stat = ReadProcStat(pid, static_cast<pid_t>(*thread));
    if (stat && !stat->exiting) return false;
  }
  return true;
}

}  // namespace estiba::monitor
