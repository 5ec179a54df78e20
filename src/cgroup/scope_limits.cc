// Limits as properties of a systemd unit.

#include <algorithm>
#include <limits>

#include "base/parse.h"
#include "base/text.h"
#include "cgroup/scope.h"
#include "cgroup/settings.h"

namespace estiba::cgroup {
namespace {

constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMicroseconds = 1'000'000;
constexpr std::uint64_t kUsualPeriod = 100'000;
constexpr int kIdleVersion = 252;
constexpr int kOomVersion = 253;

std::string Set(const std::string& name, std::uint64_t value) {
  return name + "=uint64 " + std::to_string(value);
}

std::uint64_t Limit(std::int64_t value) { return value < 0 ? kInfinity : static_cast<std::uint64_t>(value); }

void AddMemory(const oci::MemoryResources& memory, std::vector<std::string>& out) {
  const std::int64_t limit = memory.limit.value_or(0);
  const std::int64_t swap = memory.swap.value_or(limit == -1 ? -1 : 0);
  if (limit != 0) out.push_back(Set("MemoryMax", Limit(limit)));
  if (memory.reservation.value_or(0) != 0) out.push_back(Set("MemoryLow", Limit(*memory.reservation)));
  const std::int64_t swap_alone = swap < 0 ? swap : std::max<std::int64_t>(swap - limit, 0);
  if (swap != 0) out.push_back(Set("MemorySwapMax", Limit(swap_alone)));
}

// systemd counts in hundredths of a CPU: rounded up, so that nobody gets less than was asked for.
void AddQuota(std::int64_t quota, std::uint64_t period, std::vector<std::string>& out) {
  if (period != 0) out.push_back(Set("CPUQuotaPeriodUSec", period));
  if (quota == 0 && period == 0) return;
  if (quota <= 0) {
    out.push_back(Set("CPUQuotaPerSecUSec", kInfinity));
    return;
  }
  constexpr std::uint64_t kStep = 10'000;
  const std::uint64_t per_second =
      static_cast<std::uint64_t>(quota) * kMicroseconds / (period != 0 ? period : 100'000);
  out.push_back(Set("CPUQuotaPerSecUSec", (per_second + kStep - 1) / kStep * kStep));
}

// "0-2,7" as a bit mask, lowest byte first.
Result<std::string> MaskOf(const char* name, const std::string& list) {
  constexpr std::uint64_t kMost = 8191;
  std::vector<unsigned> bytes;
  for (const std::string& range : Split(list, ',')) {
    const std::size_t dash = range.find('-');
    const std::uint64_t first = TRY(ParseUint(Trim(range.substr(0, dash)), kMost));
    const std::uint64_t last = dash == std::string::npos ? first : TRY(ParseUint(Trim(range.substr(dash + 1)), kMost));
    if (last < first) return Error(Code::kInvalidArgument, "'" + range + "' runs backwards");
    if (bytes.size() <= last / 8) bytes.resize(last / 8 + 1);
    for (std::uint64_t i = first; i <= last; ++i) bytes[i / 8] |= 1U << (i % 8);
  }
  std::string text = std::string(name) + "=@ay [";
  for (std::size_t i = 0; i < bytes.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(bytes[i]);
  return text + "]";
}

// A weight of 0 is systemd's word for cpu.idle, since version 252.
bool SaysIdle(std::int64_t idle, int version) { return idle == 1 && version >= kIdleVersion; }

Status AddCpuset(const oci::CpuResources& cpu, std::vector<std::string>& out) {
  if (!cpu.cpus.empty()) out.push_back(TRY_CTX(MaskOf("AllowedCPUs", cpu.cpus), "linux.resources.cpu.cpus"));
  if (!cpu.mems.empty()) out.push_back(TRY_CTX(MaskOf("AllowedMemoryNodes", cpu.mems), "linux.resources.cpu.mems"));
  return Ok();
}

// systemd takes 0 for "none": a limit of none at all is at least the one process that is there.
void AddTasks(const oci::Resources& resources, std::vector<std::string>& out) {
  if (resources.pids_limit) out.push_back(Set("TasksMax", std::max<std::uint64_t>(Limit(*resources.pids_limit), 1)));
}

Status AddCpu(const oci::CpuResources& cpu, int version, std::vector<std::string>& out) {
  if (SaysIdle(cpu.idle.value_or(0), version)) {
    out.push_back(Set("CPUWeight", 0));
  } else if (cpu.shares.value_or(0) != 0) {
    out.push_back(Set("CPUWeight", SharesToWeight(*cpu.shares)));
  }
  AddQuota(cpu.quota.value_or(0), cpu.period.value_or(0), out);
  return AddCpuset(cpu, out);
}

Result<std::uint64_t> NumberOrMax(std::string_view text) {
  if (text == "max") return kInfinity;
  return ParseUint(text);
}

// "quota period", "max", …
Status AddUnifiedQuota(std::string_view text, std::vector<std::string>& out) {
  std::vector<std::string> words = Split(text, ' ');
  std::erase(words, "");
  if (words.empty() || words.size() > 2)
    return Error(Code::kInvalidArgument, "'" + std::string(text) + "' is not a quota, or a quota and a period");
  const std::int64_t quota = words[0] == "max" ? 0 : static_cast<std::int64_t>(TRY(ParseUint(words[0], INT64_MAX)));
  const std::uint64_t period = words.size() == 2 ? TRY(ParseUint(words[1], INT64_MAX)) : kUsualPeriod;
  AddQuota(quota, period, out);
  return Ok();
}

// The property that takes the number of a file.
const char* NumberProperty(std::string_view file) {
  constexpr std::pair<std::string_view, const char*> kProperties[] = {
      {"memory.high", "MemoryHigh"}, {"memory.low", "MemoryLow"}, {"memory.max", "MemoryMax"},
      {"memory.min", "MemoryMin"},   {"memory.swap.max", "MemorySwapMax"}};
  const auto* found = std::ranges::find(kProperties, file, &std::pair<std::string_view, const char*>::first);
  return found == std::end(kProperties) ? nullptr : found->second;
}

// What systemd has a property for; the rest is written to the files alone.
Status AddUnified(const std::string& file, std::string_view text, bool idle, std::vector<std::string>& out) {
  if (const char* name = NumberProperty(file)) {
    out.push_back(Set(name, TRY(NumberOrMax(text))));
  } else if (file == "pids.max") {
    out.push_back(Set("TasksMax", std::max<std::uint64_t>(TRY(NumberOrMax(text)), 1)));
  } else if (file == "cpu.max") {
    return AddUnifiedQuota(text, out);
  } else if (file == "cpu.weight" && !idle) {
    out.push_back(Set("CPUWeight", TRY(ParseUint(text))));
  } else if (file == "cpuset.cpus" || file == "cpuset.mems") {
    out.push_back(TRY(MaskOf(file == "cpuset.cpus" ? "AllowedCPUs" : "AllowedMemoryNodes", std::string(text))));
  }
  return Ok();
}

Status AddAllUnified(const oci::StringMap& unified, int version, std::vector<std::string>& out) {
  const auto found = std::ranges::find(unified, "cpu.idle", &oci::StringMap::value_type::first);
  const bool idle = found != unified.end() && SaysIdle(Trim(found->second) == "1" ? 1 : 0, version);
  if (idle) out.push_back(Set("CPUWeight", 0));
  for (const auto& [file, value] : unified)
    TRY_CTX(AddUnified(file, Trim(value), idle, out), "linux.resources.unified[" + file + "]");
  return Ok();
}

}  // namespace

Result<std::vector<std::string>> LimitProperties(const oci::Resources& resources, int version) {
  std::vector<std::string> out;
  AddMemory(resources.memory, out);
  TRY(AddCpu(resources.cpu, version, out));
  AddTasks(resources, out);
  TRY(AddAllUnified(resources.unified, version, out));
  return out;
}

Result<std::vector<std::string>> LegacyLimitProperties(const oci::Resources& resources) {
  std::vector<std::string> out;
  if (resources.memory.limit.value_or(0) != 0) out.push_back(Set("MemoryLimit", Limit(*resources.memory.limit)));
  if (resources.cpu.shares.value_or(0) != 0) out.push_back(Set("CPUShares", *resources.cpu.shares));
  AddQuota(resources.cpu.quota.value_or(0), resources.cpu.period.value_or(0), out);
  if (resources.block_io.weight.value_or(0) != 0) out.push_back(Set("BlockIOWeight", *resources.block_io.weight));
  AddTasks(resources, out);
  TRY(AddCpuset(resources.cpu, out));
  return out;
}

std::vector<std::string> StartProperties(const oci::Resources& resources, int version) {
  const auto group = std::ranges::find(resources.unified, "memory.oom.group", &oci::StringMap::value_type::first);
  if (group == resources.unified.end() || version < kOomVersion) return {};
  const auto value = Trim(group->second);
  if (value == "0") return {"OOMPolicy='continue'"};
  if (value == "1") return {"OOMPolicy='kill'"};
  return {};
}

}  // namespace estiba::cgroup
