#include <unistd.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "cgroup/cgroup.h"
#include "keyed.h"
#include "os/file.h"

namespace estiba::cgroup {

std::vector<std::pair<std::string, std::uint64_t>> KeyedValues(std::string_view text) {
  std::vector<std::pair<std::string, std::uint64_t>> values;
  for (const std::string& line : Split(text, '\n')) {
    const auto blank = line.find(' ');
    if (blank == std::string::npos) continue;
    auto number = ParseUint(Trim(std::string_view(line).substr(blank + 1)));
    if (number.ok()) values.emplace_back(line.substr(0, blank), *number);
  }
  return values;
}

std::optional<std::uint64_t> KeyedValue(std::string_view text, std::string_view key) {
  for (const auto& [name, value] : KeyedValues(text))
    if (name == key) return value;
  return std::nullopt;
}

std::string FileText(int dir, const std::string& file) {
  auto text = os::ReadFileAt({dir}, file);
  return text.ok() ? std::move(text).value() : std::string();
}

std::uint64_t FileNumber(int dir, const std::string& file, std::uint64_t none) {
  constexpr std::uint64_t kLegacyInfinity = 0x7fff'ffff'ffff'0000;
  auto number = ParseUint(Trim(FileText(dir, file)));
  if (!number.ok()) return none;
  return *number >= kLegacyInfinity ? none : *number;
}

namespace {

void ReadMemory(int dir, bool unified, Stats& stats) {
  stats.memory_usage = FileNumber(dir, unified ? "memory.current" : "memory.usage_in_bytes");
  stats.memory_limit = FileNumber(dir, unified ? "memory.max" : "memory.limit_in_bytes", UINT64_MAX);
  stats.memory_max_usage = FileNumber(dir, unified ? "memory.peak" : "memory.max_usage_in_bytes");
  stats.memory_failcnt = unified ? KeyedValue(FileText(dir, "memory.events"), "max").value_or(0)
                                 : FileNumber(dir, "memory.failcnt");
  stats.memory_stat = KeyedValues(FileText(dir, "memory.stat"));
}

void ReadLegacyCpu(int cpuacct, int cpu, Stats& stats) {
  if (cpuacct >= 0) {
    stats.cpu_total_ns = FileNumber(cpuacct, "cpuacct.usage");
    stats.cpu_user_ns = FileNumber(cpuacct, "cpuacct.usage_user");
    stats.cpu_system_ns = FileNumber(cpuacct, "cpuacct.usage_sys");
    for (const std::string& part : Split(Trim(FileText(cpuacct, "cpuacct.usage_percpu")), ' ')) {
      auto number = ParseUint(part);
      if (number.ok()) stats.cpu_per_cpu_ns.push_back(*number);
    }
  }
  if (cpu < 0) return;
  const std::string stat = FileText(cpu, "cpu.stat");
  stats.periods = KeyedValue(stat, "nr_periods").value_or(0);
  stats.throttled_periods = KeyedValue(stat, "nr_throttled").value_or(0);
  stats.throttled_ns = KeyedValue(stat, "throttled_time").value_or(0);
}

void ReadUnifiedCpu(int dir, Stats& stats) {
  const std::string stat = FileText(dir, "cpu.stat");  // there even without the controller
  const auto nanoseconds = [&](const char* key) { return KeyedValue(stat, key).value_or(0) * 1000; };
  stats.cpu_total_ns = nanoseconds("usage_usec");
  stats.cpu_user_ns = nanoseconds("user_usec");
  stats.cpu_system_ns = nanoseconds("system_usec");
  stats.periods = KeyedValue(stat, "nr_periods").value_or(0);
  stats.throttled_periods = KeyedValue(stat, "nr_throttled").value_or(0);
  stats.throttled_ns = nanoseconds("throttled_usec");
}

DeviceIo* FindDevice(std::string_view name, Stats& stats) {
  const auto colon = name.find(':');
  if (colon == std::string_view::npos) return nullptr;
  auto major = ParseUint(name.substr(0, colon));
  auto minor = ParseUint(name.substr(colon + 1));
  if (!major.ok() || !minor.ok()) return nullptr;
  const auto same = [&](const DeviceIo& io) { return io.major == *major && io.minor == *minor; };
  const auto found = std::ranges::find_if(stats.io, same);
  if (found != stats.io.end()) return &*found;
  stats.io.push_back({.major = *major, .minor = *minor});
  return &stats.io.back();
}

// "8:0 Read 4096", one counter a line.
void ReadLegacyIo(const std::string& text, bool operations, Stats& stats) {
  for (const std::string& line : Split(text, '\n')) {
    const auto fields = Split(line, ' ');
    if (fields.size() != 3) continue;
    auto count = ParseUint(fields[2]);
    DeviceIo* io = count.ok() ? FindDevice(fields[0], stats) : nullptr;
    if (io == nullptr) continue;
    if (fields[1] == "Read") (operations ? io->read_ops : io->read_bytes) = *count;
    if (fields[1] == "Write") (operations ? io->write_ops : io->write_bytes) = *count;
  }
}

// "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 …", one device a line.
void ReadUnifiedIo(const std::string& text, Stats& stats) {
  for (const std::string& line : Split(text, '\n')) {
    const auto fields = Split(line, ' ');
    DeviceIo* io = FindDevice(fields.front(), stats);
    if (io == nullptr) continue;
    for (const std::string& field : fields) {
      const auto equals = field.find('=');
      if (equals == std::string::npos) continue;
      auto count = ParseUint(std::string_view(field).substr(equals + 1));
      if (!count.ok()) continue;
      const std::string_view key = std::string_view(field).substr(0, equals);
      if (key == "rbytes") io->read_bytes = *count;
      if (key == "wbytes") io->write_bytes = *count;
      if (key == "rios") io->read_ops = *count;
      if (key == "wios") io->write_ops = *count;
    }
  }
}

void ReadIo(const Cgroup& cgroup, Stats& stats) {
  if (const int dir = cgroup.controller_fd("blkio"); dir >= 0) {
    ReadLegacyIo(FileText(dir, "blkio.throttle.io_service_bytes_recursive"), false, stats);
    ReadLegacyIo(FileText(dir, "blkio.throttle.io_serviced_recursive"), true, stats);
  } else if (const int unified = cgroup.controller_fd("io"); unified >= 0) {
    ReadUnifiedIo(FileText(unified, "io.stat"), stats);
  }
}

}  // namespace

Result<Stats> ReadStats(const Cgroup& cgroup) {
  Stats stats;
  const int unified = cgroup.unified_fd();
  if (const int dir = cgroup.controller_fd("memory"); dir >= 0) ReadMemory(dir, dir == unified, stats);
  const int cpu = cgroup.controller_fd("cpu");
  const int cpuacct = cgroup.controller_fd("cpuacct");
  if (cpuacct >= 0 || (cpu >= 0 && cpu != unified)) {
    ReadLegacyCpu(cpuacct, cpu, stats);
  } else if (unified >= 0) {
    ReadUnifiedCpu(unified, stats);
  }
  if (const int pids = cgroup.controller_fd("pids"); pids >= 0) {
    stats.pids_current = FileNumber(pids, "pids.current");
    stats.pids_limit = FileNumber(pids, "pids.max");
  } else {
    const auto processes = TRY(cgroup.Processes());
    stats.pids_current = processes.size();
  }
  ReadIo(cgroup, stats);
  return stats;
}

}  // namespace estiba::cgroup
