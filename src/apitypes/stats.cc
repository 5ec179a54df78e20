#include "apitypes/stats.h"

#include "fields.h"

namespace estiba::apitypes {
template <typename A>
void Describe(A& f, CpuStats& v) {
  f.Inside("cpu_usage", [&](auto& u) {
    u("total_usage", v.total_usage);
    u.Omit("percpu_usage", v.percpu_usage);
    u("usage_in_kernelmode", v.usage_in_kernelmode);
    u("usage_in_usermode", v.usage_in_usermode);
  });
  f.Omit("system_cpu_usage", v.system_usage);
  f.Omit("online_cpus", v.online_cpus);
  f.Inside("throttling_data", [&](auto& t) {
    t("periods", v.periods);
    t("throttled_periods", v.throttled_periods);
    t("throttled_time", v.throttled_time);
  });
}
template <typename A>
void Describe(A& f, MemoryStats& v) {
  f.Omit("usage", v.usage);
  f.Omit("max_usage", v.max_usage);
  f.Omit("stats", v.stats);
  f.Omit("failcnt", v.failcnt);
  f.Omit("limit", v.limit);
}
template <typename A>
void Describe(A& f, BlkioEntry& v) {
  f("major", v.major);
  f("minor", v.minor);
  f("op", v.op);
  f("value", v.value);
}
template <typename A>
void Describe(A& f, NetworkStats& v) {
  f("rx_bytes", v.rx_bytes);
  f("rx_packets", v.rx_packets);
  f("rx_errors", v.rx_errors);
  f("rx_dropped", v.rx_dropped);
  f("tx_bytes", v.tx_bytes);
  f("tx_packets", v.tx_packets);
  f("tx_errors", v.tx_errors);
  f("tx_dropped", v.tx_dropped);
}
template <typename A>
void Describe(A& f, Stats& v) {
  f("os_type", std::string("linux"));
  f("read", v.read);
  f("preread", v.preread);
  f.Inside("pids_stats", [&](auto& p) {
    p.Omit("current", v.pids_current);
    p.Omit("limit", v.pids_limit);
  });
  f.Inside("blkio_stats", [&](auto& b) {
    b.Null("io_service_bytes_recursive", v.io_service_bytes);
    b.Null("io_serviced_recursive", v.io_serviced);
  });
  f("num_procs", 0);
  f("storage_stats", codec::Json::MakeObject());
  f("cpu_stats", v.cpu);
  f("precpu_stats", v.precpu);
  f("memory_stats", v.memory);
  f("name", v.name);
  f("id", v.id);
  f.Omit("networks", v.networks);
}

codec::Json Stats::ToJson() const { return Write(*this); }

}  // namespace estiba::apitypes
