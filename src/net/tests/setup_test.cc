// The whole bridged path in namespaces of its own: host, containers, and a machine outside.
#include "net/firewalls.h"
#include "net/setup.h"

#include <gmock/gmock.h>

#include <array>
#include <chrono>

#include "net/inside.h"
#include "net/publish.h"
#include "net/topology.h"
#include "os/event.h"
#include "os/file.h"
#include "os/inet.h"
#include "os/netns.h"
#include "os/process.h"
#include "tests/fake_net.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

using std::chrono::milliseconds;

BridgeSpec Bridge(const char* name, const char* gateway) {
  return {name, {ParseIpPrefix(std::string(gateway) + "/24").value()}, 0, true};
}

struct FakeContainer {
  os::UniqueFd netns;
  std::string address;
};

FakeContainer AddContainer(const BridgeSpec& bridge, const std::string& link, const char* address) {
  FakeContainer container{testing::NewNetwork(), address};
  const auto added = AddVeth({bridge.name, link, "eth0", MacFor(Address(address)), 0}, container.netns.get());
  EXPECT_TRUE(added.ok()) << added.error().ToString();
  const Ip gateway = bridge.gateways[0].address;
  const auto inside = ConfigureInside(container.netns.get(), {"eth0", {{Address(address), 24}}, {gateway}});
  EXPECT_TRUE(inside.ok()) << inside.error().ToString();
  return container;
}

// Host with one bridge, an outside machine that routes to everything through the host.
struct World {
  BridgeSpec bridge = Bridge("est0", "172.30.0.1");
  os::UniqueFd host = testing::CurrentNetwork();
  os::UniqueFd outside = testing::NewNetwork();
  World() {
    const auto table = EnsureTable();
    EXPECT_TRUE(table.ok()) << table.error().ToString();
    const auto made = EnsureBridge(bridge);
    EXPECT_TRUE(made.ok()) << made.error().ToString();
    // A new namespace has the setting of the machine's first one.
    EXPECT_TRUE(SetSysctlIn(host.get(), "net.ipv4.ip_forward", "1").ok());
    testing::Connect("wan0", "198.51.100.1/24", outside.get(), "wan1", "198.51.100.2/24");
  }
};

class Network : public testing::NetworkTest {};

TEST_F(Network, AContainerReachesItsGatewayAtOnce) {
  InFreshNetwork([] {
    World world;
    const auto listener = Listen(world.host.get(), 7000);
    const auto c = AddContainer(world.bridge, "veth1", "172.30.0.2");
    const auto connected = TryConnect(c.netns.get(), "172.30.0.1", 7000);
    ASSERT_TRUE(connected.ok) << strerror(connected.errnum);
    EXPECT_EQ(connected.repeated, 0U);  // a link that is not ready yet loses first packets
    EXPECT_EQ(AcceptFrom(listener), "172.30.0.2");
  });
}

TEST_F(Network, TrafficOutwardCarriesTheHostsAddress) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, "veth1", "172.30.0.2");
    const auto listener = Listen(world.outside.get(), 7000);
    EXPECT_TRUE(TryConnect(c.netns.get(), kOutside, 7000).ok);
    EXPECT_EQ(AcceptFrom(listener), kHost);
  });
}

TEST_F(Network, ContainersOfOneBridgeReachEachOther) {
  InFreshNetwork([] {
    World world;
    const auto a = AddContainer(world.bridge, "veth1", "172.30.0.2");
    const auto b = AddContainer(world.bridge, "veth2", "172.30.0.3");
    const auto listener = Listen(b.netns.get(), 7000);
    EXPECT_TRUE(TryConnect(a.netns.get(), "172.30.0.3", 7000).ok);
    EXPECT_EQ(AcceptFrom(listener), "172.30.0.2");
  });
}

TEST_F(Network, APublishedPortAnswersFromOutsideFromTheHostAndFromInside) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, "veth1", "172.30.0.2");
    const auto neighbour = AddContainer(world.bridge, "veth2", "172.30.0.3");
    const auto listener = Listen(c.netns.get(), 80);
    ASSERT_OK(AddPublished({{Protocol::kTcp, Ip{}, 8080, Address("172.30.0.2"), 80}}));

    const auto first = TryConnect(world.outside.get(), kHost, 8080);
    EXPECT_TRUE(first.ok);
    EXPECT_EQ(first.repeated, 0U);
    EXPECT_EQ(AcceptFrom(listener), kOutside);  // the client's own address is kept
    EXPECT_TRUE(TryConnect(world.host.get(), "127.0.0.1", 8080).ok);
    EXPECT_EQ(AcceptFrom(listener), "172.30.0.1");
    EXPECT_TRUE(TryConnect(world.host.get(), kHost, 8080).ok);
    EXPECT_NE(AcceptFrom(listener), "");
    EXPECT_TRUE(TryConnect(neighbour.netns.get(), kHost, 8080).ok);
    EXPECT_EQ(AcceptFrom(listener), "172.30.0.1");

    EXPECT_TRUE(TryConnect(c.netns.get(), kHost, 8080).ok);  // its own published port

    EXPECT_NE(AcceptFrom(listener), "");
  });
}

TEST_F(Network, APortOfOneAddressAnswersOnlyThere) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, "veth1", "172.30.0.2");
    const auto listener = Listen(c.netns.get(), 80);
    ASSERT_OK(AddPublished({{Protocol::kTcp, Address("127.0.0.1"), 8081, Address("172.30.0.2"), 80}}));
    const auto first = TryConnect(world.host.get(), "127.0.0.1", 8081);
    EXPECT_TRUE(first.ok);
    EXPECT_EQ(first.repeated, 0U);
    EXPECT_EQ(TryConnect(world.outside.get(), kHost, 8081).errnum, ECONNREFUSED);
    // With route_localnet on the bridge a container could otherwise talk to the host's loopback.
    const auto secret = Listen(world.host.get(), 7001);
    EXPECT_FALSE(TryConnect(c.netns.get(), "127.0.0.1", 7001, kNever).ok);
  });
}

TEST_F(Network, NothingUnpublishedEntersFromOutside) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, "veth1", "172.30.0.2");
    const auto listener = Listen(c.netns.get(), 80);
    EXPECT_EQ(TryConnect(world.outside.get(), "172.30.0.2", 80, kNever).errnum, ETIMEDOUT);
    EXPECT_TRUE(TryConnect(world.host.get(), "172.30.0.2", 80).ok);
  });
}

TEST_F(Network, NetworksAreIsolatedButForPublishedPorts) {
  InFreshNetwork([] {
    World world;
    const BridgeSpec other = Bridge("est1", "172.31.0.1");
    ASSERT_OK(EnsureBridge(other));
    const auto a = AddContainer(world.bridge, "veth1", "172.30.0.2");
    const auto b = AddContainer(other, "veth2", "172.31.0.2");
    const auto listener = Listen(b.netns.get(), 80);
    EXPECT_EQ(TryConnect(a.netns.get(), "172.31.0.2", 80, kNever).errnum, ETIMEDOUT);
    ASSERT_OK(AddPublished({{Protocol::kTcp, Ip{}, 8080, Address("172.31.0.2"), 80}}));
    EXPECT_TRUE(TryConnect(a.netns.get(), kHost, 8080).ok);
  });
}

TEST_F(Network, DeletePublishedTakesExactlyItsOwn) {
  InFreshNetwork([] {
    World world;
    const PublishedPort mine{Protocol::kTcp, Ip{}, 8080, Address("172.30.0.2"), 80};
    const PublishedPort udp{Protocol::kUdp, Address("127.0.0.1"), 53, Address("172.30.0.2"), 53};
    const PublishedPort theirs{Protocol::kTcp, Ip{}, 8080, Address("172.30.0.3"), 80};
    ASSERT_OK(AddPublished({mine, udp}));
    ASSERT_OK(AddPublished({mine, udp}));  // again is fine
    EXPECT_EQ(ListPublished().value(), (std::vector{udp, mine}));
    ASSERT_OK(AddPublished({theirs}));  // whoever has the socket has the port
    ASSERT_OK(DeletePublished({mine, udp}));
    EXPECT_EQ(ListPublished().value(), std::vector{theirs});
    ASSERT_OK(DeletePublished({theirs}));
    ASSERT_OK(DeletePublished({theirs}));
    EXPECT_TRUE(ListPublished().value().empty());
    ASSERT_OK(DeleteTable());
    ASSERT_OK(DeleteTable());
    ASSERT_OK(DeletePublished({mine}));
    EXPECT_TRUE(ListPublished().value().empty());
  });
}

TEST_F(Network, ThousandsOfPortsAreOneTransaction) {
  InFreshNetwork([] {
    ASSERT_OK(EnsureTable());
    std::vector<PublishedPort> ports;
    for (unsigned port = 10000; port < 16000; ++port)
      ports.push_back({Protocol::kTcp, Ip{}, static_cast<std::uint16_t>(port), Address("172.30.0.2"), 80});
    ASSERT_OK(AddPublished(ports));
    EXPECT_EQ(ListPublished().value().size(), ports.size());
    ASSERT_OK(DeletePublished(ports));
    EXPECT_TRUE(ListPublished().value().empty());
  });
}

TEST_F(Network, EveryStepCanBeRepeatedAndUndoneTwice) {
  InFreshNetwork([] {
    World world;
    ASSERT_OK(EnsureTable());
    ASSERT_OK(EnsureBridge(world.bridge));
    const auto netns = testing::NewNetwork();
    const VethSpec veth{"est0", "veth1", "eth0", MacFor(Address("172.30.0.2")), 1400};
    ASSERT_OK(AddVeth(veth, netns.get()));
    // A container that starts again before the kernel has taken its old namespace down.
    const auto fresh = testing::NewNetwork();
    ASSERT_OK(AddVeth(veth, fresh.get()));
    const Ip gateway = world.bridge.gateways[0].address;
    ASSERT_OK(ConfigureInside(fresh.get(), {"eth0", {{Address("172.30.0.2"), 24}}, {gateway}}));
    ASSERT_OK(DeleteVeth("veth1"));
    ASSERT_OK(DeleteVeth("veth1"));
    ASSERT_OK(DeleteBridge(world.bridge));
    ASSERT_OK(DeleteBridge(world.bridge));
    EXPECT_FALSE(LinkExists("est0").value());
    ASSERT_OK(EnsureBridge(world.bridge));  // the elements were really gone
    EXPECT_TRUE(LinkExists("est0").value());
  });
}

TEST_F(Network, ALinkIsGoneBeforeTheKernelIsThroughWithIt) {
  InFreshNetwork([] {
    World world;
    ASSERT_OK(EnsureBridge(world.bridge));
    const auto netns = testing::NewNetwork();
    const VethSpec veth{"est0", "veth1", "eth0", MacFor(Address("172.30.0.2")), 0};
    ASSERT_OK(AddVeth(veth, netns.get()));
    EXPECT_EQ(DeleteVethAtEnd("est0").error().code(), Code::kConflict);
    ASSERT_OK(DeleteVethAtEnd("veth1"));
    EXPECT_FALSE(LinkExists("veth1").value());
    ASSERT_OK(DeleteVethAtEnd("veth1"));
    ASSERT_OK(AddVeth(veth, netns.get()));  // both its names are free
  });
}

TEST_F(Network, ForeignLinksAreLeftAlone) {
  InFreshNetwork([] {
    World world;
    BridgeSpec clash = world.bridge;
    clash.name = "wan0";
    EXPECT_EQ(EnsureBridge(clash).error().code(), Code::kConflict);
    EXPECT_EQ(DeleteBridge(clash).error().code(), Code::kConflict);
    const auto netns = testing::NewNetwork();
    EXPECT_EQ(DeleteVeth("est0").error().code(), Code::kConflict);
    const auto no_bridge = AddVeth({"nope", "veth1", "eth0", MacFor(Address("172.30.0.2")), 0}, netns.get());
    EXPECT_EQ(no_bridge.error().code(), Code::kNotFound);
    EXPECT_EQ(EnsureBridge({"../x", {}, 0, true}).error().code(), Code::kInvalidArgument);
  });
}

TEST_F(Network, TheHostsRoutesAreSeen) {
  InFreshNetwork([] {
    World world;
    const auto routes = HostRoutes().value();
    EXPECT_THAT(routes, ::testing::UnorderedElementsAre(ParseIpPrefix("172.30.0.0/24").value(),
                                                        ParseIpPrefix("198.51.100.0/24").value()));
    const auto addresses = HostAddresses().value();
    EXPECT_THAT(addresses, ::testing::Contains(ParseIpPrefix("172.30.0.1/24").value()));
  });
}

TEST_F(Network, AReservedPortIsTaken) {
  InFreshNetwork([] {
    ASSERT_OK_AND_ASSIGN(const auto held, HoldPort(Hold::kReserve, Protocol::kTcp, Ip{}, 8080));
    const auto again = HoldPort(Hold::kReserve, Protocol::kTcp, Address("127.0.0.1"), 8080);
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().Message(), "Bind for 127.0.0.1:8080 failed: port is already allocated");
    ASSERT_OK(HoldPort(Hold::kReserve, Protocol::kUdp, Ip{}, 8080));
    EXPECT_FALSE(HoldPort(Hold::kReserve, Protocol::kTcp, Address("203.0.113.1"), 8080).ok());
    const PublishedPort wanted{Protocol::kTcp, Ip{}, 0, Address("172.30.0.2"), 80};
    EXPECT_EQ(ReserveOneOf(Hold::kReserve, wanted, {8080, 8082}).value().port.host_port, 8081);
    EXPECT_EQ(ReserveOneOf(Hold::kReserve, wanted, {8080, 8080}).error().code(), Code::kConflict);
    EXPECT_GE(ReserveOneOf(Hold::kReserve, wanted, {}).value().port.host_port, 1024);
    EXPECT_EQ(ReserveOneOf(Hold::kReserve, wanted, {9000, 9003}, 9001).value().port.host_port, 9002);
  });
}

TEST_F(Network, AUdpClientThatNeverPausesReachesTheNewContainer) {
  InFreshNetwork([] {
    World world;
    const auto c = AddContainer(world.bridge, "veth1", "172.30.0.2");
    const auto server = testing::UdpSocket(c.netns.get(), 53);
    const auto client = testing::UdpSocket(world.outside.get(), 4000);
    // The kernel remembers this flow as going to the host itself.
    testing::Send(client, kHost, 5353);
    EXPECT_EQ(testing::ReceiveFrom(client, kNever), "");
    ASSERT_OK(AddPublished({{Protocol::kUdp, Ip{}, 5353, Address("172.30.0.2"), 53}}));
    testing::Send(client, kHost, 5353);
    EXPECT_EQ(testing::ReceiveFrom(server, milliseconds(2000)), kOutside);
  });
}

TEST_F(Network, SaysWhoElseDropsForwardedPackets) {
  InFreshNetwork([] {
    ASSERT_OK(EnsureTable());
    EXPECT_TRUE(ForwardDroppers().value().empty());
    os::SpawnOptions nft;
    nft.program = "/usr/sbin/nft";
    nft.argv = {"nft", "add table ip filter; add chain ip filter FORWARD "
                       "{ type filter hook forward priority 0; policy drop; }"};
    auto added = os::Spawn(nft);
    REQUIRE(added.ok() && added.value().Wait().value().code == 0, "nft");
    const std::vector<ForwardDropper> droppers = ForwardDroppers().value();
    ASSERT_EQ(droppers.size(), 1U);
    EXPECT_EQ(droppers[0].chain, "ip filter FORWARD");
    EXPECT_EQ(droppers[0].remedy, "iptables -I FORWARD -i est+ -j ACCEPT; iptables -I FORWARD -o est+ -j ACCEPT");
  });
}

// Prints what each step takes, for BENCHMARKS.md.
TEST_F(Network, TheStepsOfABridgedContainerWorkOneAfterTheOther) {
  InFreshNetwork([] {
    World world;
    const auto netns = testing::NewNetwork();
    const os::UniqueFd procfs = OpenProcfs();
    const auto stamp = [&](const char* what, auto&& step) {
      const auto from = std::chrono::steady_clock::now();
      const Status status = step();
      EXPECT_TRUE(status.ok()) << status.error().ToString();
      std::printf("    %-16s %5lld us\n", what,
                  static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(
                                             std::chrono::steady_clock::now() - from)
                                             .count()));
    };
    stamp("table", [] { return EnsureTable(); });
    stamp("bridge", [&] { return EnsureBridge(world.bridge); });
    stamp("link pair", [&] {
      return AddVeth({"est0", "veth1", "eth0", MacFor(Address("172.30.0.2")), 0}, netns.get());
    });
    stamp("inside", [&] {
      const InsideSpec inside{"eth0", {{Address("172.30.0.2"), 24}}, {world.bridge.gateways[0].address}};
      return ConfigureInside(netns.get(), inside, procfs.get());
    });
    stamp("published port", [] { return AddPublished({{Protocol::kTcp, Ip{}, 8080, Address("172.30.0.2"), 80}}); });
    stamp("unpublish", [] { return DeletePublished({{Protocol::kTcp, Ip{}, 8080, Address("172.30.0.2"), 80}}); });
  });
}

// In `netns`: what a client there sends to 127.0.0.11:53 arrives at `socket`, and the answer comes from where it asked.
void ExpectExchange(int netns, const os::UniqueFd& socket) {
  os::UniqueFd client;
  ASSERT_OK(os::InNetworkNamespace(netns, [&]() -> Status {
    client = TRY(os::ConnectInet(SOCK_DGRAM, {std::string("\x7F\0\0\x0B", 4), 53}));
    return Ok();
  }));
  ASSERT_EQ(::send(client.get(), "ask", 3, 0), 3);
  std::array<char, 16> buffer;
  os::Sender from{};
  ASSERT_TRUE(os::WaitReadable(socket.get(), milliseconds(5000)).value());
  ASSERT_EQ(os::ReceiveFrom(socket.get(), buffer, &from), 3);
  ASSERT_EQ(os::SendTo(socket.get(), "told", from), 4);
  ASSERT_TRUE(os::WaitReadable(client.get(), milliseconds(5000)).value());  // connected: it hears 127.0.0.11:53 alone
  EXPECT_EQ(::recv(client.get(), buffer.data(), buffer.size(), 0), 4);
}

TEST_F(Network, ThePortOfNamesLeadsToTheirSockets) {
  InFreshNetwork([] {
    const os::UniqueFd netns = testing::NewNetwork();
    ASSERT_OK(BringLoopbackUp(netns.get()));
    ASSERT_OK_AND_ASSIGN(const NameSockets sockets, OpenNameSockets(netns.get()));
    ExpectExchange(netns.get(), sockets.udp);
    EXPECT_TRUE(TryConnect(netns.get(), "127.0.0.11", 53).ok);
    // A name server of the container's own has the port on every address, and takes nothing away.
    const os::UniqueFd udp = testing::UdpSocket(netns.get(), 53);
    const os::UniqueFd tcp = Listen(netns.get(), 53);
    EXPECT_TRUE(udp.valid() && tcp.valid());
    ExpectExchange(netns.get(), sockets.udp);
    EXPECT_TRUE(TryConnect(netns.get(), "127.0.0.1", 53).ok);
    EXPECT_EQ(AcceptFrom(tcp), "127.0.0.1");
    // Nothing of it makes the kernel track connections.
    ASSERT_OK(os::InNetworkNamespace(netns.get(), []() -> Status {
      EXPECT_EQ(TRY(os::ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")), "0\n");
      return Ok();
    }));
  });
}

}  // namespace
}  // namespace estiba::net
