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

nfgenmsg Header(bool v6) { return {static_cast<std::uint8_t>(v6 ? AF_INET6 : AF_INET), NFNETLINK_V0, 0}; }

std::uint32_t BigEndian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

bool IsTo(const Flow& flow, const PublishedPort& port) {
  return flow.protocol == static_cast<std::uint8_t>(port.protocol) && flow.port == port.host_port &&
         flow.destination.v6 == port.host_ip.v6 && (port.host_ip.IsAny() || flow.destination == port.host_ip);
}

// A dump holds every flow of the host; only those of our ports are kept.
Result<std::vector<std::string>> TuplesTo(os::NetlinkSocket& socket, bool v6,
                                          const std::vector<PublishedPort>& ports) {
  os::NetlinkBatch request;
  request.Begin(Type(IPCTNL_MSG_CT_GET), NLM_F_DUMP, Header(v6));
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
  auto destination = os::NetlinkAttributes::Find(ip->bytes, CTA_IP_V4_DST);
  if (!destination) destination = os::NetlinkAttributes::Find(ip->bytes, CTA_IP_V6_DST);
  const auto number = os::NetlinkAttributes::Find(proto->bytes, CTA_PROTO_NUM);
  const auto port = os::NetlinkAttributes::Find(proto->bytes, CTA_PROTO_DST_PORT);
  if (!destination || !number || !number->U8()) return std::nullopt;
  const auto address = Ip::FromBytes(destination->bytes);
  if (!address.ok()) return std::nullopt;
  if (!port || port->bytes.size() != 2) return std::nullopt;
  return Flow{*number->U8(), *address,
              static_cast<std::uint16_t>(BigEndian(port->bytes))};
}

namespace {

Status ForgetOf(os::NetlinkSocket& socket, bool v6, const std::vector<PublishedPort>& udp) {
  for (const std::string& tuple : TRY(TuplesTo(socket, v6, udp))) {
    os::NetlinkBatch batch;
    batch.Begin(Type(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, Header(v6));
    batch.BeginNest(CTA_TUPLE_ORIG, tuple);
    batch.EndNest();
    const std::vector<os::NetlinkAck> acks = TRY(socket.Transact(batch));
    if (acks[0].errnum != 0 && acks[0].errnum != ENOENT)
      return Error::Errno(acks[0].errnum, "forget a tracked UDP flow");
  }
  return Ok();
}

}  // namespace

Status ForgetFlows(os::NetlinkSocket& socket, const std::vector<PublishedPort>& ports) {
  for (const bool v6 : {false, true}) {
    std::vector<PublishedPort> udp;
    for (const PublishedPort& port : ports)
      if (port.protocol == Protocol::kUdp && port.host_ip.v6 == v6 && !port.IsOpened()) udp.push_back(port);
    if (!udp.empty()) TRY(ForgetOf(socket, v6, udp));
  }
  return Ok();
}

}  // namespace estiba::net
