#include "watch.h"

#include <cerrno>
#include <limits>

// Before the kernel's headers, which leave out what it has declared.
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <linux/netlink.h>
#include <unistd.h>

#include "net/topology.h"
#include "os/netns.h"
#include "os/nft.h"

namespace estiba::nettrace {
namespace {

using os::NftHook;
using os::NftRegister;
using os::NftRule;

constexpr std::int32_t kFirst = std::numeric_limits<std::int32_t>::min();
// Before connections are confirmed (the last hook of all), so that none is recorded.
constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max() - 1;
constexpr std::size_t kLinkName = 16;  // IFNAMSIZ
constexpr NftRegister kR0{0};

template <typename T>
std::string Raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string NetworkOrder(std::uint32_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = bytes; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)) & 0xff);
  return out;
}

NftRule MatchProbe(const WatchSpec& spec) {
  NftRule rule;
  rule.Meta(NFT_META_L4PROTO, kR0)
      .Equal(kR0, Raw(ProtocolNumber(spec.flow.protocol, spec.flow.destination.v6)))
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, TokenOffset(spec.flow.protocol), 4, kR0)
      .Equal(kR0, TokenBytes(spec.token));
  return rule;
}

NftRule Follow(const WatchSpec& spec) {
  NftRule rule = MatchProbe(spec);
  rule.Trace(kR0);
  return rule;
}

NftRule End(const WatchSpec& spec) {
  NftRule rule = MatchProbe(spec);
  rule.Drop();
  return rule;
}

// What leaves by another link than those it may leave by; by lo it comes back.
NftRule EndUnlessBy(const WatchSpec& spec) {
  NftRule rule = MatchProbe(spec);
  std::vector<std::string> links = spec.lets_out_by;
  links.emplace_back("lo");
  for (std::string& link : links) {
    link.resize(kLinkName, '\0');
    rule.Meta(NFT_META_OIFNAME, kR0).NotEqual(kR0, link);
  }
  rule.Drop();
  return rule;
}

void AddFollowing(os::NftBatch& batch, const std::string& table, const char* chain, std::uint32_t hook,
                  std::int32_t priority, const WatchSpec& spec) {
  batch.AddChain(table, chain, NftHook{"filter", hook, priority}).AddRule(table, chain, Follow(spec));
}

// A RST or an ICMP error that a rule (reject) sends to the source.
void AddSilence(os::NftBatch& batch, const std::string& table, const WatchSpec& spec) {
  const bool v6 = spec.flow.source.v6;
  const auto to_source = [&](NftRule& rule, std::uint8_t protocol) -> NftRule& {
    return rule.Meta(NFT_META_L4PROTO, kR0)
        .Equal(kR0, Raw(protocol))
        .Payload(NFT_PAYLOAD_NETWORK_HEADER, v6 ? 24 : 16, v6 ? 16 : 4, kR0)
        .Equal(kR0, spec.flow.source.Bytes());
  };
  const std::string port = NetworkOrder(spec.flow.source_port, 2);
  NftRule reset;
  to_source(reset, IPPROTO_TCP).Payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, kR0).Equal(kR0, port).Drop();
  // The packet it is about comes behind eight bytes; of a ping, the id is behind four more.
  NftRule error;
  const std::uint32_t inner = 8 + (v6 ? 40 : 20) + (spec.flow.protocol == Protocol::kPing ? 4 : 0);
  to_source(error, ProtocolNumber(Protocol::kPing, v6))
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, inner, 2, kR0)
      .Equal(kR0, port)
      .Drop();
  batch.AddChain(table, "silence", NftHook{"filter", NF_INET_LOCAL_OUT, kFirst + 1})
      .AddRule(table, "silence", reset)
      .AddRule(table, "silence", error);
}

Status PlantInet(os::NetlinkSocket& socket, const WatchSpec& spec) {
  const std::string table = WatchTable();
  os::NftBatch batch(NFPROTO_INET);
  batch.AddOwnedTable(table);
  AddFollowing(batch, table, "enters", NF_INET_PRE_ROUTING, kFirst, spec);
  AddFollowing(batch, table, "starts", NF_INET_LOCAL_OUT, kFirst, spec);
  AddFollowing(batch, table, std::string(kCrosses).c_str(), NF_INET_FORWARD, kFirst, spec);
  batch.AddChain(table, std::string(kArrives), NftHook{"filter", NF_INET_LOCAL_IN, kLast})
      .AddRule(table, std::string(kArrives), End(spec));
  AddFollowing(batch, table, std::string(kLeaves).c_str(), NF_INET_POST_ROUTING, kLast, spec);
  if (!spec.lets_out || !spec.lets_out_by.empty()) batch.AddRule(table, std::string(kLeaves), EndUnlessBy(spec));
  if (spec.silences_replies) AddSilence(batch, table, spec);
  Status planted = batch.Commit(socket, "add a table to follow a packet with");
  if (!planted.ok() && (planted.error().errnum() == EINVAL || planted.error().errnum() == EOPNOTSUPP))
    return std::move(planted).error().Hint("tables that belong to a process need Linux 5.12");
  return planted;
}

// Kernels without nf_tables on bridges have no rules there either.
bool IsMissing(const Status& status) {
  const int err = status.ok() ? 0 : status.error().errnum();
  return err == EOPNOTSUPP || err == EAFNOSUPPORT || err == ENOENT || err == EINVAL;
}

Status PlantBridge(os::NetlinkSocket& socket, const WatchSpec& spec) {
  const std::string table = WatchTable();
  os::NftBatch batch(NFPROTO_BRIDGE);
  batch.AddOwnedTable(table);
  AddFollowing(batch, table, "enters", NF_BR_PRE_ROUTING, kFirst, spec);
  AddFollowing(batch, table, std::string(kCrosses).c_str(), NF_BR_FORWARD, kFirst, spec);
  AddFollowing(batch, table, std::string(kLeaves).c_str(), NF_BR_POST_ROUTING, kLast, spec);
  if (!spec.lets_out) batch.AddRule(table, std::string(kLeaves), End(spec));
  Status planted = batch.Commit(socket, "add a table to follow a packet on bridges with");
  if (IsMissing(planted)) return Ok();
  return planted;
}

Status PlantIngress(os::NetlinkSocket& socket, const WatchSpec& spec) {
  const std::string table = WatchTable();
  os::NftBatch batch(NFPROTO_NETDEV);
  batch.AddOwnedTable(table);
  std::size_t number = 0;
  for (const std::string& link : spec.ingress) {
    const std::string chain = "enters" + std::to_string(number++);
    batch.AddChain(table, chain, NftHook{"filter", NF_NETDEV_INGRESS, kFirst, false, link})
        .AddRule(table, chain, Follow(spec));
  }
  Status planted = batch.Commit(socket, "add a table to follow a packet at a link with");
  if (IsMissing(planted)) return Ok();
  return planted;
}

}  // namespace

std::string WatchTable() { return std::string(kWatchTable) + std::to_string(::getpid()); }

Result<Watch> Watch::Plant(int ns, const WatchSpec& spec) {
  os::UniqueFd traces;
  const auto listen = [&]() -> Status {
    traces = TRY(os::OpenNftTrace());
    return Ok();
  };
  TRY(os::InNetworkNamespace(ns, listen));
  os::NetlinkSocket owner = TRY(net::OpenSocketIn(ns, NETLINK_NETFILTER));
  TRY(PlantInet(owner, spec));
  if (spec.bridges) TRY(PlantBridge(owner, spec));
  if (!spec.ingress.empty()) TRY(PlantIngress(owner, spec));
  return Watch(std::move(owner), std::move(traces));
}

}  // namespace estiba::nettrace
