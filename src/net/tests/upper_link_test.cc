// Links on a link of the host's, with a machine beyond it that plays the LAN.
#include "net/parent_link.h"

#include <array>
#include <cerrno>

#include <linux/netlink.h>

#include "net/topology.h"
#include "os/netns.h"
#include "tests/fake_net.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

constexpr char kLan[] = "192.0.2.1";

class UpperLink : public testing::NetworkTest {};

// "up0" leads to a machine with the address 192.0.2.1.
struct World {
  os::UniqueFd lan = testing::NewNetwork();
  World() { testing::Connect("up0", "192.0.2.254/24", lan.get(), "eth0", "192.0.2.1/24"); }
};

struct FakeContainer {
  os::UniqueFd netns = testing::NewNetwork();
};

void Configure(const FakeContainer& container, const char* address) {
  auto there = OpenSocketIn(container.netns.get(), NETLINK_ROUTE).value();
  ASSERT_OK(AddInterfaceAddress(there, "eth0", ParseIpPrefix(address).value()));
  ASSERT_OK(BringUp(there, "eth0"));
}

UpperSpec Macvlan(const char* parent, const std::string& mark, std::uint8_t number, MacvlanMode mode) {
  std::optional<Mac> mac = Mac{{2, 0x42, 192, 0, 2, number}};
  if (mode == MacvlanMode::kPassthru) mac.reset();
  return {UpperKind::kMacvlan, parent, "eth0", mark, mac, static_cast<unsigned>(mode)};
}

void Join(const FakeContainer& container, std::uint8_t number, MacvlanMode mode) {
  ASSERT_OK(AddUpper(Macvlan("up0", "mark" + std::to_string(number), number, mode), container.netns.get()));
  Configure(container, ("192.0.2." + std::to_string(number) + "/24").c_str());
}

TEST_F(UpperLink, AMacvlanLinkIsReachedFromTheLanAndReachesIt) {
  InFreshNetwork([] {
    World world;
    FakeContainer c;
    Join(c, 10, MacvlanMode::kBridge);
    const auto there = Listen(world.lan.get(), 7000);
    EXPECT_TRUE(TryConnect(c.netns.get(), kLan, 7000).ok);
    EXPECT_EQ(AcceptFrom(there), "192.0.2.10");
    const auto here = Listen(c.netns.get(), 7001);
    EXPECT_TRUE(TryConnect(world.lan.get(), "192.0.2.10", 7001).ok);
    EXPECT_EQ(AcceptFrom(here), kLan);
  });
}

TEST_F(UpperLink, TwoOfOneParentReachEachOtherInModeBridgeAndNotInModePrivate) {
  for (const MacvlanMode mode : {MacvlanMode::kBridge, MacvlanMode::kPrivate}) {
    InFreshNetwork([mode] {
      World world;
      FakeContainer a, b;
      Join(a, 10, mode);
      Join(b, 11, mode);
      const auto listener = Listen(b.netns.get(), 7000);
      EXPECT_EQ(TryConnect(a.netns.get(), "192.0.2.11", 7000, kNever).ok, mode == MacvlanMode::kBridge);
      EXPECT_TRUE(TryConnect(world.lan.get(), "192.0.2.11", 7000).ok);
    });
  }
}

TEST_F(UpperLink, PassthruTakesTheParentsHardwareAddressAndIsAlone) {
  InFreshNetwork([] {
    World world;
    FakeContainer a, b;
    Join(a, 10, MacvlanMode::kPassthru);
    const auto listener = Listen(world.lan.get(), 7000);
    EXPECT_TRUE(TryConnect(a.netns.get(), kLan, 7000).ok);
    EXPECT_EQ(AcceptFrom(listener), "192.0.2.10");
    EXPECT_FALSE(AddUpper(Macvlan("up0", "b", 11, MacvlanMode::kBridge), b.netns.get()).ok());
  });
}

TEST_F(UpperLink, TheMarkedLinkIsDeletedInItsNamespaceAndNoOther) {
  InFreshNetwork([] {
    World world;
    FakeContainer a, b;
    Join(a, 10, MacvlanMode::kBridge);
    Join(b, 11, MacvlanMode::kBridge);
    ASSERT_OK(DeleteUpper("up0", "mark10"));
    auto in_a = OpenSocketIn(a.netns.get(), NETLINK_ROUTE).value();
    auto in_b = OpenSocketIn(b.netns.get(), NETLINK_ROUTE).value();
    EXPECT_FALSE(HasLink(in_a, "eth0").value());
    EXPECT_TRUE(HasLink(in_b, "eth0").value());
    ASSERT_OK(DeleteUpper("up0", "mark10"));
    ASSERT_OK(DeleteUpper("nosuch", "mark11"));
    Join(a, 10, MacvlanMode::kBridge);  // the hardware address is free again
  });
}

// A connection whose other end reads nothing, closed with data still to send, keeps its namespace.
void LeaveHalfClosed(const FakeContainer& container) {
  const auto connected = TryConnect(container.netns.get(), kLan, 7000);
  ASSERT_TRUE(connected.ok);
  const std::array<char, 4096> data{};
  while (::send(connected.socket.get(), data.data(), data.size(), MSG_NOSIGNAL) > 0) {
  }
}

TEST_F(UpperLink, TheLinkOfANamespaceThatOnlyAConnectionKeepsIsDeleted) {
  InFreshNetwork([] {
    World world;
    const auto listener = Listen(world.lan.get(), 7000);
    {
      FakeContainer gone;
      Join(gone, 10, MacvlanMode::kBridge);
      LeaveHalfClosed(gone);
    }
    FakeContainer next;
    ASSERT_OK(AddUpper(Macvlan("up0", "next", 10, MacvlanMode::kBridge), next.netns.get()));
    auto there = OpenSocketIn(next.netns.get(), NETLINK_ROUTE).value();
    EXPECT_EQ(BringUp(there, "eth0").error().errnum(), EADDRINUSE);  // its address is still the old one's
    ASSERT_OK(DeleteUpper("up0", "mark10"));
    ASSERT_OK(BringUp(there, "eth0"));
  });
}

TEST_F(UpperLink, ParentsThatAreMissingOrTooNarrowAreNamed) {
  InFreshNetwork([] {
    World world;
    FakeContainer a;
    const auto missing = AddUpper(Macvlan("nosuch", "m", 10, MacvlanMode::kBridge), a.netns.get());
    EXPECT_EQ(missing.error().code(), Code::kNotFound);
    EXPECT_EQ(MacOfParent("nosuch").error().Message(),
              "the requested parent interface nosuch was not found on the host");
    UpperSpec wide = Macvlan("up0", "m", 10, MacvlanMode::kBridge);
    wide.mtu = 9000;
    EXPECT_NE(AddUpper(wide, a.netns.get()).error().ToString().find("MTU"), std::string::npos);
  });
}

TEST_F(UpperLink, AnIpvlanLinkIsMadeOrTheKernelsOptionIsNamed) {
  InFreshNetwork([] {
    World world;
    FakeContainer a;
    const auto added = AddUpper({UpperKind::kIpvlan, "up0", "eth0", "m", std::nullopt}, a.netns.get());
    EXPECT_EQ(CheckUpperKind(UpperKind::kIpvlan).ok(), added.ok());
    ASSERT_OK(CheckUpperKind(UpperKind::kMacvlan));
    if (!added.ok()) {
      EXPECT_NE(added.error().ToString().find("CONFIG_IPVLAN"), std::string::npos);
      return;
    }
    Configure(a, "192.0.2.10/24");
    const auto listener = Listen(world.lan.get(), 7000);
    EXPECT_TRUE(TryConnect(a.netns.get(), kLan, 7000).ok);
  });
}

TEST_F(UpperLink, AVlanOrADummyIsMadeOrTheKernelsOptionIsNamed) {
  InFreshNetwork([] {
    World world;
    auto here = os::NetlinkSocket::Open(NETLINK_ROUTE).value();
    const ParentSpec vlan{"up0.10", "up0", 10}, dummy{"dm-1", "", 0};
    for (const ParentSpec& parent : {vlan, dummy}) {
      const auto made = EnsureParent(parent);
      if (!made.ok()) {
        EXPECT_NE(made.error().ToString().find(parent.vlan != 0 ? "CONFIG_VLAN_8021Q" : "CONFIG_DUMMY"),
                  std::string::npos) << made.error().ToString();
        continue;
      }
      ASSERT_OK(EnsureParent(parent));
      ASSERT_OK(DeleteParent(parent.name));
      ASSERT_OK(DeleteParent(parent.name));
      EXPECT_FALSE(HasLink(here, parent.name).value());
    }
    ASSERT_OK(EnsureParent({"up0", "", 0}));  // there, and not ours
    ASSERT_OK(DeleteParent("up0"));
    EXPECT_TRUE(HasLink(here, "up0").value());
    EXPECT_EQ(EnsureParent({"nosuch.10", "nosuch", 10}).error().code(), Code::kNotFound);
  });
}

TEST(VlanName, AParentWithADotIsAVlanOfTheLinkBeforeIt) {
  ASSERT_OK_AND_ASSIGN(const ParentSpec parent, ParseVlanName("eth0.10"));
  EXPECT_EQ(parent.base, "eth0");
  EXPECT_EQ(parent.vlan, 10U);
  for (const char* bad : {"eth0", "eth0.", "eth0.x", "eth0.0", "eth0.4095", "a.b.1", ".5", "eth0.-1"})
    EXPECT_FALSE(ParseVlanName(bad).ok()) << bad;
}

}  // namespace
}  // namespace estiba::net
