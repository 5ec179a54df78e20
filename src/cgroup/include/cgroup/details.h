#pragma once
// What a container consumes beyond Stats: what `estiba-oci events` shows.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/cgroup.h"

namespace estiba::cgroup {

// Pressure stall information (PSI): how much of the time somebody waited. Averages in hundredths of a percent.
struct PressureLine {
  std::uint64_t avg10 = 0, avg60 = 0, avg300 = 0;
  std::uint64_t total_us = 0;
  friend bool operator==(const PressureLine&, const PressureLine&) = default;
};
struct Pressure {
  PressureLine some;
  std::optional<PressureLine> full;  // not for the cpu before kernel 5.13
};
// "some avg10=0.25 avg60=0.00 avg300=0.00 total=17"; nothing when there is no such line. Pure.
std::optional<Pressure> ParsePressure(std::string_view text);

struct Consumption {
  std::uint64_t usage = 0, max_usage = 0, failcnt = 0;
  std::uint64_t limit = 0;  // UINT64_MAX: none
};

struct HugetlbUsage {
  std::string page_size;  // "2MB"
  std::uint64_t usage = 0, max_usage = 0, failcnt = 0;
};

struct CpusetState {
  std::vector<std::uint16_t> cpus, mems;
  // v1 only.
  std::uint64_t cpu_exclusive = 0, mem_hardwall = 0, mem_exclusive = 0, memory_migrate = 0, memory_spread_page = 0,
                memory_spread_slab = 0, memory_pressure = 0, sched_load_balance = 0;
  std::int64_t sched_relax_domain_level = 0;
};

struct Details {
  std::optional<Pressure> cpu_pressure, memory_pressure, io_pressure;  // none: the host does not account it
  Consumption swap, kernel, kernel_tcp;
  std::vector<HugetlbUsage> hugetlb;
  CpusetState cpuset;
  std::vector<std::uint64_t> cpu_per_cpu_user_ns, cpu_per_cpu_system_ns;  // v1 only
};
// Zero and empty where the host does not account.
Details ReadDetails(const Cgroup& cgroup);

}  // namespace estiba::cgroup
