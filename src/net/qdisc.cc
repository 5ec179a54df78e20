#include <cerrno>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "link.h"
#include "net/topology.h"

namespace estiba::net {
namespace {

// The unit of times in these messages is 64 ns (PSCHED_SHIFT, since 2.6.31).
constexpr std::uint64_t kTickNs = 64;

template <typename T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::uint32_t Ticks(std::uint64_t ns) {
  const std::uint64_t ticks = ns / kTickNs;
  return ticks > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(ticks);
}

tc_ratespec RateSpec(std::uint64_t bytes_per_second) {
  tc_ratespec rate{};
  rate.linklayer = TC_LINKLAYER_ETHERNET;
  rate.rate = bytes_per_second > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(bytes_per_second);
  return rate;
}

Result<int> Begin(os::NetlinkSocket& socket, os::NetlinkBatch& batch, const std::string& link, const char* kind) {
  tcmsg header{};
  header.tcm_ifindex = TRY(LinkIndex(socket, link));
  header.tcm_parent = TC_H_ROOT;
  batch.Begin(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, header);
  batch.PutString(TCA_KIND, kind);
  return header.tcm_ifindex;
}

Status Send(os::NetlinkSocket& socket, os::NetlinkBatch& batch, const std::string& what, const std::string& option) {
  auto status = Transact(socket, batch, what);
  if (!status.ok() && status.error().errnum() == ENOENT)
    return std::move(status).error().WithCode(Code::kNotImplemented).Hint("the kernel was built without " + option);
  return status;
}

}  // namespace

Status AddTokenBucket(os::NetlinkSocket& socket, const std::string& link, std::uint64_t rate, std::uint32_t burst,
                      std::uint32_t limit) {
  const std::uint64_t bytes = rate / 8;
  tc_tbf_qopt options{};
  options.rate = RateSpec(bytes);
  options.limit = limit;
  options.buffer = Ticks(std::uint64_t{burst} * 1'000'000'000 / bytes);
  os::NetlinkBatch batch;
  TRY(Begin(socket, batch, link, "tbf"));
  batch.BeginNest(TCA_OPTIONS);
  batch.Put(TCA_TBF_PARMS, AsBytes(options));
  if (bytes > UINT32_MAX) batch.Put(TCA_TBF_RATE64, AsBytes(bytes));
  batch.PutU32(TCA_TBF_BURST, burst);
  batch.EndNest();
  return Send(socket, batch, "limit the rate of '" + link + "'", "CONFIG_NET_SCH_TBF");
}

Status AddDelay(os::NetlinkSocket& socket, const std::string& link, const Delay& delay) {
  constexpr std::uint32_t kQueue = 1000;  // packets, as tc-netem(8) has it
  tc_netem_qopt options{};
  options.latency = Ticks(std::uint64_t{delay.delay_us} * 1000);
  options.jitter = Ticks(std::uint64_t{delay.jitter_us} * 1000);
  options.limit = kQueue;
  os::NetlinkBatch batch;
  TRY(Begin(socket, batch, link, "netem"));
  // Attributes follow the fixed part in the same nest.
  batch.BeginNest(TCA_OPTIONS, AsBytes(options));
  const std::int64_t delay_ns = std::int64_t{delay.delay_us} * 1000, jitter_ns = std::int64_t{delay.jitter_us} * 1000;
  batch.Put(TCA_NETEM_LATENCY64, AsBytes(delay_ns));
  batch.Put(TCA_NETEM_JITTER64, AsBytes(jitter_ns));
  if (delay.rate != 0) {
    const std::uint64_t bytes = delay.rate / 8;
    tc_netem_rate rate{};
    rate.rate = RateSpec(bytes).rate;
    batch.Put(TCA_NETEM_RATE, AsBytes(rate));
    if (bytes > UINT32_MAX) batch.Put(TCA_NETEM_RATE64, AsBytes(bytes));
  }
  batch.EndNest();
  return Send(socket, batch, "delay what leaves by '" + link + "'", "CONFIG_NET_SCH_NETEM");
}

}  // namespace estiba::net
