#include "net/publish.h"

#include <cerrno>
#include <map>

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "conntrack.h"
#include "os/file.h"
#include "os/inet.h"
#include "table.h"

namespace estiba::net {
namespace {

// nf_tables answers both for "the key is there with another value", by kernel version and kind of set.
bool HasAnotherValue(const Error& error) { return error.errnum() == EBUSY || error.errnum() == EEXIST; }

std::string Describe(const char* verb, const std::vector<PublishedPort>& ports) {
  if (ports.size() == 1) return std::string(verb) + " published port " + ToString(ports.front());
  return std::string(verb) + ' ' + std::to_string(ports.size()) + " published ports";
}

// One message for each map, however many ports. What a proxy leads is none of the table's.
std::map<std::string, std::vector<os::NftElement>> Sort(const std::vector<PublishedPort>& ports) {
  std::map<std::string, std::vector<os::NftElement>> sorted;
  for (const PublishedPort& port : ports) {
    if (port.NeedsProxy()) continue;
    TableElement element = ElementFor(port);
    sorted[element.set].push_back(std::move(element.element));
  }
  return sorted;
}

void Add(os::NftBatch& batch, const std::vector<PublishedPort>& ports) {
  for (const auto& [set, elements] : Sort(ports)) batch.AddElements(kTable, set, elements);
}

void Delete(os::NftBatch& batch, const std::vector<PublishedPort>& ports) {
  for (auto& [set, elements] : Sort(ports)) {
    std::vector<os::NftElement> keys = elements;
    for (os::NftElement& element : keys) element.data.clear();  // deleted by key
    batch.DeleteElements(kTable, set, keys);
  }
}

// Replaces one mapping whose key somebody else's life left behind.
Status Replace(os::NetlinkSocket& socket, const PublishedPort& port) {
  os::NftBatch plain(kFamily);
  Add(plain, {port});
  Status status = plain.Commit(socket, Describe("add", {port}));
  if (status.ok() || !HasAnotherValue(status.error())) return status;
  os::NftBatch batch(kFamily);
  Delete(batch, {port});
  Add(batch, {port});
  return batch.Commit(socket, Describe("replace", {port}));
}

// In one transaction: added, which changes nothing when this very mapping is there and fails when the key now leads
// elsewhere, then deleted.
Status DeleteExactly(os::NetlinkSocket& socket, const std::vector<PublishedPort>& ports) {
  os::NftBatch batch(kFamily);
  Add(batch, ports);
  Delete(batch, ports);
  Status status = batch.Commit(socket, Describe("delete", ports));
  if (!status.ok() && status.error().errnum() == ENOENT) return Ok();  // no table: nothing is published
  return status;
}

Result<os::UniqueFd> Open(Hold hold, Protocol protocol, const os::InetPeer& own) {
  constexpr int kWaiting = 4096;  // the kernel has its own bound: net.core.somaxconn
  if (hold == Hold::kRelay && protocol == Protocol::kTcp) return os::ListenInet(own, kWaiting);
  const int type = protocol == Protocol::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  return os::BindInet(type, own, protocol == Protocol::kSctp ? IPPROTO_SCTP : 0);
}

}  // namespace

Status AddPublished(const std::vector<PublishedPort>& ports) {
  if (ports.empty()) return Ok();
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  os::NftBatch batch(kFamily);
  Add(batch, ports);
  Status status = batch.Commit(socket, Describe("add", ports));
  if (!status.ok() && !HasAnotherValue(status.error())) return status;
  if (!status.ok())
    for (const PublishedPort& port : ports) TRY(Replace(socket, port));
  return ForgetFlows(socket, ports);
}

Status DeletePublished(const std::vector<PublishedPort>& ports) {
  if (ports.empty()) return Ok();
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  Status status = DeleteExactly(socket, ports);
  if (status.ok()) return ForgetFlows(socket, ports);
  if (!HasAnotherValue(status.error())) return status;
  for (const PublishedPort& port : ports) {
    Status one = DeleteExactly(socket, {port});
    if (!one.ok() && !HasAnotherValue(one.error())) return one;
  }
  return ForgetFlows(socket, ports);
}

Result<std::vector<PublishedPort>> ListPublished() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  std::vector<PublishedPort> ports;
  for (const char* map : kPortSets) {
    const std::vector<os::NftElement> elements = TRY(os::NftListElements(socket, kFamily, kTable, map));
    for (const os::NftElement& element : elements)
      ports.push_back(TRY(PortFrom(map, element)));
  }
  return ports;
}

bool HostHasIpv6() {
  const auto loopback = ParseIp("::1");
  return loopback.ok() && os::BindInet(SOCK_STREAM, {loopback->Bytes(), 0}).ok();
}

Result<os::UniqueFd> HoldPort(Hold hold, Protocol protocol, const Ip& host_ip, std::uint16_t port) {
  const std::string what = WithPort(host_ip, port) + '/' + std::string(ToString(protocol));
  if (hold == Hold::kRelay && protocol == Protocol::kSctp)
    return Error(Code::kNotImplemented, "publish port " + what + ": it has to be relayed, which SCTP is not");
  auto socket = Open(hold, protocol, {host_ip.Bytes(), port});
  if (socket.ok()) return std::move(socket).value();
  if (socket.error().errnum() == EPROTONOSUPPORT || socket.error().errnum() == EAFNOSUPPORT)
    return Error(Code::kNotImplemented, "publish port " + what + ": this host's kernel has no " +
                                            (protocol == Protocol::kSctp ? "SCTP" : "IPv6"));
  if (socket.error().errnum() == EADDRINUSE) return PortTaken(host_ip, port);
  if (socket.error().errnum() == EACCES)
    return Error(Code::kFailedPrecondition, "publish port " + what + ": permission denied")
        .Hint("ports below sysctl net.ipv4.ip_unprivileged_port_start are root's: choose a larger one, or have root "
              "lower it");
  return std::move(socket).error().Context("reserve " + what);
}

Result<Reservation> ReserveOneOf(Hold hold, const PublishedPort& wanted, HostPortRange range, std::uint16_t start) {
  if (range.first == 0) {
    const auto text = os::ReadFile("/proc/sys/net/ipv4/ip_local_port_range", 256);
    range = ParseEphemeralRange(text.ok() ? text.value() : std::string());
  }
  const unsigned size = unsigned{range.last} - range.first + 1;
  const unsigned offset = start >= range.first && start < range.last ? unsigned{start} - range.first + 1 : 0;
  for (unsigned i = 0; i < size; ++i) {
    Reservation reservation{wanted, {}};
    reservation.port.host_port = static_cast<std::uint16_t>(range.first + (offset + i) % size);
    auto socket = HoldPort(hold, wanted.protocol, wanted.host_ip, reservation.port.host_port);
    if (!socket.ok() && (socket.error().code() != Code::kConflict || size == 1)) return std::move(socket).error();
    if (!socket.ok()) continue;
    reservation.socket = std::move(socket).value();
    return reservation;
  }
  return Error(Code::kConflict, "Bind for " + WithPort(wanted.host_ip, range.first) + '-' +
                                    std::to_string(range.last) + " failed: all ports are allocated");
}

}  // namespace estiba::net
