#pragma once
// GET /containers/{id}/stats.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "codec/json.h"

namespace estiba::apitypes {

struct CpuStats {
  std::uint64_t total_usage = 0;  // nanoseconds
  std::vector<std::uint64_t> percpu_usage;
  std::uint64_t usage_in_kernelmode = 0;
  std::uint64_t usage_in_usermode = 0;
  std::uint64_t system_usage = 0;  // of the host, nanoseconds
  std::uint32_t online_cpus = 0;
  std::uint64_t periods = 0;
  std::uint64_t throttled_periods = 0;
  std::uint64_t throttled_time = 0;
};

struct MemoryStats {
  std::uint64_t usage = 0;
  std::uint64_t max_usage = 0;
  std::uint64_t failcnt = 0;
  std::uint64_t limit = 0;
  std::map<std::string, std::uint64_t> stats;  // memory.stat
};

struct BlkioEntry {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::string op;
  std::uint64_t value = 0;
};

struct NetworkStats {
  std::uint64_t rx_bytes = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_errors = 0;
  std::uint64_t rx_dropped = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_errors = 0;
  std::uint64_t tx_dropped = 0;
};

struct Stats {
  std::string id;
  std::string name;                              // "/web"
  std::string read = "0001-01-01T00:00:00Z";     // RFC 3339
  std::string preread = "0001-01-01T00:00:00Z";  // of `precpu`
  CpuStats cpu;
  CpuStats precpu;
  MemoryStats memory;
  std::uint64_t pids_current = 0;
  std::uint64_t pids_limit = 0;  // 0: none
  std::vector<BlkioEntry> io_service_bytes;
  std::vector<BlkioEntry> io_serviced;
  std::map<std::string, NetworkStats> networks;

  codec::Json ToJson() const;
};

}  // namespace estiba::apitypes
