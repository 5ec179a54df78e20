#include "cgroup/details.h"

#include "base/parse.h"
#include "base/text.h"
#include "keyed.h"
#include "oci/runtime_json.h"
#include "os/file.h"

namespace estiba::cgroup {
namespace {

constexpr const char* kHugetlbUsage[] = {".usage_in_bytes", ".current"};  // v1, v2

// "0.25" as 25.
std::optional<std::uint64_t> Hundredths(std::string_view text) {
  const auto point = text.find('.');
  if (point == std::string_view::npos || text.size() != point + 3) return std::nullopt;
  const auto whole = ParseUint(text.substr(0, point), 1'000'000);
  const auto fraction = ParseUint(text.substr(point + 1));
  if (!whole.ok() || !fraction.ok()) return std::nullopt;
  return *whole * 100 + *fraction;
}

std::optional<PressureLine> ParseLine(const std::vector<std::string>& words) {
  PressureLine line;
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    if (key == "total") {
      const auto total = ParseUint(value);
      if (!total.ok()) return std::nullopt;
      line.total_us = *total;
      continue;
    }
    const auto average = Hundredths(value);
    if (!average) return std::nullopt;
    if (key == "avg10") line.avg10 = *average;
    if (key == "avg60") line.avg60 = *average;
    if (key == "avg300") line.avg300 = *average;
  }
  return line;
}

std::optional<Pressure> ReadPressure(int dir, const char* file) {
  return dir < 0 ? std::nullopt : ParsePressure(FileText(dir, file));
}

Consumption LegacyConsumption(int dir, const std::string& prefix) {
  return {.usage = FileNumber(dir, prefix + ".usage_in_bytes"),
          .max_usage = FileNumber(dir, prefix + ".max_usage_in_bytes"),
          .failcnt = FileNumber(dir, prefix + ".failcnt"),
          .limit = FileNumber(dir, prefix + ".limit_in_bytes", UINT64_MAX)};
}

void ReadMemoryDetails(int dir, bool unified, Details& details) {
  if (unified) {
    details.swap = {.usage = FileNumber(dir, "memory.swap.current"),
                    .max_usage = FileNumber(dir, "memory.swap.peak"),
                    .failcnt = KeyedValue(FileText(dir, "memory.swap.events"), "fail").value_or(0),
                    .limit = FileNumber(dir, "memory.swap.max", UINT64_MAX)};
    return;
  }
  details.swap = LegacyConsumption(dir, "memory.memsw");
  details.kernel = LegacyConsumption(dir, "memory.kmem");
  details.kernel_tcp = LegacyConsumption(dir, "memory.kmem.tcp");
}

// Reservations count where the kernel accounts them: they are what runs out first.
HugetlbUsage ReadPages(int dir, const std::string& size, bool unified) {
  std::string prefix = "hugetlb." + size + ".rsvd";
  if (FileText(dir, prefix + kHugetlbUsage[unified]).empty()) prefix = "hugetlb." + size;
  HugetlbUsage pages{.page_size = size, .usage = FileNumber(dir, prefix + kHugetlbUsage[unified])};
  if (unified) {
    pages.failcnt = KeyedValue(FileText(dir, "hugetlb." + size + ".events"), "max").value_or(0);
  } else {
    pages.max_usage = FileNumber(dir, prefix + ".max_usage_in_bytes");
    pages.failcnt = FileNumber(dir, prefix + ".failcnt");
  }
  return pages;
}

void ReadHugetlb(int dir, bool unified, Details& details) {
  const auto names = os::ListDirectory({dir}, ".");
  if (!names.ok()) return;
  const std::string prefix = "hugetlb.";
  const std::string suffix = kHugetlbUsage[unified];
  for (const std::string& name : *names) {
    if (!name.starts_with(prefix) || !name.ends_with(suffix) || name.size() <= prefix.size() + suffix.size()) continue;
    const std::string size = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (size.find('.') == std::string::npos) details.hugetlb.push_back(ReadPages(dir, size, unified));
  }
}

// "0-3,7"; none when it is no such list, as an empty one is not.
std::vector<std::uint16_t> Numbers(const std::string& text) {
  std::vector<std::uint16_t> numbers;
  const auto mask = oci::ParseNumberList(Trim(text));
  if (!mask.ok()) return numbers;
  for (std::size_t n = 0; n < mask->size() * 8; ++n)
    if ((static_cast<unsigned char>((*mask)[n / 8]) >> (n % 8) & 1U) != 0)
      numbers.push_back(static_cast<std::uint16_t>(n));
  return numbers;
}

CpusetState ReadCpuset(int dir, bool unified) {
  CpusetState state;
  if (unified) {
    state.cpus = Numbers(FileText(dir, "cpuset.cpus.effective"));
    state.mems = Numbers(FileText(dir, "cpuset.mems.effective"));
    return state;
  }
  state.cpus = Numbers(FileText(dir, "cpuset.cpus"));
  state.mems = Numbers(FileText(dir, "cpuset.mems"));
  state.cpu_exclusive = FileNumber(dir, "cpuset.cpu_exclusive");
  state.mem_hardwall = FileNumber(dir, "cpuset.mem_hardwall");
  state.mem_exclusive = FileNumber(dir, "cpuset.mem_exclusive");
  state.memory_migrate = FileNumber(dir, "cpuset.memory_migrate");
  state.memory_spread_page = FileNumber(dir, "cpuset.memory_spread_page");
  state.memory_spread_slab = FileNumber(dir, "cpuset.memory_spread_slab");
  state.memory_pressure = FileNumber(dir, "cpuset.memory_pressure");
  state.sched_load_balance = FileNumber(dir, "cpuset.sched_load_balance");
  const auto level = ParseInt(Trim(FileText(dir, "cpuset.sched_relax_domain_level")));
  state.sched_relax_domain_level = level.ok() ? *level : 0;
  return state;
}

// "cpu user system", then a line for each.
void ReadPerCpu(int dir, Details& details) {
  for (const std::string& line : Split(FileText(dir, "cpuacct.usage_all"), '\n')) {
    const auto fields = Split(line, ' ');
    if (fields.size() != 3) continue;
    const auto user = ParseUint(fields[1]);
    const auto system = ParseUint(fields[2]);
    if (!user.ok() || !system.ok()) continue;  // the heading
    details.cpu_per_cpu_user_ns.push_back(*user);
    details.cpu_per_cpu_system_ns.push_back(*system);
  }
}

}  // namespace

std::optional<Pressure> ParsePressure(std::string_view text) {
  std::optional<Pressure> pressure;
  for (const std::string& line : Split(text, '\n')) {
    const auto words = Split(line, ' ');
    const auto parsed = ParseLine(words);
    if (!parsed) return std::nullopt;
    if (words.front() == "some") pressure.emplace().some = *parsed;
    if (words.front() == "full" && pressure) pressure->full = *parsed;
  }
  return pressure;
}

Details ReadDetails(const Cgroup& cgroup) {
  Details details;
  const int unified = cgroup.unified_fd();
  details.cpu_pressure = ReadPressure(unified, "cpu.pressure");
  details.memory_pressure = ReadPressure(unified, "memory.pressure");
  details.io_pressure = ReadPressure(unified, "io.pressure");
  if (const int dir = cgroup.controller_fd("memory"); dir >= 0) ReadMemoryDetails(dir, dir == unified, details);
  if (const int dir = cgroup.controller_fd("hugetlb"); dir >= 0) ReadHugetlb(dir, dir == unified, details);
  if (const int dir = cgroup.controller_fd("cpuset"); dir >= 0) details.cpuset = ReadCpuset(dir, dir == unified);
  if (const int dir = cgroup.controller_fd("cpuacct"); dir >= 0) ReadPerCpu(dir, details);
  return details;
}

}  // namespace estiba::cgroup
