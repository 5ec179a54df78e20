#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "link.h"
#include "net/link_addresses.h"
#include "net/setup.h"
#include "os/netlink.h"

namespace estiba::net {
namespace {

std::optional<Ip> AddressFrom(std::string_view bytes, std::uint8_t family) {
  auto address = Ip::FromBytes(bytes);
  if (!address.ok() || address->v6 != (family == AF_INET6)) return std::nullopt;
  return *address;
}

bool IsInternet(std::uint8_t family) { return family == AF_INET || family == AF_INET6; }

std::optional<IpPrefix> RouteFrom(const os::NetlinkMessage& message) {
  const auto header = message.As<rtmsg>();
  if (message.type != RTM_NEWROUTE || !header || !IsInternet(header->rtm_family)) return std::nullopt;
  if (header->rtm_dst_len == 0 || header->rtm_table == RT_TABLE_LOCAL) return std::nullopt;
  const auto destination = os::NetlinkAttributes::Find(message.AttributesAfter(sizeof(rtmsg)), RTA_DST);
  const auto base = destination ? AddressFrom(destination->bytes, header->rtm_family) : std::nullopt;
  if (!base || header->rtm_dst_len > base->Bits() || base->IsLinkLocal()) return std::nullopt;
  return IpPrefix{*base, header->rtm_dst_len};
}

std::optional<IpPrefix> HostAddressFrom(const os::NetlinkMessage& message) {
  const auto header = message.As<ifaddrmsg>();
  if (message.type != RTM_NEWADDR || !header || !IsInternet(header->ifa_family)) return std::nullopt;
  const std::string_view attributes = message.AttributesAfter(sizeof(ifaddrmsg));
  auto own = os::NetlinkAttributes::Find(attributes, IFA_LOCAL);
  if (!own) own = os::NetlinkAttributes::Find(attributes, IFA_ADDRESS);  // as IPv6 has it
  const auto address = own ? AddressFrom(own->bytes, header->ifa_family) : std::nullopt;
  if (!address) return std::nullopt;
  return IpPrefix{*address, header->ifa_prefixlen};
}

}  // namespace

Result<std::vector<IpPrefix>> HostRoutes() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  os::NetlinkBatch request;
  request.Begin(RTM_GETROUTE, NLM_F_DUMP, rtmsg{});
  std::vector<IpPrefix> routes;
  for (const std::string& bytes : TRY(socket.Ask(request, "list the host's routes"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    if (const auto route = message ? RouteFrom(*message) : std::nullopt) routes.push_back(*route);
  }
  return routes;
}

Result<std::vector<IpPrefix>> AddressesOf(const std::string& link) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  const auto found = TRY(FindLink(socket, link));
  std::vector<IpPrefix> addresses;
  if (!found) return addresses;
  os::NetlinkBatch request;
  request.Begin(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  for (const std::string& bytes : TRY(socket.Ask(request, "list the addresses of '" + link + "'"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto header = message ? message->As<ifaddrmsg>() : std::nullopt;
    if (!header || header->ifa_index != static_cast<std::uint32_t>(found->index)) continue;
    if (const auto address = HostAddressFrom(*message); address && !address->address.IsLinkLocal())
      addresses.push_back(*address);
  }
  return addresses;
}

Result<std::vector<IpPrefix>> HostAddresses() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  os::NetlinkBatch request;
  request.Begin(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  std::vector<IpPrefix> addresses;
  for (const std::string& bytes : TRY(socket.Ask(request, "list the host's addresses"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    if (const auto address = message ? HostAddressFrom(*message) : std::nullopt) addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace estiba::net
