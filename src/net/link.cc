#include "link.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "base/text.h"
#include "os/file.h"

namespace estiba::net {
namespace {

Result<std::optional<Link>> AskForLink(os::NetlinkSocket& socket, os::NetlinkBatch& request, const std::string& what) {
  auto answers = socket.Ask(request, what);
  if (!answers.ok() && answers.error().errnum() == ENODEV) return std::optional<Link>();
  if (!answers.ok()) return std::move(answers).error();
  for (const std::string& bytes : answers.value()) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto header = message ? message->As<ifinfomsg>() : std::nullopt;
    if (header && message->type == RTM_NEWLINK) return std::optional(ParseLink(*message, *header));
  }
  return Error(Code::kDataLoss, what + ": no link in the answer");
}

// Of an array of numbers, as the kernel tells the settings of a link.
std::optional<std::uint32_t> NumberAt(std::string_view bytes, std::size_t index) {
  std::uint32_t number;
  if (bytes.size() / sizeof number <= index) return std::nullopt;
  std::memcpy(&number, bytes.data() + index * sizeof number, sizeof number);
  return number;
}

void ReadSettings(std::string_view families, Link& link) {
  if (const auto four = os::NetlinkAttributes::Find(families, AF_INET)) {
    if (const auto all = os::NetlinkAttributes::Find(four->bytes, IFLA_INET_CONF))
      link.route_localnet = NumberAt(all->bytes, IPV4_DEVCONF_ROUTE_LOCALNET - 1);
  }
  const auto six = os::NetlinkAttributes::Find(families, AF_INET6);
  const auto all = six ? os::NetlinkAttributes::Find(six->bytes, IFLA_INET6_CONF) : std::nullopt;
  if (!all) return;
  link.disable_ipv6 = NumberAt(all->bytes, DEVCONF_DISABLE_IPV6);
  link.accept_ra = NumberAt(all->bytes, DEVCONF_ACCEPT_RA);
  link.accept_dad = NumberAt(all->bytes, DEVCONF_ACCEPT_DAD);
}

}  // namespace

Link ParseLink(const os::NetlinkMessage& message, const ifinfomsg& header) {
  Link link;
  link.index = header.ifi_index;
  link.up = (header.ifi_flags & IFF_UP) != 0;
  os::NetlinkAttributes attributes(message.AttributesAfter(sizeof(ifinfomsg)));
  while (const auto attribute = attributes.Next()) {
    if (attribute->type == IFLA_MASTER) link.master = static_cast<int>(attribute->U32().value_or(0));
    if (attribute->type == IFLA_LINK) link.peer = static_cast<int>(attribute->U32().value_or(0));
    if (attribute->type == IFLA_IFNAME) link.name = attribute->Text();
    if (attribute->type == IFLA_IFALIAS) link.alias = attribute->Text();
    if (attribute->type == IFLA_ADDRESS && attribute->bytes.size() == link.mac.bytes.size())
      std::ranges::copy(attribute->bytes, link.mac.bytes.begin());
    if (attribute->type == IFLA_AF_SPEC) ReadSettings(attribute->bytes, link);
    if (attribute->type != IFLA_LINKINFO) continue;
    if (const auto kind = os::NetlinkAttributes::Find(attribute->bytes, IFLA_INFO_KIND)) link.kind = kind->Text();
  }
  return link;
}

Status CheckLinkName(const std::string& name) {
  const bool bad = name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
                   name.find_first_of("/: \t\n%") != std::string::npos;
  if (bad) return Error(Code::kInvalidArgument, "invalid interface name '" + name + "'");
  return Ok();
}

Result<std::vector<Link>> ListLinks(os::NetlinkSocket& socket) {
  os::NetlinkBatch request;
  request.Begin(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  std::vector<Link> links;
  for (const std::string& bytes : TRY(socket.Ask(request, "list the host's links"))) {
    const auto message = os::NetlinkMessages(bytes).Next();
    const auto header = message ? message->As<ifinfomsg>() : std::nullopt;
    if (header && message->type == RTM_NEWLINK) links.push_back(ParseLink(*message, *header));
  }
  return links;
}

Result<std::optional<Link>> FindLink(os::NetlinkSocket& socket, const std::string& name) {
  TRY(CheckLinkName(name));
  os::NetlinkBatch request;
  request.Begin(RTM_GETLINK, 0, ifinfomsg{});
  request.PutString(IFLA_IFNAME, name);
  return AskForLink(socket, request, "look for link '" + name + "'");
}

Result<std::optional<Link>> FindLink(os::NetlinkSocket& socket, int index) {
  os::NetlinkBatch request;
  ifinfomsg header{};
  header.ifi_index = index;
  request.Begin(RTM_GETLINK, 0, header);
  return AskForLink(socket, request, "look for link " + std::to_string(index));
}

Status DeleteLink(os::NetlinkSocket& socket, int index, const std::string& what) {
  os::NetlinkBatch batch;
  ifinfomsg header{};
  header.ifi_index = index;
  batch.Begin(RTM_DELLINK, NLM_F_ACK, header);
  return Transact(socket, batch, what, ENODEV);
}

Status Transact(os::NetlinkSocket& socket, os::NetlinkBatch& batch, const std::string& what, int tolerated) {
  const auto acks = TRY_CTX(socket.Transact(batch), what);
  for (const os::NetlinkAck& ack : acks)
    if (ack.errnum != 0 && ack.errnum != tolerated)
      return Error::Errno(ack.errnum, ack.text.empty() ? what : what + ": " + ack.text);
  return Ok();
}

void AddAddress(os::NetlinkBatch& batch, int index, const IpPrefix& address) {
  const bool v6 = address.address.v6;
  ifaddrmsg header{};
  header.ifa_family = v6 ? AF_INET6 : AF_INET;
  header.ifa_prefixlen = static_cast<std::uint8_t>(address.length);
  header.ifa_flags = v6 ? IFA_F_NODAD : 0;
  header.ifa_index = static_cast<std::uint32_t>(index);
  batch.Begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, header);
  batch.Put(IFA_LOCAL, address.address.Bytes());
  batch.Put(IFA_ADDRESS, address.address.Bytes());
  if (!v6 && address.length < 31) batch.Put(IFA_BROADCAST, address.Last().Bytes());
}

Status SetNetSysctl(const std::string& path, const std::string& value, bool optional) {
  const os::UniqueFd settings = TRY(os::OpenAt({AT_FDCWD}, "/proc/sys/net", O_PATH | O_DIRECTORY));
  return SetNetSysctl({settings.get()}, path, value, optional);
}

Status SetNetSysctl(os::DirFd settings, const std::string& path, const std::string& value, bool optional) {
  auto old = os::ReadFileAt(settings, path, 4096);
  if (!old.ok() && optional && old.error().errnum() == ENOENT) return Ok();
  if (old.ok() && Trim(old.value()) == value) return Ok();
  TRY_CTX(os::WriteExisting(settings, path, value), "set net sysctl '" + path + "' to " + value);
  return Ok();
}

}  // namespace estiba::net
