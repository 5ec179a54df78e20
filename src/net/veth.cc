#include <algorithm>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/mount.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include "link.h"
#include "net/inside.h"
#include "net/setup.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/netns.h"

namespace estiba::net {
namespace {

template <typename T>
std::string_view AsBytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string_view Bytes(const Mac& mac) { return {reinterpret_cast<const char*>(mac.bytes.data()), mac.bytes.size()}; }

// One each way, as veths work by default. Not told how many, the kernel makes one for each processor, then takes the
// rest out of use and waits for RCU.
void PutQueues(os::NetlinkBatch& batch) {
  batch.PutU32(IFLA_NUM_TX_QUEUES, 1);
  batch.PutU32(IFLA_NUM_RX_QUEUES, 1);
}

void PutPeer(os::NetlinkBatch& batch, const VethSpec& veth, int netns) {
  batch.BeginNest(VETH_INFO_PEER, AsBytes(ifinfomsg{}));
  batch.PutString(IFLA_IFNAME, veth.container_name);
  PutQueues(batch);
  batch.Put(IFLA_ADDRESS, Bytes(veth.mac));
  if (veth.mtu != 0) batch.PutU32(IFLA_MTU, veth.mtu);
  batch.PutU32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
  batch.EndNest();
}

// The pair is made with the peer in its final place: moving a link between namespaces later costs milliseconds.
Status CreatePair(os::NetlinkSocket& socket, const VethSpec& veth, int bridge, int netns) {
  os::NetlinkBatch batch;
  ifinfomsg up{};
  up.ifi_flags = up.ifi_change = IFF_UP;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, up);
  batch.PutString(IFLA_IFNAME, veth.host_name);
  PutQueues(batch);
  if (veth.mtu != 0) batch.PutU32(IFLA_MTU, veth.mtu);
  batch.PutU32(IFLA_MASTER, static_cast<std::uint32_t>(bridge));
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_KIND, "veth");
  batch.BeginNest(IFLA_INFO_DATA);
  PutPeer(batch, veth, netns);
  batch.EndNest();
  batch.EndNest();
  return Transact(socket, batch, "add link pair '" + veth.host_name + "' on bridge '" + veth.bridge + "' to '" +
                                     veth.container_name + "'");
}

// Hairpin, so that a container reaches its own published port where br_netfilter translates addresses inside the
// bridge. No link-local address on our end: it would send neighbour discovery into the network. The peer is still
// down, so nothing has been sent; a kernel without IPv6 has nothing to switch off.
Status SetUpPort(os::NetlinkSocket& socket, const std::string& name, bool isolated) {
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, name);
  batch.BeginNest(IFLA_LINKINFO);
  batch.PutString(IFLA_INFO_SLAVE_KIND, "bridge");
  batch.BeginNest(IFLA_INFO_SLAVE_DATA);
  batch.PutU8(IFLA_BRPORT_MODE, 1);
  if (isolated) batch.PutU8(IFLA_BRPORT_ISOLATED, 1);
  batch.EndNest();
  batch.EndNest();
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  batch.PutString(IFLA_IFNAME, name);
  batch.BeginNest(IFLA_AF_SPEC);
  batch.BeginNest(AF_INET6);
  batch.PutU8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  batch.EndNest();
  batch.EndNest();
  return Transact(socket, batch, "set hairpin mode, and no IPv6 addresses, on link '" + name + "'", EAFNOSUPPORT);
}

// The link an earlier life of this container left: its namespace is still being taken down.
Status DeleteStale(os::NetlinkSocket& socket, const VethSpec& veth, int bridge) {
  const auto link = TRY(FindLink(socket, veth.host_name));
  if (!link) return Ok();
  if (link->kind != "veth" || (link->master != 0 && link->master != bridge))
    return Error(Code::kConflict, "add link '" + veth.host_name + "': somebody else has a link of that name");
  return DeleteLink(socket, link->index, "delete the old link '" + veth.host_name + "'");
}

void PutUp(os::NetlinkBatch& batch, int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_flags = header.ifi_change = IFF_UP;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, header);
}

bool IsLinkLocal(const Ip& address) {
  return address.v6 && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

// One that is in none of the interface's networks is a neighbour all the same; the unspecified address stands for the
// link itself, where there are no neighbours.
void PutDefaultRoute(os::NetlinkBatch& batch, int index, const InsideSpec& inside, const Ip& gateway) {
  const bool in_network =
      std::ranges::any_of(inside.addresses, [&](const IpPrefix& one) { return one.Contains(gateway); });
  rtmsg header{};
  header.rtm_family = gateway.v6 ? AF_INET6 : AF_INET;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_BOOT;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  if (gateway.IsAny()) {
    header.rtm_scope = gateway.v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  } else if (!in_network && !IsLinkLocal(gateway)) {
    header.rtm_flags = RTNH_F_ONLINK;
  }
  batch.Begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, header);
  if (!gateway.IsAny()) batch.Put(RTA_GATEWAY, gateway.Bytes());
  batch.PutU32(RTA_OIF, static_cast<std::uint32_t>(index));
}

bool HasIpv6(const InsideSpec& inside) {
  return std::ranges::any_of(inside.addresses, [](const IpPrefix& one) { return one.address.v6; });
}

std::string Describe(const InsideSpec& inside) {
  std::string what = "configure '" + inside.name + "' as";
  for (const IpPrefix& address : inside.addresses) what += ' ' + ToString(address);
  return what;
}

constexpr int kLoopbackIndex = 1;  // the first link of every network namespace

// Settings that only exist as files of whoever reads them there.
Status WriteSettings(const InsideSpec& inside, int procfs) {
  const os::UniqueFd settings = TRY(procfs < 0 ? os::OpenAt({AT_FDCWD}, "/proc/sys/net", O_PATH | O_DIRECTORY)
                                               : os::OpenAt({procfs}, "sys/net", O_PATH | O_DIRECTORY));
  const std::string six = "ipv6/conf/" + inside.name + '/';
  const auto write = [&](const std::string& path, const std::string& value, bool optional) {
    return SetNetSysctl({settings.get()}, path, value, optional);
  };
  TRY(write(six + "disable_ipv6", HasIpv6(inside) ? "0" : "1", /*optional=*/!HasIpv6(inside)));
  // No router advertisement may bring an address (CVE-2020-13401).
  TRY(write(six + "accept_ra", "0", /*optional=*/true));
  TRY(write(six + "accept_dad", "0", /*optional=*/true));  // hardware addresses are ours to give
  for (const auto& [path, value] : inside.sysctls) TRY(write(path, value, /*optional=*/false));
  return Ok();
}

// A socket of the namespace; with `inside`, its settings are written, too.
Result<os::NetlinkSocket> OpenInside(int netns, const InsideSpec* inside, int procfs) {
  std::optional<os::NetlinkSocket> socket;
  const auto work = [&]() -> Status {
    socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
    return inside == nullptr ? Ok() : WriteSettings(*inside, procfs);
  };
  TRY(os::InNetworkNamespace(netns, work));
  return std::move(*socket);
}

bool AnnouncesIpv6(const InsideSpec& inside) {
  const auto setting = AnnouncingSettings(inside.name, /*v6=*/true).back();
  return HasIpv6(inside) && std::ranges::find(inside.sysctls, setting) != inside.sysctls.end();
}

// The kernel announces (net.ipv6.conf.*.ndisc_notify) when a hardware address is set, also to what it is; that a link
// comes up is no reason where nobody looks for duplicates. ipvlan's cannot be set: it is its parent's, as before.
Status AnnounceIpv6(os::NetlinkSocket& socket, const Link& link, const std::string& what) {
  os::NetlinkBatch batch;
  ifinfomsg header{};
  header.ifi_index = link.index;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, header);
  batch.Put(IFLA_ADDRESS, Bytes(link.mac));
  return Transact(socket, batch, what, EOPNOTSUPP);
}

// Link state travels up (our end, the bridge's port, the bridge) by work the kernel may put off for a second, and until
// then first packets are lost. Asking for a link has its state brought up to date first (rtnl_getlink(), 6.8; older
// kernels take their time).
Status SettleLinks(os::NetlinkSocket& socket, int host_end) {
  const auto port = TRY(FindLink(socket, host_end));
  if (port && port->master != 0) TRY(FindLink(socket, port->master));
  return Ok();
}

// Tells the bridge behind which port the hardware address is, as the container's first frame would: frames for it are
// not given to everybody. Gone with the port.
Status TellBridge(os::NetlinkSocket& socket, int port, const Mac& mac) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = port;
  header.ndm_state = NUD_REACHABLE;
  header.ndm_flags = NTF_MASTER;
  os::NetlinkBatch batch;
  batch.Begin(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, header);
  batch.Put(NDA_LLADDR, Bytes(mac));
  // EPERM: the bridge has not noticed yet that the port is up (linkwatch); then it learns by the first frame.
  return Transact(socket, batch, "tell the bridge of " + ToString(mac), EPERM);
}

}  // namespace

Status AddVeth(const VethSpec& veth, int netns) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  TRY(CheckLinkName(veth.host_name));
  TRY(CheckLinkName(veth.container_name));
  const auto bridge = TRY(FindLink(socket, veth.bridge));
  if (!bridge)
    return Error(Code::kNotFound, "add link '" + veth.host_name + "': there is no bridge '" + veth.bridge + "'");
  Status status = CreatePair(socket, veth, bridge->index, netns);
  if (!status.ok() && status.error().errnum() == EEXIST) {
    TRY(DeleteStale(socket, veth, bridge->index));
    status = CreatePair(socket, veth, bridge->index, netns);
  }
  if (!status.ok() && status.error().errnum() == EXFULL)
    return Error(Code::kResourceExhausted, "bridge '" + veth.bridge +
                                               "' is full: the kernel gives a bridge 1023 ports, one for each "
                                               "container")
        .Hint("start further containers in another network");
  if (!status.ok()) return status;
  return SetUpPort(socket, veth.host_name, veth.isolated);
}

namespace {

using Deleter = Status(os::NetlinkSocket& socket, int index, const std::string& what);

Status DeleteVethBy(Deleter* deleter, const std::string& host_name) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  const auto link = TRY(FindLink(socket, host_name));
  if (!link) return Ok();
  if (link->kind != "veth") return Error(Code::kConflict, "delete link '" + host_name + "': it is not a link pair");
  return deleter(socket, link->index, "delete link '" + host_name + "'");
}

}  // namespace

Status DeleteVeth(const std::string& host_name) { return DeleteVethBy(DeleteLink, host_name); }

Status DeleteVethAtEnd(const std::string& host_name) { return DeleteVethBy(DeleteLinkAtEnd, host_name); }

std::vector<std::pair<std::string, std::string>> AnnouncingSettings(const std::string& name, bool v6) {
  std::vector<std::pair<std::string, std::string>> settings = {{"ipv4/conf/" + name + "/arp_notify", "1"}};
  if (v6) settings.emplace_back("ipv6/conf/" + name + "/ndisc_notify", "1");
  return settings;
}

os::UniqueFd OpenProcfs() {
  auto procfs = os::FilesystemContext::Open("proc");
  if (!procfs.ok()) return {};
  auto mount = procfs->Mount(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  return mount.ok() ? mount->Release() : os::UniqueFd();
}

Status ConfigureInside(int netns, const InsideSpec& inside, int procfs) {
  const std::string what = Describe(inside);
  TRY_CTX(CheckLinkName(inside.name), what);
  os::NetlinkSocket socket = TRY_CTX(OpenInside(netns, &inside, procfs), what);
  const auto link = TRY_CTX(FindLink(socket, inside.name), what);
  if (!link) return Error(Code::kNotFound, what + ": no such link in the namespace");
  os::NetlinkBatch batch;
  PutUp(batch, kLoopbackIndex);
  for (const IpPrefix& address : inside.addresses) AddAddress(batch, link->index, address);
  PutUp(batch, link->index);
  for (const Ip& gateway : inside.gateways) PutDefaultRoute(batch, link->index, inside, gateway);
  TRY(Transact(socket, batch, what));
  if (AnnouncesIpv6(inside)) TRY(AnnounceIpv6(socket, *link, what));
  os::NetlinkSocket host = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  TRY(SettleLinks(host, link->peer));
  if (link->kind == "veth") TRY_CTX(TellBridge(host, link->peer, link->mac), what);
  return Ok();
}

Status ConfigureInside(int netns, const InsideSpec& inside) { return ConfigureInside(netns, inside, /*procfs=*/-1); }

Status BringLoopbackUp(int netns) {
  os::NetlinkSocket socket = TRY_CTX(OpenInside(netns, nullptr, -1), "bring up 'lo'");
  os::NetlinkBatch batch;
  PutUp(batch, kLoopbackIndex);
  return Transact(socket, batch, "bring up 'lo'");
}

}  // namespace estiba::net
