#include "conntrack.h"

#include <algorithm>

#include <cerrno>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace estiba::net {
namespace {

constexpr std::uint16_t Type(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
}

constexpr nfgenmsg kIpv4{AF_INET, NFNETLINK_V0, 0};

std::uint32_t BigEndian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

bool IsTo(const Flow& flow, const PublishedPort& port) {
  return flow.protocol == static_cast<std::uint8_t>(port.protocol) && flow.port == port.host_port &&
         (port.host_ip.IsAny() || flow.destination == port.host_ip);
}

// A dump holds every flow of the host; only those of our ports are kept.
Result<std::vector<std::string>> TuplesTo(os::NetlinkSocket& socket, const std::vector<PublishedPort>& ports) {
  os::NetlinkBatch request;
  request.Begin(Type(IPCTNL_MSG_CT_GET), NLM_F_DUMP, kIpv4);
  const std::vector<std::string> answers = TRY(socket.Ask(request, "list tracked connections"));
  std::vector<std::string> tuples;
  for (const std::string& bytes : answers) {
    const auto message = os::NetlinkMessages(bytes).Next();
    if (!message || message->type != Type(IPCTNL_MSG_CT_NEW)) continue;
    const auto tuple = os::NetlinkAttributes::Find(message->AttributesAfter(sizeof(nfgenmsg)), CTA_TUPLE_ORIG);
    const Flow flow = tuple ? ParseFlow(tuple->bytes).value_or(Flow{}) : Flow{};
    const auto wanted = [&](const PublishedPort& port) { return IsTo(flow, port); };
    if (std::any_of(ports.begin(), ports.end(), wanted)) tuples.emplace_back(tuple->bytes);
  }
  return tuples;
}

}  // namespace

std::optional<Flow> ParseFlow(std::string_view tuple) {
  const auto ip = os::NetlinkAttributes::Find(tuple, CTA_TUPLE_IP);
  const auto proto = os::NetlinkAttributes::Find(tuple, CTA_TUPLE_PROTO);
  if (!ip || !proto) return std::nullopt;
  const auto destination = os::NetlinkAttributes::Find(ip->bytes, CTA_IP_V4_DST);
  const auto number = os::NetlinkAttributes::Find(proto->bytes, CTA_PROTO_NUM);
  const auto port = os::NetlinkAttributes::Find(proto->bytes, CTA_PROTO_DST_PORT);
  if (!destination || destination->bytes.size() != 4 || !number || !number->U8()) return std::nullopt;
  if (!port || port->bytes.size() != 2) return std::nullopt;
  return Flow{*number->U8(), Ipv4{BigEndian(destination->bytes)},
              static_cast<std::uint16_t>(BigEndian(port->bytes))};
}

Status ForgetFlows(os::NetlinkSocket& socket, const std::vector<PublishedPort>& ports) {
  std::vector<PublishedPort> udp;
  for (const PublishedPort& port : ports)
    if (port.protocol == Protocol::kUdp) udp.push_back(port);
  if (udp.empty()) return Ok();
  for (const std::string& tuple : TRY(TuplesTo(socket, udp))) {
    os::NetlinkBatch batch;
    batch.Begin(Type(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, kIpv4);
    batch.BeginNest(CTA_TUPLE_ORIG, tuple);
    batch.EndNest();
    const std::vector<os::NetlinkAck> acks = TRY(socket.Transact(batch));
    if (acks[0].errnum != 0 && acks[0].errnum != ENOENT)
      return Error::Errno(acks[0].errnum, "forget a tracked UDP flow");
  }
  return Ok();
}

}  // namespace estiba::net
