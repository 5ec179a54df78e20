#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/setup.h"
#include "os/netlink.h"

namespace estiba::net {
namespace {

std::optional<Ipv4> AddressFrom(std::string_view bytes) {
  if (bytes.size() != 4) return std::nullopt;
  Ipv4 address;
  for (const char c : bytes) address.value = address.value << 8 | static_cast<unsigned char>(c);
  return address;
}

std::optional<Subnet> RouteFrom(const os::NetlinkMessage& message) {
  const auto header = message.As<rtmsg>();
  if (message.type != RTM_NEWROUTE || !header || header->rtm_family != AF_INET) return std::nullopt;
  if (header->rtm_dst_len == 0 || header->rtm_dst_len > 32 || header->rtm_table == RT_TABLE_LOCAL) return std::nullopt;
  const auto destination = os::NetlinkAttributes::Find(message.AttributesAfter(sizeof(rtmsg)), RTA_DST);
  const auto base = destination ? AddressFrom(destination->bytes) : std::nullopt;
  if (!base) return std::nullopt;
  return Subnet{*base, header->rtm_dst_len};
}

std::optional<InterfaceAddress> HostAddressFrom(const os::NetlinkMessage& message) {
  const auto header = message.As<ifaddrmsg>();
  if (message.type != RTM_NEWADDR || !header || header->ifa_family != AF_INET) return std::nullopt;
  const auto local = os::NetlinkAttributes::Find(message.AttributesAfter(sizeof(ifaddrmsg)), IFA_LOCAL);
  const auto address = local ? AddressFrom(local->bytes) : std::nullopt;
  if (!address) return std::nullopt;
  return InterfaceAddress{*address, header->ifa_prefixlen};
}

}  // namespace

Result<std::vector<Subnet>> HostRoutes() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  os::NetlinkBatch request;
  rtmsg header{};
  header.rtm_family = AF_INET;
  request.Begin(RTM_GETROUTE, NLM_F_DUMP, header);
  std::vector<Subnet> routes;
  for (const std::string& bytes : TRY(socket.Ask(request, "list the host's routes"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    if (const auto route = message ? RouteFrom(*message) : std::nullopt) routes.push_back(*route);
  }
  return routes;
}

Result<std::vector<InterfaceAddress>> HostAddresses() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  os::NetlinkBatch request;
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  request.Begin(RTM_GETADDR, NLM_F_DUMP, header);
  std::vector<InterfaceAddress> addresses;
  for (const std::string& bytes : TRY(socket.Ask(request, "list the host's addresses"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    if (const auto address = message ? HostAddressFrom(*message) : std::nullopt) addresses.push_back(*address);
  }
  return addresses;
}

}  // namespace estiba::net
