#include "link.h"

#include <algorithm>
#include <cerrno>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
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

}  // namespace

Link ParseLink(const os::NetlinkMessage& message, const ifinfomsg& header) {
  Link link;
  link.index = header.ifi_index;
  link.up = (header.ifi_flags & IFF_UP) != 0;
  os::NetlinkAttributes attributes(message.AttributesAfter(sizeof(ifinfomsg)));
  while (const auto attribute = attributes.Next()) {
    if (attribute->type == IFLA_MASTER) link.master = static_cast<int>(attribute->U32().value_or(0));
    if (attribute->type == IFLA_LINK) link.peer = static_cast<int>(attribute->U32().value_or(0));
    if (attribute->type == IFLA_IFALIAS) link.alias = attribute->Text();
    if (attribute->type == IFLA_ADDRESS && attribute->bytes.size() == link.mac.bytes.size())
      std::ranges::copy(attribute->bytes, link.mac.bytes.begin());
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
  auto dir = os::OpenAt({AT_FDCWD}, "/proc/sys/net", O_PATH | O_DIRECTORY);
  if (!dir.ok()) return std::move(dir).error();
  auto old = os::ReadFileAt({dir.value().get()}, path, 4096);
  if (!old.ok() && optional && old.error().errnum() == ENOENT) return Ok();
  if (old.ok() && Trim(old.value()) == value) return Ok();
  TRY_CTX(os::WriteExisting({dir.value().get()}, path, value), "set net sysctl '" + path + "' to " + value);
  return Ok();
}

}  // namespace estiba::net
