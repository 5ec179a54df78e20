// The sockets that answer a container's resolver.

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "net/ports.h"
#include "net/setup.h"
#include "os/inet.h"
#include "os/netns.h"
#include "os/nft.h"

namespace estiba::net {
namespace {

constexpr Ip kResolver{false, {127, 0, 0, 11}};  // 127.0.0.11, as docker has it
constexpr int kBacklog = 128;
constexpr char kNamesTable[] = "estiba_names";
constexpr std::uint8_t kIpv4 = NFPROTO_IPV4;
constexpr std::uint16_t kDomain = 53;
const os::NftRegister kR0{0};

std::string PortBytes(std::uint16_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port & 0xFF)}; }

// Where headers have what is looked at and changed.
struct Side {
  std::uint32_t address;  // in IPv4's
  std::uint32_t port;     // in TCP's and UDP's
};
constexpr Side kSource{12, 0};
constexpr Side kDestination{16, 2};

// Of packets whose `side` is 127.0.0.11 with port `from`: the port becomes `to`.
os::NftRule ChangePort(Protocol protocol, Side side, std::uint16_t from, std::uint16_t to) {
  const std::uint32_t checksum = protocol == Protocol::kUdp ? 6 : 16;
  os::NftRule rule;
  rule.Payload(NFT_PAYLOAD_NETWORK_HEADER, side.address, 4, kR0)
      .Equal(kR0, kResolver.Bytes())
      .Meta(NFT_META_L4PROTO, kR0)
      .Equal(kR0, std::string(1, static_cast<char>(protocol)))
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, side.port, 2, kR0)
      .Equal(kR0, PortBytes(from))
      .Load(kR0, PortBytes(to))
      .StorePayload(NFT_PAYLOAD_TRANSPORT_HEADER, side.port, 2, checksum, kR0);
  return rule;
}

// Questions and answers change their port on the way out, each by a rule of its own: translating addresses would have
// the kernel track every connection of the container. What does not go over lo meets one comparison.
Status LeadPort(const std::vector<std::pair<Protocol, std::uint16_t>>& ports) {
  constexpr char kOutput[] = "output", kLoopback[] = "loopback";
  constexpr std::int32_t kFirst = -300;       // NF_IP_PRI_RAW
  constexpr std::uint32_t kLoopbackIndex = 1;  // of lo in every namespace
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  os::NftBatch batch(kIpv4);
  // Of an earlier membership nothing is to be left that leads to ports of then.
  batch.AddTable(kNamesTable).DeleteTable(kNamesTable).AddTable(kNamesTable).AddChain(kNamesTable, kLoopback);
  batch.AddChain(kNamesTable, kOutput, os::NftHook{"filter", NF_INET_LOCAL_OUT, kFirst});
  os::NftRule over_loopback;
  over_loopback.Meta(NFT_META_OIF, kR0)
      .Equal(kR0, {reinterpret_cast<const char*>(&kLoopbackIndex), sizeof kLoopbackIndex})
      .Jump(kLoopback);
  batch.AddRule(kNamesTable, kOutput, over_loopback);
  for (const auto& [protocol, port] : ports) {
    batch.AddRule(kNamesTable, kLoopback, ChangePort(protocol, kDestination, kDomain, port));
    batch.AddRule(kNamesTable, kLoopback, ChangePort(protocol, kSource, port, kDomain));
  }
  return batch.Commit(socket, "lead port 53 of 127.0.0.11 to its sockets");
}

Status OpenHere(NameSockets& sockets) {
  sockets.udp = TRY(os::BindInet(SOCK_DGRAM, {kResolver.Bytes(), 0}));
  sockets.tcp = TRY(os::BindInet(SOCK_STREAM, {kResolver.Bytes(), 0}));
  TRY(os::Listen(sockets.tcp.get(), kBacklog));
  const std::uint16_t udp = TRY(os::LocalPort(sockets.udp.get()));
  const std::uint16_t tcp = TRY(os::LocalPort(sockets.tcp.get()));
  return LeadPort({{Protocol::kUdp, udp}, {Protocol::kTcp, tcp}});
}

}  // namespace

Result<NameSockets> OpenNameSockets(int netns) {
  NameSockets sockets;
  TRY_CTX(os::InNetworkNamespace(netns, [&] { return OpenHere(sockets); }), "answer names inside");
  return sockets;
}

}  // namespace estiba::net
