#include "stats_json.h"

#include <string_view>

#include "codec/json.h"

namespace estiba::ocicli {
namespace {

using codec::Json;

Json Numbers(const auto& values) {
  Json list = Json::MakeArray();
  for (const auto value : values) list.Append(value);
  return list;
}

// Members that are zero or empty are left out, as runc leaves them out.
void Add(Json& object, std::string_view key, std::uint64_t value) {
  if (value != 0) object.Set(key, value);
}

void AddNumbers(Json& object, std::string_view key, const auto& values) {
  if (!values.empty()) object.Set(key, Numbers(values));
}

Json Line(const cgroup::PressureLine& line) {
  const auto percent = [](std::uint64_t hundredths) { return static_cast<double>(hundredths) / 100; };
  return Json::MakeObject({{"avg10", percent(line.avg10)},
                           {"avg60", percent(line.avg60)},
                           {"avg300", percent(line.avg300)},
                           {"total", line.total_us}});
}

void AddPressure(Json& object, const std::optional<cgroup::Pressure>& pressure) {
  if (!pressure) return;
  Json psi = Json::MakeObject({{"some", Line(pressure->some)}});
  if (pressure->full) psi.Set("full", Line(*pressure->full));
  object.Set("psi", std::move(psi));
}

Json Cpu(const cgroup::Stats& stats, const cgroup::Details& details) {
  Json usage = Json::MakeObject();
  Add(usage, "total", stats.cpu_total_ns);
  AddNumbers(usage, "percpu", stats.cpu_per_cpu_ns);
  AddNumbers(usage, "percpu_kernel", details.cpu_per_cpu_system_ns);
  AddNumbers(usage, "percpu_user", details.cpu_per_cpu_user_ns);
  usage.Set("kernel", stats.cpu_system_ns);
  usage.Set("user", stats.cpu_user_ns);
  Json throttling = Json::MakeObject();
  Add(throttling, "periods", stats.periods);
  Add(throttling, "throttledPeriods", stats.throttled_periods);
  Add(throttling, "throttledTime", stats.throttled_ns);
  Json cpu = Json::MakeObject({{"usage", std::move(usage)}, {"throttling", std::move(throttling)}});
  AddPressure(cpu, details.cpu_pressure);
  return cpu;
}

Json Cpuset(const cgroup::CpusetState& state) {
  Json out = Json::MakeObject();
  AddNumbers(out, "cpus", state.cpus);
  out.Set("cpu_exclusive", state.cpu_exclusive);
  AddNumbers(out, "mems", state.mems);
  out.Set("mem_hardwall", state.mem_hardwall);
  out.Set("mem_exclusive", state.mem_exclusive);
  out.Set("memory_migrate", state.memory_migrate);
  out.Set("memory_spread_page", state.memory_spread_page);
  out.Set("memory_spread_slab", state.memory_spread_slab);
  out.Set("memory_pressure", state.memory_pressure);
  out.Set("sched_load_balance", state.sched_load_balance);
  out.Set("sched_relax_domain_level", state.sched_relax_domain_level);
  return out;
}

Json Entry(const cgroup::Consumption& consumption) {
  Json out = Json::MakeObject({{"limit", consumption.limit}});
  Add(out, "usage", consumption.usage);
  Add(out, "max", consumption.max_usage);
  out.Set("failcnt", consumption.failcnt);
  return out;
}

Json Memory(const cgroup::Stats& stats, const cgroup::Details& details) {
  Json raw = Json::MakeObject();
  std::uint64_t cache = 0;
  for (const auto& [name, value] : stats.memory_stat) {
    raw.Set(name, value);
    if (name == "total_cache" || name == "file") cache = value;  // v1, v2
  }
  Json out = Json::MakeObject();
  Add(out, "cache", cache);
  out.Set("usage", Entry({.usage = stats.memory_usage,
                          .max_usage = stats.memory_max_usage,
                          .failcnt = stats.memory_failcnt,
                          .limit = stats.memory_limit}));
  out.Set("swap", Entry(details.swap));
  out.Set("kernel", Entry(details.kernel));
  out.Set("kernelTCP", Entry(details.kernel_tcp));
  if (!raw.empty()) out.Set("raw", std::move(raw));
  AddPressure(out, details.memory_pressure);
  return out;
}

Json IoEntry(const cgroup::DeviceIo& io, const char* operation, std::uint64_t value) {
  Json out = Json::MakeObject();
  Add(out, "major", io.major);
  Add(out, "minor", io.minor);
  out.Set("op", operation);
  Add(out, "value", value);
  return out;
}

Json BlockIo(const cgroup::Stats& stats, const cgroup::Details& details) {
  Json bytes = Json::MakeArray();
  Json operations = Json::MakeArray();
  for (const cgroup::DeviceIo& io : stats.io) {
    bytes.Append(IoEntry(io, "Read", io.read_bytes));
    bytes.Append(IoEntry(io, "Write", io.write_bytes));
    operations.Append(IoEntry(io, "Read", io.read_ops));
    operations.Append(IoEntry(io, "Write", io.write_ops));
  }
  Json out = Json::MakeObject();
  if (!bytes.empty()) out.Set("ioServiceBytesRecursive", std::move(bytes));
  if (!operations.empty()) out.Set("ioServicedRecursive", std::move(operations));
  AddPressure(out, details.io_pressure);
  return out;
}

Json Hugetlb(const cgroup::Details& details) {
  Json out = Json::MakeObject();
  for (const cgroup::HugetlbUsage& pages : details.hugetlb) {
    Json entry = Json::MakeObject();
    Add(entry, "usage", pages.usage);
    Add(entry, "max", pages.max_usage);
    entry.Set("failcnt", pages.failcnt);
    out.Set(pages.page_size, std::move(entry));
  }
  return out;
}

}  // namespace

std::string StatsEvent(const std::string& id, const cgroup::Stats& stats, const cgroup::Details& details) {
  Json pids = Json::MakeObject();
  Add(pids, "current", stats.pids_current);
  Add(pids, "limit", stats.pids_limit);
  Json data = Json::MakeObject({{"cpu", Cpu(stats, details)}, {"cpuset", Cpuset(details.cpuset)}});
  data.Set("memory", Memory(stats, details));
  data.Set("pids", std::move(pids));
  data.Set("blkio", BlockIo(stats, details));
  data.Set("hugetlb", Hugetlb(details));
  data.Set("intel_rdt", Json::MakeObject());
  data.Set("network_interfaces", nullptr);
  return Json::MakeObject({{"type", "stats"}, {"id", id}, {"data", std::move(data)}}).Dump();
}

std::string OomEvent(const std::string& id) {
  return Json::MakeObject({{"type", "oom"}, {"id", id}}).Dump();
}

}  // namespace estiba::ocicli
