#include "place.h"

#include <cerrno>

#include <fcntl.h>
// Before the kernel's headers, which leave out what it has declared.
#include <netinet/in.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>

#include "base/text.h"
#include "net/topology.h"
#include "os/file.h"
#include "os/netns.h"
#include "rule_text.h"

namespace estiba::nettrace {
namespace {

constexpr std::size_t kMaxSetting = 64U << 10;

std::uint8_t FamilyOf(const Ip& address) { return address.v6 ? AF_INET6 : AF_INET; }

std::optional<Ip> AddressOf(const std::optional<os::NetlinkAttribute>& attribute) {
  auto address = attribute ? Ip::FromBytes(attribute->bytes) : Result<Ip>(Error(Code::kNotFound, "none"));
  if (!address.ok()) return std::nullopt;
  return *address;
}

PlaceLink ParseLink(const os::NetlinkMessage& message, const ifinfomsg& header) {
  PlaceLink link;
  link.index = static_cast<std::uint32_t>(header.ifi_index);
  link.up = (header.ifi_flags & IFF_UP) != 0;
  os::NetlinkAttributes attributes(message.AttributesAfter(sizeof(ifinfomsg)));
  while (const auto attribute = attributes.Next()) {
    switch (attribute->type) {
      case IFLA_IFNAME: link.name = attribute->Text(); break;
      case IFLA_MASTER: link.master = attribute->U32().value_or(0); break;
      case IFLA_LINK: link.peer = attribute->U32().value_or(0); break;
      case IFLA_LINK_NETNSID: link.foreign_peer = true; break;
      case IFLA_ADDRESS: link.mac = attribute->bytes; break;
      case IFLA_LINKINFO:
        if (const auto kind = os::NetlinkAttributes::Find(attribute->bytes, IFLA_INFO_KIND)) link.kind = kind->Text();
        break;
      default: break;
    }
  }
  return link;
}

Route ParseRoute(const os::NetlinkMessage& message, const rtmsg& header) {
  const auto attributes = message.AttributesAfter(sizeof(rtmsg));
  Route route;
  route.local = header.rtm_type == RTN_LOCAL;
  if (const auto out = os::NetlinkAttributes::Find(attributes, RTA_OIF)) route.out = out->U32().value_or(0);
  route.gateway = AddressOf(os::NetlinkAttributes::Find(attributes, RTA_GATEWAY));
  route.source = AddressOf(os::NetlinkAttributes::Find(attributes, RTA_PREFSRC));
  return route;
}

// Of routes that refuse: FIB answers with the type where it gives no error.
int RefusalOf(const rtmsg& header) {
  if (header.rtm_type == RTN_UNREACHABLE) return EHOSTUNREACH;
  if (header.rtm_type == RTN_PROHIBIT) return EACCES;
  return header.rtm_type == RTN_BLACKHOLE ? EINVAL : 0;
}

// Where the socket listens, if it is at that port; IPv6's "any" takes IPv4 too unless it is told not to.
void AddListener(const os::NetlinkMessage& message, std::uint16_t port, std::vector<Ip>& found) {
  const auto socket = message.As<inet_diag_msg>();
  if (!socket || socket->id.idiag_sport != htons(port)) return;
  const bool v6 = socket->idiag_family == AF_INET6;
  const auto* bytes = reinterpret_cast<const char*>(socket->id.idiag_src);
  auto address = Ip::FromBytes({bytes, v6 ? std::size_t{16} : std::size_t{4}});
  if (!address.ok()) return;
  const auto only = os::NetlinkAttributes::Find(message.AttributesAfter(sizeof(inet_diag_msg)), INET_DIAG_SKV6ONLY);
  const bool also_v4 = v6 && *address == Ip{true, {}} && (!only || only->U8().value_or(0) == 0);
  found.push_back(*address);
  if (also_v4) found.push_back(Ip{});
}

std::string ShortBytes(std::uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

}  // namespace

Result<Place> Place::Open(std::string name, os::UniqueFd ns) {
  os::NetlinkSocket route = TRY(net::OpenSocketIn(ns.get(), NETLINK_ROUTE));
  os::NetlinkSocket filter = TRY(net::OpenSocketIn(ns.get(), NETLINK_NETFILTER));
  Place place(std::move(name), std::move(ns), std::move(route), std::move(filter));
  TRY(place.ReadLinks());
  place.chains_ = TRY(os::NftListChains(place.filter_, 0));
  return place;
}

Status Place::ReadLinks() {
  os::NetlinkBatch request;
  request.Begin(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  for (const std::string& bytes : TRY(route_.Ask(request, "list links"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto header = message ? message->As<ifinfomsg>() : std::nullopt;
    if (header && message->type == RTM_NEWLINK) links_.push_back(ParseLink(*message, *header));
  }
  return Ok();
}

const PlaceLink* Place::Link(std::uint32_t index) const {
  for (const PlaceLink& link : links_)
    if (link.index == index) return &link;
  return nullptr;
}

const PlaceLink* Place::Link(std::string_view name) const {
  for (const PlaceLink& link : links_)
    if (link.name == name) return &link;
  return nullptr;
}

Result<Route> Place::FindRoute(const Ip& to, const std::optional<Ip>& source, std::uint32_t in) {
  rtmsg header{};
  header.rtm_family = FamilyOf(to);
  header.rtm_dst_len = static_cast<std::uint8_t>(to.Bits());
  header.rtm_flags = RTM_F_LOOKUP_TABLE;
  if (source) header.rtm_src_len = static_cast<std::uint8_t>(source->Bits());
  os::NetlinkBatch request;
  request.Begin(RTM_GETROUTE, 0, header);
  request.Put(RTA_DST, to.Bytes());
  if (source) request.Put(RTA_SRC, source->Bytes());
  if (in != 0) request.PutU32(RTA_IIF, in);
  const std::string what = "find a route to " + ToString(to);
  for (const std::string& bytes : TRY(route_.Ask(request, what))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto found = message ? message->As<rtmsg>() : std::nullopt;
    if (!found || message->type != RTM_NEWROUTE) continue;
    if (const int refused = RefusalOf(*found); refused != 0) return Error::Errno(refused, what);
    return ParseRoute(*message, *found);
  }
  return Error::Errno(ENETUNREACH, what);
}

Result<std::optional<Neighbour>> Place::FindNeighbour(std::uint32_t link, const Ip& address) {
  ndmsg header{};
  header.ndm_family = FamilyOf(address);
  header.ndm_ifindex = static_cast<int>(link);
  os::NetlinkBatch request;
  request.Begin(RTM_GETNEIGH, 0, header);
  request.Put(NDA_DST, address.Bytes());
  const auto answers = route_.Ask(request, "look for neighbour " + ToString(address));
  if (!answers.ok()) return std::optional<Neighbour>();  // ENOENT: never met
  for (const std::string& bytes : *answers) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto found = message ? message->As<ndmsg>() : std::nullopt;
    if (!found || message->type != RTM_NEWNEIGH) continue;
    Neighbour neighbour;
    neighbour.failed = (found->ndm_state & NUD_FAILED) != 0;
    neighbour.pending = (found->ndm_state & NUD_INCOMPLETE) != 0;
    if (const auto mac = os::NetlinkAttributes::Find(message->AttributesAfter(sizeof(ndmsg)), NDA_LLADDR))
      neighbour.mac = mac->bytes;
    return std::optional(neighbour);
  }
  return std::optional<Neighbour>();
}

Result<std::optional<std::vector<Ip>>> Place::Listeners(Protocol protocol, std::uint16_t port) {
  os::NetlinkSocket socket = TRY(net::OpenSocketIn(ns_.get(), NETLINK_SOCK_DIAG));
  std::vector<Ip> found;
  for (const int family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 asked{};
    asked.sdiag_family = static_cast<std::uint8_t>(family);
    asked.sdiag_protocol = static_cast<std::uint8_t>(protocol);
    // A datagram socket that hears everybody is "closed".
    asked.idiag_states = 1U << (protocol == Protocol::kUdp ? TCP_CLOSE : TCP_LISTEN);
    os::NetlinkBatch request;
    request.Begin(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, asked);
    const auto answers = socket.Ask(request, "list sockets");
    if (!answers.ok() && answers.error().errnum() == ENOENT) return std::optional<std::vector<Ip>>();
    if (!answers.ok()) return answers.error().Clone();
    for (const std::string& bytes : *answers) {
      const auto message = os::NetlinkMessages(bytes).Next();
      if (message && message->type == SOCK_DIAG_BY_FAMILY) AddListener(*message, port, found);
    }
  }
  return std::optional(std::move(found));
}

Result<std::vector<std::pair<std::uint32_t, IpPrefix>>> Place::Addresses() {
  os::NetlinkBatch request;
  request.Begin(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  std::vector<std::pair<std::uint32_t, IpPrefix>> found;
  for (const std::string& bytes : TRY(route_.Ask(request, "list addresses"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto header = message ? message->As<ifaddrmsg>() : std::nullopt;
    if (!header || message->type != RTM_NEWADDR) continue;
    const auto attributes = message->AttributesAfter(sizeof(ifaddrmsg));
    auto local = os::NetlinkAttributes::Find(attributes, IFA_LOCAL);
    if (!local) local = os::NetlinkAttributes::Find(attributes, IFA_ADDRESS);
    if (const auto address = AddressOf(local))
      found.emplace_back(header->ifa_index, IpPrefix{*address, header->ifa_prefixlen});
  }
  return found;
}

std::string Place::RuleText(const os::NftTrace& trace) {
  const auto rule = os::NftGetRule(filter_, trace.family, trace.table, trace.chain, trace.handle);
  const auto message = rule.ok() ? os::NetlinkMessages(*rule).Next() : std::nullopt;
  return message ? nettrace::RuleText(*message) : "a rule that is gone";
}

std::optional<std::string> Place::Sysctl(const std::string& path) const {
  std::optional<std::string> value;
  const auto read = [&]() -> Status {
    const auto text = os::ReadFile("/proc/sys/net/" + path, kMaxSetting);
    if (text.ok()) value = std::string(Trim(*text));
    return Ok();
  };
  if (!os::InNetworkNamespace(ns_.get(), read).ok()) return std::nullopt;
  return value;
}

bool Place::HasLegacyTables() const {
  bool found = false;
  const auto read = [&]() -> Status {
    for (const char* file : {"/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"}) {
      const auto names = os::ReadFile(file, kMaxSetting);
      found = found || (names.ok() && !Trim(*names).empty());
    }
    return Ok();
  };
  return os::InNetworkNamespace(ns_.get(), read).ok() && found;
}

Status Place::ForgetFlow(const Flow& flow) {
  os::NetlinkBatch batch;
  batch.Begin(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK,
              nfgenmsg{FamilyOf(flow.source), NFNETLINK_V0, 0});
  batch.BeginNest(CTA_TUPLE_ORIG);
  batch.BeginNest(CTA_TUPLE_IP);
  batch.Put(flow.source.v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, flow.source.Bytes());
  batch.Put(flow.source.v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, flow.destination.Bytes());
  batch.EndNest();
  batch.BeginNest(CTA_TUPLE_PROTO);
  batch.PutU8(CTA_PROTO_NUM, ProtocolNumber(flow.protocol, flow.source.v6));
  if (flow.protocol == Protocol::kPing) {
    batch.Put(flow.source.v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID, ShortBytes(flow.source_port));
    batch.PutU8(flow.source.v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, flow.source.v6 ? 128 : 8);
    batch.PutU8(flow.source.v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, 0);
  } else {
    batch.Put(CTA_PROTO_SRC_PORT, ShortBytes(flow.source_port));
    batch.Put(CTA_PROTO_DST_PORT, ShortBytes(flow.port));
  }
  batch.EndNest();
  batch.EndNest();
  // Most often there is none: it was dropped before it was recorded, or nothing is tracked here.
  TRY(filter_.Transact(batch));
  return Ok();
}

}  // namespace estiba::nettrace
