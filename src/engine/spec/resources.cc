#include <array>

#include "base/parse.h"
#include "base/text.h"
#include "build.h"

namespace estiba::engine {
namespace {

constexpr std::int64_t kCpuPeriod = 100'000;  // µs; what --cpus is a share of

void BuildMemory(const apitypes::Resources& wanted, const SpecContext& context,
                 oci::MemoryResources& memory) {
  const std::int64_t limit = wanted.memory != 0 ? wanted.memory : context.limits.memory;
  if (limit > 0) {
    memory.limit = limit;
    // As much swap as memory when nothing is said, as Docker has it.
    const std::int64_t swap = wanted.memory_swap != 0 ? wanted.memory_swap : 2 * limit;
    if (context.swap_limit) memory.swap = swap;
  }
  if (wanted.memory_reservation > 0) memory.reservation = wanted.memory_reservation;
  if (wanted.memory_swappiness.has_value() && *wanted.memory_swappiness >= 0) {
    memory.swappiness = static_cast<std::uint64_t>(*wanted.memory_swappiness);
  }
  if (wanted.oom_kill_disable.value_or(false)) memory.disable_oom_killer = true;
}

void BuildCpu(const apitypes::Resources& wanted, oci::CpuResources& cpu) {
  if (wanted.cpu_shares > 0) cpu.shares = static_cast<std::uint64_t>(wanted.cpu_shares);
  if (wanted.nano_cpus > 0) {
    cpu.period = static_cast<std::uint64_t>(kCpuPeriod);
    cpu.quota = wanted.nano_cpus / 1'000'000'000 * kCpuPeriod +
                wanted.nano_cpus % 1'000'000'000 * kCpuPeriod / 1'000'000'000;
  }
  if (wanted.cpu_period > 0) cpu.period = static_cast<std::uint64_t>(wanted.cpu_period);
  if (wanted.cpu_quota != 0) cpu.quota = wanted.cpu_quota;
  if (wanted.cpu_realtime_period > 0)
    cpu.realtime_period = static_cast<std::uint64_t>(wanted.cpu_realtime_period);
  if (wanted.cpu_realtime_runtime > 0) cpu.realtime_runtime = wanted.cpu_realtime_runtime;
  cpu.cpus = wanted.cpuset_cpus;
  cpu.mems = wanted.cpuset_mems;
}

constexpr std::array kRlimits = {"core",    "cpu",      "data",   "fsize",      "locks",
                                 "memlock", "msgqueue", "nice",   "nofile",     "nproc",
                                 "rss",     "rtprio",   "rttime", "sigpending", "stack"};

Error BadRule(const std::string& text) {
  return Error(Code::kInvalidArgument, "invalid device cgroup rule format: '" + text + "'");
}

Result<std::optional<std::int64_t>> ParseDeviceNumber(const std::string& text, const std::string& rule) {
  if (text == "*") return std::optional<std::int64_t>();
  const auto number = ParseUint(text, UINT32_MAX);
  if (!number.ok()) return BadRule(rule);
  return std::optional<std::int64_t>(static_cast<std::int64_t>(number.value()));
}

}  // namespace

oci::Resources BuildResources(const apitypes::Resources& wanted, const SpecContext& context) {
  oci::Resources resources;
  BuildMemory(wanted, context, resources.memory);
  BuildCpu(wanted, resources.cpu);
  const std::int64_t pids = wanted.pids_limit.value_or(0) != 0 ? *wanted.pids_limit : context.limits.pids;
  if (pids > 0) resources.pids_limit = pids;
  if (pids < 0) resources.pids_limit = -1;
  if (wanted.blkio_weight != 0) resources.block_io.weight = wanted.blkio_weight;
  return resources;
}

Result<std::string> RlimitName(const std::string& name) {
  for (const char* known : kRlimits) {
    if (name != known) continue;
    std::string upper = "RLIMIT_";
    for (const char c : name) upper += static_cast<char>(c - 'a' + 'A');
    return upper;
  }
  return Error(Code::kInvalidArgument, "invalid ulimit type: " + name);
}

Result<oci::DeviceRule> ParseDeviceRule(const std::string& text) {
  const std::vector<std::string> words = Split(text, ' ');
  if (words.size() != 3 || words[0].size() != 1 || (words[0] != "a" && words[0] != "b" && words[0] != "c")) {
    return BadRule(text);
  }
  const std::vector<std::string> numbers = Split(words[1], ':');
  if (numbers.size() != 2 || words[2].empty() || words[2].find_first_not_of("rwm") != std::string::npos) {
    return BadRule(text);
  }
  oci::DeviceRule rule;
  rule.allow = true;
  rule.type = words[0][0];
  rule.major = TRY(ParseDeviceNumber(numbers[0], text));
  rule.minor = TRY(ParseDeviceNumber(numbers[1], text));
  rule.access = words[2];
  return rule;
}

}  // namespace estiba::engine
