#pragma once
// DATA/containers/ID/health: what the last probes of a container said. Its monitor replaces it whole after each of
// them, so that nothing grows; it outlives the run, as docker keeps it.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::monitorapi {

inline constexpr char kHealthName[] = "health";
inline constexpr char kHealthPlanName[] = "health.plan";  // the engine's: how to probe

inline constexpr char kHealthStarting[] = "starting";
inline constexpr char kHealthHealthy[] = "healthy";
inline constexpr char kHealthUnhealthy[] = "unhealthy";

struct ProbeResult {
  std::int64_t start = 0;  // ns since the epoch
  std::int64_t end = 0;
  std::int32_t exit_code = 0;  // -1: it could not be run, or took too long
  std::string output;
  template <class V>
  void Fields(V& v) {
    v(1, start);
    v(2, end);
    v(3, exit_code);
    v(4, output);
  }
};

struct HealthLog {
  static constexpr std::size_t kMost = 5;
  std::uint64_t failing_streak = 0;
  std::vector<ProbeResult> results;  // oldest first

  // The oldest goes when there are kMost.
  void Add(ProbeResult result);
  template <class V>
  void Fields(V& v) {
    v(1, failing_streak);
    v(2, results);
  }
};

// Empty when there is none.
Result<HealthLog> ReadHealth(os::DirFd container_dir);
Status WriteHealth(os::DirFd container_dir, const HealthLog& log);

}  // namespace estiba::monitorapi
