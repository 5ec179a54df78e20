#include "kill_session.h"

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include <fcntl.h>

#include "base/parse.h"
#include "os/file.h"
#include "os/process.h"
#include "proc_stat.h"

namespace estiba::monitor {
namespace {

std::vector<ProcStat> ReadAll() {
  std::vector<ProcStat> all;
  const auto names = os::ListDirectory({AT_FDCWD}, "/proc");
  if (!names.ok()) return all;
  for (const std::string& name : *names) {
    const auto pid = ParseUint(name, INT32_MAX);
    if (!pid.ok()) continue;
    const auto stat = ReadProcStat(static_cast<pid_t>(*pid));
    if (stat && !stat->ended) all.push_back(*stat);
  }
  return all;
}

// Adds to `family`; those that are new.
std::vector<ProcStat> FindMore(pid_t leader, std::set<pid_t>& family) {
  const std::vector<ProcStat> all = ReadAll();
  std::vector<ProcStat> found;
  for (bool more = true; more;) {
    more = false;
    for (const ProcStat& entry : all) {
      const bool kin = entry.pid == leader || entry.session == leader || family.contains(entry.parent);
      if (!kin || !family.insert(entry.pid).second) continue;
      found.push_back(entry);
      more = true;
    }
  }
  return found;
}

}  // namespace

void KillSession(pid_t leader) {
  constexpr int kRounds = 10;  // for what forks while it is looked at
  std::set<pid_t> family;
  for (int i = 0; i < kRounds; ++i) {
    const std::vector<ProcStat> found = FindMore(leader, family);
    if (found.empty()) return;
    for (const ProcStat& entry : found) {
      const auto process = os::OpenProcess(entry.pid, entry.start_time);
      if (process.ok()) (void)os::SendSignal(process->get(), SIGKILL).ok();  // gone already is as good
    }
  }
}

}  // namespace estiba::monitor
