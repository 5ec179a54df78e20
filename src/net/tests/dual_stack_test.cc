// Both families through bridges of every kind: host, containers and a machine outside, in namespaces of their own.
#include <cerrno>
#include <chrono>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include "net/publish.h"
#include "net/repair.h"
#include "net/setup.h"
#include "net/topology.h"
#include "os/nft.h"
#include "table.h"
#include "tests/fake_net.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

using std::chrono::milliseconds;

constexpr char kHost6[] = "2001:db8::1", kOutside6[] = "2001:db8::2";

// Of network N: 172.30.N.0/24 and fd00:N::/64.
BridgeSpec Bridge(unsigned number) {
  const std::string n = std::to_string(number);
  return {"est" + n, {Prefix(("172.30." + n + ".1/24").c_str()), Prefix(("fd00:" + n + "::1/64").c_str())}, 0, true};
}

struct FakeContainer {
  os::UniqueFd netns;
  std::string four, six;
};

// The container with the number in network N: 172.30.N.C and fd00:N::C.
FakeContainer AddContainer(const BridgeSpec& bridge, unsigned number) {
  const std::string c = std::to_string(number);
  const auto at = [&](const IpPrefix& gateway) {
    Ip address = gateway.address;
    address.bytes[address.Bits() / 8 - 1] = static_cast<std::uint8_t>(number);
    return IpPrefix{address, gateway.length};
  };
  std::vector<IpPrefix> addresses;
  std::vector<Ip> gateways;
  for (const IpPrefix& subnet : bridge.Subnets()) addresses.push_back(at(subnet));
  for (const IpPrefix& gateway : bridge.gateways) gateways.push_back(gateway.address);
  FakeContainer container{testing::NewNetwork(), ToString(addresses[0].address), ToString(addresses[1].address)};
  const VethSpec veth{bridge.name, bridge.name + "v" + c, "eth0", MacFor(addresses[0].address), 0, !bridge.connects};
  const auto added = AddVeth(veth, container.netns.get());
  EXPECT_TRUE(added.ok()) << added.error().ToString();
  const auto inside = ConfigureInside(container.netns.get(), {"eth0", addresses, gateways});
  EXPECT_TRUE(inside.ok()) << inside.error().ToString();
  return container;
}

void Give(int netns, const char* link, const char* address) {
  auto socket = OpenSocketIn(netns, NETLINK_ROUTE).value();
  ASSERT_OK(AddInterfaceAddress(socket, link, Prefix(address)));
}

// Host with one bridge, an outside machine that routes to everything through the host.
struct World {
  BridgeSpec bridge;
  os::UniqueFd host = testing::CurrentNetwork();
  os::UniqueFd outside = testing::NewNetwork();
  explicit World(BridgeSpec spec = Bridge(0)) : bridge(std::move(spec)) {
    const auto table = EnsureTable();
    EXPECT_TRUE(table.ok()) << table.error().ToString();
    Add(bridge);
    for (const int netns : {host.get(), outside.get()})
      EXPECT_TRUE(SetSysctlIn(netns, "net.ipv6.conf.default.accept_dad", "0").ok());
    for (const char* key : {"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"})
      EXPECT_TRUE(SetSysctlIn(host.get(), key, "1").ok());
    testing::Connect("wan0", "198.51.100.1/24", outside.get(), "wan1", "198.51.100.2/24");
    Give(host.get(), "wan0", "2001:db8::1/64");
    Give(outside.get(), "wan1", "2001:db8::2/64");
    // Before the kernel has told itself that the link is up it has no link-local address, which forwarding needs.
    auto here = OpenSocketIn(host.get(), NETLINK_ROUTE).value();
    auto socket = OpenSocketIn(outside.get(), NETLINK_ROUTE).value();
    EXPECT_TRUE(SettleLink(here, "wan0").ok() && SettleLink(socket, "wan1").ok());
    const auto routed = AddGatewayRoute(socket, Prefix("::/0"), Address(kHost6));
    EXPECT_TRUE(routed.ok()) << routed.error().ToString();
  }
  void Add(const BridgeSpec& one) const {
    const auto made = EnsureBridge(one);
    EXPECT_TRUE(made.ok()) << made.error().ToString();
  }
};

PublishedPort Any(Protocol protocol, std::uint16_t port, const std::string& container, std::uint16_t inside) {
  PublishedPort made{protocol, {}, port, Address(container.c_str()), inside};
  made.host_ip.v6 = made.container_ip.v6;
  return made;
}
PublishedPort Opened(const std::string& container, std::uint16_t inside) {
  return Any(Protocol::kTcp, 0, container, inside);
}

class DualStack : public testing::NetworkTest {};

TEST_F(DualStack, AContainerReachesGatewayAndNeighbourAtOnce) {
  InFreshNetwork([] {
    World world;
    const auto a = AddContainer(world.bridge, 2);
    const auto b = AddContainer(world.bridge, 3);
    const auto gateway = Listen(world.host.get(), 7000, /*v6=*/true);
    const auto neighbour = Listen(b.netns.get(), 7000, /*v6=*/true);
    const auto connected = TryConnect(a.netns.get(), "fd00::1", 7000);
    ASSERT_TRUE(connected.ok) << strerror(connected.errnum);
    EXPECT_EQ(connected.repeated, 0U);
    EXPECT_EQ(AcceptFrom(gateway), "fd00::2");
    EXPECT_TRUE(TryConnect(a.netns.get(), b.six.c_str(), 7000).ok);
    EXPECT_EQ(AcceptFrom(neighbour), "fd00::2");
  });
}

TEST_F(DualStack, TrafficOutwardCarriesTheHostsAddress) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, 2);
    const auto listener = Listen(world.outside.get(), 7000, /*v6=*/true);
    EXPECT_TRUE(TryConnect(c.netns.get(), kOutside6, 7000).ok);
    EXPECT_EQ(AcceptFrom(listener), kHost6);
  });
}

TEST_F(DualStack, APublishedPortAnswersFromOutsideFromTheHostAndFromInside) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, 2);
    const auto neighbour = AddContainer(world.bridge, 3);
    const auto listener = Listen(c.netns.get(), 80, /*v6=*/true);
    ASSERT_OK(AddPublished({Any(Protocol::kTcp, 8080, c.six, 80)}));
    EXPECT_TRUE(TryConnect(world.outside.get(), kHost6, 8080).ok);
    EXPECT_EQ(AcceptFrom(listener), kOutside6);  // the client's own address is kept
    EXPECT_TRUE(TryConnect(world.host.get(), kHost6, 8080).ok);
    EXPECT_NE(AcceptFrom(listener), "");
    EXPECT_EQ(TryConnect(world.host.get(), "::1", 8080).errnum, ECONNREFUSED);  // a proxy's, if there is one
    EXPECT_TRUE(TryConnect(neighbour.netns.get(), kHost6, 8080).ok);
    EXPECT_EQ(AcceptFrom(listener), "fd00::1");
    EXPECT_TRUE(TryConnect(c.netns.get(), kHost6, 8080).ok);  // its own published port
    EXPECT_NE(AcceptFrom(listener), "");
    EXPECT_EQ(TryConnect(world.outside.get(), c.six.c_str(), 80, kNever).errnum, ETIMEDOUT);
    EXPECT_TRUE(TryConnect(world.host.get(), c.six.c_str(), 80).ok);
  });
}

TEST_F(DualStack, TheLoopbackAddressIsNotReachedFromOutside) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, 2);
    const auto listener = Listen(c.netns.get(), 80, /*v6=*/true);
    ASSERT_OK(AddPublished({{Protocol::kTcp, Address("::1"), 8081, Address(c.six.c_str()), 80}}));
    EXPECT_TRUE(ListPublished().value().empty());  // a proxy's
    const auto proxy = testing::Listen(world.host.get(), 8081, /*v6=*/true);
    // Whoever routes ::1 to us (a neighbour can) gets nothing.
    auto socket = OpenSocketIn(world.outside.get(), NETLINK_ROUTE).value();
    const auto route = AddGatewayRoute(socket, Prefix("::1/128"), Address(kHost6));
    EXPECT_FALSE(TryConnect(world.outside.get(), "::1", 8081, kNever).ok);
  });
}

TEST_F(DualStack, NetworksAreIsolatedButForPublishedPorts) {
  InFreshNetwork([] {
    World world;
    world.Add(Bridge(1));
    const auto a = AddContainer(world.bridge, 2);
    const auto b = AddContainer(Bridge(1), 2);
    const auto listener = Listen(b.netns.get(), 80, /*v6=*/true);
    EXPECT_EQ(TryConnect(a.netns.get(), b.six.c_str(), 80, kNever).errnum, ETIMEDOUT);
    ASSERT_OK(AddPublished({Any(Protocol::kTcp, 8080, b.six, 80)}));
    EXPECT_TRUE(TryConnect(a.netns.get(), kHost6, 8080).ok);
  });
}

// Sends from `from`, an address of somebody else's that the container gives itself.
std::string HeardOutside(const World& world, const FakeContainer& container, const char* from,
                         milliseconds patience = kNever) {
  const bool v6 = std::string_view(from).contains(':');
  const auto listener = testing::UdpSocket(world.outside.get(), 7000, v6 ? "::" : "0.0.0.0");
  const auto sender = testing::UdpSocket(container.netns.get(), 7001, from);
  testing::Send(sender, v6 ? kOutside6 : kOutside, 7000);
  return testing::ReceiveFrom(listener, patience);
}

TEST_F(DualStack, NobodySpeaksWithAnAddressOfAnotherNetwork) {
  InFreshNetwork([] {
    World world;
    world.Add(Bridge(1));
    const auto c = AddContainer(world.bridge, 2);
    for (const char* stolen : {"172.30.1.7/32", "fd00:1::7/128", "198.51.100.9/32"})
      Give(c.netns.get(), "eth0", stolen);
    EXPECT_EQ(HeardOutside(world, c, c.four.c_str(), milliseconds(5000)), kHost);
    EXPECT_EQ(HeardOutside(world, c, c.six.c_str(), milliseconds(5000)), kHost6);
    for (const char* stolen : {"172.30.1.7", "fd00:1::7", "198.51.100.9"})
      EXPECT_EQ(HeardOutside(world, c, stolen), "");
  });
}

TEST_F(DualStack, AnInternalNetworkHasItsGatewayAndNothingElse) {
  InFreshNetwork([] {
    BridgeSpec spec = Bridge(0);
    spec.internal = true;
    World world(spec);
    world.Add(Bridge(1));
    const auto a = AddContainer(world.bridge, 2);
    const auto b = AddContainer(world.bridge, 3);
    const auto c = AddContainer(Bridge(1), 2);
    for (const bool v6 : {false, true}) {
      const auto host = Listen(world.host.get(), 7000, v6);
      const auto outside = Listen(world.outside.get(), 7000, v6);
      const auto neighbour = Listen(b.netns.get(), 7000, v6);
      const auto other = Listen(c.netns.get(), 7000, v6);
      EXPECT_TRUE(TryConnect(a.netns.get(), v6 ? "fd00::1" : "172.30.0.1", 7000).ok);
      EXPECT_TRUE(TryConnect(a.netns.get(), v6 ? b.six.c_str() : b.four.c_str(), 7000).ok);
      EXPECT_TRUE(TryConnect(world.host.get(), v6 ? b.six.c_str() : b.four.c_str(), 7000).ok);
      EXPECT_FALSE(TryConnect(a.netns.get(), v6 ? kHost6 : kHost, 7000, kNever).ok);
      EXPECT_FALSE(TryConnect(a.netns.get(), v6 ? kOutside6 : kOutside, 7000, kNever).ok);
      EXPECT_FALSE(TryConnect(a.netns.get(), v6 ? c.six.c_str() : c.four.c_str(), 7000, kNever).ok);
      EXPECT_FALSE(TryConnect(c.netns.get(), v6 ? b.six.c_str() : b.four.c_str(), 7000, kNever).ok);
      EXPECT_FALSE(TryConnect(world.outside.get(), v6 ? b.six.c_str() : b.four.c_str(), 7000, kNever).ok);
    }
  });
}

TEST_F(DualStack, WhereContainersAreApartTheyStillReachTheGatewayAndOutside) {
  InFreshNetwork([] {
    BridgeSpec spec = Bridge(0);
    spec.connects = false;
    World world(spec);
    // br_netfilter would turn round inside the bridge what goes to a published port of a neighbour.
    for (const char* key : {"net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"}) {
      const auto off = SetSysctlIn(world.host.get(), key, "0");
      EXPECT_TRUE(off.ok() || off.error().errnum() == ENOENT) << off.error().ToString();
    }
    const auto a = AddContainer(world.bridge, 2);
    const auto b = AddContainer(world.bridge, 3);
    for (const bool v6 : {false, true}) {
      const std::string& there = v6 ? b.six : b.four;
      const auto host = Listen(world.host.get(), 7000, v6);
      const auto outside = Listen(world.outside.get(), 7000, v6);
      const auto neighbour = Listen(b.netns.get(), 80, v6);
      EXPECT_TRUE(TryConnect(a.netns.get(), v6 ? "fd00::1" : "172.30.0.1", 7000).ok);
      EXPECT_TRUE(TryConnect(a.netns.get(), v6 ? kOutside6 : kOutside, 7000).ok);
      EXPECT_FALSE(TryConnect(a.netns.get(), there.c_str(), 80, kNever).ok);
      // By way of the gateway, as who may set routes can try.
      auto socket = OpenSocketIn(a.netns.get(), NETLINK_ROUTE).value();
      const Ip gateway = Address(v6 ? "fd00::1" : "172.30.0.1");
      ASSERT_OK(AddGatewayRoute(socket, {Address(there.c_str()), v6 ? 128U : 32U}, gateway));
      EXPECT_FALSE(TryConnect(a.netns.get(), there.c_str(), 80, kNever).ok);
      ASSERT_OK(AddPublished({Any(Protocol::kTcp, 8080, there, 80)}));
      EXPECT_TRUE(TryConnect(a.netns.get(), v6 ? kHost6 : kHost, 8080).ok);
    }
  });
}

TEST_F(DualStack, ARoutedNetworkIsReachedAtItsOwnAddressesWherePortsAreOpened) {
  InFreshNetwork([] {
    BridgeSpec spec = Bridge(0);
    spec.mode_ipv4 = spec.mode_ipv6 = GatewayMode::kRouted;
    World world(spec);
    const auto c = AddContainer(world.bridge, 2);
    ASSERT_OK(AddPublished({Opened(c.four, 80), Opened(c.six, 80)}));
    EXPECT_EQ(ListPublished().value(), (std::vector{Opened(c.four, 80), Opened(c.six, 80)}));
    for (const bool v6 : {false, true}) {
      const std::string& there = v6 ? c.six : c.four;
      const auto opened = Listen(c.netns.get(), 80, v6);
      const auto closed = Listen(c.netns.get(), 81, v6);
      EXPECT_TRUE(TryConnect(world.outside.get(), there.c_str(), 80).ok);
      EXPECT_EQ(AcceptFrom(opened), v6 ? kOutside6 : kOutside);
      EXPECT_FALSE(TryConnect(world.outside.get(), there.c_str(), 81, kNever).ok);
      const auto outside = Listen(world.outside.get(), 7000, v6);
      EXPECT_TRUE(TryConnect(c.netns.get(), v6 ? kOutside6 : kOutside, 7000).ok);
      EXPECT_EQ(AcceptFrom(outside), there);  // nothing is translated
    }
    ASSERT_OK(DeletePublished({Opened(c.four, 80), Opened(c.six, 80)}));
    EXPECT_TRUE(ListPublished().value().empty());
  });
}

TEST_F(DualStack, AnUnprotectedNetworkIsReachedAtEveryPort) {
  InFreshNetwork([] {
    BridgeSpec spec = Bridge(0);
    spec.mode_ipv6 = GatewayMode::kNatUnprotected;
    World world(spec);
    const auto c = AddContainer(world.bridge, 2);
    const auto six = Listen(c.netns.get(), 81, /*v6=*/true);
    const auto four = Listen(c.netns.get(), 81);
    EXPECT_TRUE(TryConnect(world.outside.get(), c.six.c_str(), 81).ok);
    EXPECT_FALSE(TryConnect(world.outside.get(), c.four.c_str(), 81, kNever).ok);  // that family is as ever
  });
}

TEST_F(DualStack, FromATrustedInterfaceOpenedPortsAreReachedDirectly) {
  InFreshNetwork([] {
    BridgeSpec spec = Bridge(0);
    spec.trusted = {"wan0"};
    World world(spec);
    const auto c = AddContainer(world.bridge, 2);
    const auto opened = Listen(c.netns.get(), 80);
    const auto closed = Listen(c.netns.get(), 81);
    ASSERT_OK(AddPublished({Opened(c.four, 80)}));
    EXPECT_TRUE(TryConnect(world.outside.get(), c.four.c_str(), 80).ok);
    EXPECT_FALSE(TryConnect(world.outside.get(), c.four.c_str(), 81, kNever).ok);
  });
}

TEST_F(DualStack, TrafficOutwardCarriesTheAddressThatTheNetworkIsTold) {
  InFreshNetwork([] {
    BridgeSpec spec = Bridge(0);
    spec.source_ipv4 = Address("198.51.100.77");
    spec.source_ipv6 = Address("2001:db8::77");
    World world(spec);
    Give(world.host.get(), "wan0", "198.51.100.77/32");
    Give(world.host.get(), "wan0", "2001:db8::77/128");
    world.Add(Bridge(1));
    const auto told = AddContainer(world.bridge, 2);
    const auto other = AddContainer(Bridge(1), 2);
    const auto four = Listen(world.outside.get(), 7000);
    const auto six = Listen(world.outside.get(), 7000, /*v6=*/true);
    EXPECT_TRUE(TryConnect(told.netns.get(), kOutside, 7000).ok);
    EXPECT_EQ(AcceptFrom(four), "198.51.100.77");
    EXPECT_TRUE(TryConnect(told.netns.get(), kOutside6, 7000).ok);
    EXPECT_EQ(AcceptFrom(six), "2001:db8::77");
    EXPECT_TRUE(TryConnect(other.netns.get(), kOutside, 7000).ok);
    EXPECT_EQ(AcceptFrom(four), kHost);
    // A neighbour sees the container itself.
    const auto neighbour = AddContainer(world.bridge, 3);
    const auto inside = Listen(neighbour.netns.get(), 7000);
    EXPECT_TRUE(TryConnect(told.netns.get(), neighbour.four.c_str(), 7000).ok);
    EXPECT_EQ(AcceptFrom(inside), told.four);
    ASSERT_OK(DeleteBridge(spec));
    auto socket = os::NetlinkSocket::Open(NETLINK_NETFILTER).value();
    for (const char* map : {kSourced, kSourced6})
      EXPECT_LE(os::NftListElements(socket, kFamily, kTable, map).value().size(), 1U) << map;
  });
}

TEST_F(DualStack, ElementsComeBackOneByOneAndGoTogether) {
  InFreshNetwork([] {
    BridgeSpec spec = Bridge(0);
    spec.trusted = {"wan0"};
    World world(spec);
    const auto lose = [](const char* set, const std::vector<os::NftElement>& elements) {
      auto socket = os::NetlinkSocket::Open(NETLINK_NETFILTER).value();
      os::NftBatch batch(kFamily);
      batch.DeleteElements(kTable, set, elements);
      ASSERT_OK(batch.Commit(socket, "lose"));
    };
    const auto in = [](const char* set) {
      auto socket = os::NetlinkSocket::Open(NETLINK_NETFILTER).value();
      return os::NftListElements(socket, kFamily, kTable, set).value().size();
    };
    lose(kTrusted, {{InterfaceKey("wan0") + InterfaceKey("est0"), {}, false}});
    lose(kSubnets6, {{Address("fd00::").Bytes(), {}, false}, {Address("fd00:0:0:1::").Bytes(), {}, true}});
    ASSERT_OK(RepairBridge(spec));
    EXPECT_EQ(in(kTrusted), 1U);
    EXPECT_GE(in(kSubnets6), 2U);
    ASSERT_OK(DeleteBridge(spec));
    ASSERT_OK(DeleteBridge(spec));
    for (const char* set : {kBridges, kSameBridge, kTrusted, kSubnets, kSubnets6, kMasqueraded, kMasqueraded6})
      EXPECT_LE(in(set), 1U) << set;  // an interval set keeps where all begins
  });
}

// A table of the first layout keeps what it holds, and the administrator's rules are nobody's but his.
TEST_F(DualStack, ANewLayoutKeepsElementsAndTheAdministratorsRules) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, 2);
    const auto listener = Listen(c.netns.get(), 80);
    ASSERT_OK(AddPublished({Any(Protocol::kTcp, 8080, c.four, 80)}));
    EXPECT_TRUE(TryConnect(world.outside.get(), kHost, 8080).ok);
    auto socket = os::NetlinkSocket::Open(NETLINK_NETFILTER).value();
    os::NftBatch batch(kFamily);
    os::NftRule drop;
    drop.Meta(NFT_META_L4PROTO, {0}).Equal({0}, std::string(1, static_cast<char>(Protocol::kTcp))).Drop();
    batch.AddRule(kTable, kAdministrator, drop).DeleteChain(kTable, kLayout);
    ASSERT_OK(batch.Commit(socket, "spoil the layout"));
    EXPECT_FALSE(TryConnect(world.outside.get(), kHost, 8080, kNever).ok);
    ASSERT_OK(EnsureTable());
    EXPECT_TRUE(os::NftHasChain(socket, kFamily, kTable, kLayout).value());
    EXPECT_EQ(ListPublished().value().size(), 1U);
    EXPECT_FALSE(TryConnect(world.outside.get(), kHost, 8080, kNever).ok);
    ASSERT_OK(DeleteTable());
    ASSERT_OK(DeleteTable());
    EXPECT_FALSE(os::NftHasChain(socket, kFamily, kTable, "forward").value());
    EXPECT_TRUE(os::NftHasChain(socket, kFamily, kTable, kAdministrator).value());
    ASSERT_OK(EnsureTable());
    ASSERT_OK(EnsureBridge(world.bridge));
    ASSERT_OK(AddPublished({Any(Protocol::kTcp, 8080, c.four, 80)}));
    EXPECT_FALSE(TryConnect(world.outside.get(), kHost, 8080, kNever).ok);
    os::NftBatch empty(kFamily);
    empty.DeleteRules(kTable, kAdministrator);
    ASSERT_OK(empty.Commit(socket, "empty the administrator's chain"));
    EXPECT_TRUE(TryConnect(world.outside.get(), kHost, 8080).ok);
    ASSERT_OK(DeleteTable());
    EXPECT_FALSE(os::NftHasChain(socket, kFamily, kTable, kAdministrator).value());
  });
}

// What an administrator writes into a file that is loaded before any container starts.
TEST_F(DualStack, TheAdministratorMayMakeTheTableFirst) {
  InFreshNetwork([] {
    auto socket = os::NetlinkSocket::Open(NETLINK_NETFILTER).value();
    os::NftBatch batch(kFamily);
    os::NftRule drop;
    drop.Drop();
    batch.AddTable(kTable).AddChain(kTable, kAdministrator).AddRule(kTable, kAdministrator, drop);
    ASSERT_OK(batch.Commit(socket, "an administrator's rule"));
    World world;
    const auto c = AddContainer(world.bridge, 2);
    const auto outside = Listen(world.outside.get(), 7000);
    EXPECT_FALSE(TryConnect(c.netns.get(), kOutside, 7000, kNever).ok);
  });
}

TEST_F(DualStack, ABridgeWithoutAddressesStillJoinsItsContainers) {
  InFreshNetwork([] {
    BridgeSpec spec = Bridge(0);
    spec.bare = spec.gateways;
    for (IpPrefix& subnet : spec.bare) subnet = subnet.Network();
    spec.gateways.clear();
    spec.internal = true;
    spec.mode_ipv4 = spec.mode_ipv6 = GatewayMode::kIsolated;
    World world(spec);
    const auto a = AddContainer(world.bridge, 2);
    const auto b = AddContainer(world.bridge, 3);
    const auto listener = Listen(b.netns.get(), 80, /*v6=*/true);
    EXPECT_TRUE(TryConnect(a.netns.get(), b.six.c_str(), 80).ok);
    EXPECT_FALSE(TryConnect(world.host.get(), b.six.c_str(), 80, kNever).ok);
  });
}

TEST_F(DualStack, ReservationsOfTheFamiliesDoNotMeet) {
  InFreshNetwork([] {
    ASSERT_OK_AND_ASSIGN(const auto four, HoldPort(Hold::kReserve, Protocol::kTcp, Ip{}, 8080));
    ASSERT_OK_AND_ASSIGN(const auto six, HoldPort(Hold::kReserve, Protocol::kTcp, Ip{true, {}}, 8080));
    const auto taken = HoldPort(Hold::kReserve, Protocol::kTcp, Address("::1"), 8080);
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.error().Message(), "Bind for [::1]:8080 failed: port is already allocated");
  });
}

}  // namespace
}  // namespace estiba::net
