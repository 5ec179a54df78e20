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

constexpr Ipv4 kResolver{0x7F00000B};  // 127.0.0.11, as docker has it
constexpr int kBacklog = 128;
constexpr char kNamesTable[] = "estiba_names";
constexpr char kChain[] = "output";
constexpr std::uint8_t kIpv4 = NFPROTO_IPV4;
constexpr std::uint32_t kDestinationOffset = 16;     // of the IPv4 header
constexpr std::uint32_t kDestinationPortOffset = 2;  // of TCP's and UDP's
const os::NftRegister kR0{0}, kR1{1};

std::string PortBytes(std::uint16_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port & 0xFF)}; }

// What goes to 127.0.0.11:53 by `protocol` goes to `port`. Answers wear port 53 again: the connection is tracked.
os::NftRule Redirect(Protocol protocol, std::uint16_t port) {
  constexpr std::uint16_t kDomain = 53;
  os::NftRule rule;
  rule.Payload(NFT_PAYLOAD_NETWORK_HEADER, kDestinationOffset, 4, kR0)
      .Equal(kR0, kResolver.Bytes())
      .Meta(NFT_META_L4PROTO, kR0)
      .Equal(kR0, std::string(1, static_cast<char>(protocol)))
      .Payload(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset, 2, kR0)
      .Equal(kR0, PortBytes(kDomain))
      .Load(kR0, kResolver.Bytes())
      .Load(kR1, PortBytes(port))
      .DestinationNat(kR0, kR1);
  return rule;
}

Status AddRedirects(std::uint16_t udp, std::uint16_t tcp) {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  os::NftBatch batch(kIpv4);
  constexpr std::int32_t kBeforeRouting = -100;  // NF_IP_PRI_NAT_DST
  batch.AddTable(kNamesTable).AddChain(kNamesTable, kChain, os::NftHook{"nat", NF_INET_LOCAL_OUT, kBeforeRouting});
  batch.AddRule(kNamesTable, kChain, Redirect(Protocol::kUdp, udp));
  batch.AddRule(kNamesTable, kChain, Redirect(Protocol::kTcp, tcp));
  return batch.Commit(socket, "lead port 53 of 127.0.0.11 to its sockets");
}

Status OpenHere(NameSockets& sockets) {
  sockets.udp = TRY(os::BindInet(SOCK_DGRAM, kResolver.value, 0));
  sockets.tcp = TRY(os::BindInet(SOCK_STREAM, kResolver.value, 0));
  TRY(os::Listen(sockets.tcp.get(), kBacklog));
  const std::uint16_t udp = TRY(os::LocalPort(sockets.udp.get()));
  const std::uint16_t tcp = TRY(os::LocalPort(sockets.tcp.get()));
  return AddRedirects(udp, tcp);
}

}  // namespace

Result<NameSockets> OpenNameSockets(int netns) {
  NameSockets sockets;
  TRY_CTX(os::InNetworkNamespace(netns, [&] { return OpenHere(sockets); }), "answer names inside");
  return sockets;
}

}  // namespace estiba::net
