#include "net/topology.h"

#include <cerrno>

#include <linux/netlink.h>

#include "os/netns.h"
#include "tests/fake_net.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

class Topology : public testing::NetworkTest {};

os::NetlinkSocket Here() { return os::NetlinkSocket::Open(NETLINK_ROUTE).value(); }

TEST_F(Topology, APairHasAnEndInEachNamespace) {
  InFreshNetwork([] {
    ASSERT_OK_AND_ASSIGN(const os::UniqueFd other, os::CreateNetworkNamespace());
    os::NetlinkSocket here = Here();
    ASSERT_OK_AND_ASSIGN(os::NetlinkSocket there, OpenSocketIn(other.get(), NETLINK_ROUTE));
    const PairSpec pair{"near", Mac{{2, 0, 0, 0, 0, 1}}, "far", Mac{{2, 0, 0, 0, 0, 2}}, 1400};
    ASSERT_OK(AddPair(here, pair, other.get()));
    EXPECT_TRUE(HasLink(here, "near").value() && HasLink(there, "far").value());
    EXPECT_FALSE(HasLink(here, "far").value() || HasLink(there, "near").value());
    EXPECT_EQ(AddPair(here, pair, other.get()).error().errnum(), EEXIST);
    ASSERT_OK(DeletePair(here, "near"));
    ASSERT_OK(DeletePair(here, "near"));
    EXPECT_FALSE(HasLink(there, "far").value());
  });
}

TEST_F(Topology, AddressesAndRoutesOfBothFamilies) {
  InFreshNetwork([] {
    os::NetlinkSocket here = Here();
    ASSERT_OK(AddBridge(here, "br0", std::nullopt));
    for (const char* address : {"10.9.0.1/24", "fd09::1/64"})
      ASSERT_OK(AddInterfaceAddress(here, "br0", ParseIpPrefix(address).value()));
    ASSERT_OK(BringUp(here, "br0"));
    ASSERT_OK(AddGatewayRoute(here, ParseIpPrefix("10.8.0.0/16").value(), ParseIp("10.9.0.2").value()));
    ASSERT_OK(AddGatewayRoute(here, ParseIpPrefix("::/0").value(), ParseIp("fd09::2").value()));
    EXPECT_FALSE(AddGatewayRoute(here, ParseIpPrefix("0.0.0.0/0").value(), ParseIp("192.0.2.1").value()).ok());
  });
}

TEST_F(Topology, ALinkOfAnotherKindIsNotDeleted) {
  InFreshNetwork([] {
    os::NetlinkSocket here = Here();
    ASSERT_OK(AddBridge(here, "br0", 200));
    EXPECT_EQ(DeletePair(here, "br0").error().code(), Code::kConflict);
    EXPECT_EQ(LinkIndex(here, "none").error().code(), Code::kNotFound);
  });
}

TEST_F(Topology, ARateIsLimitedAndADelayMadeOrNamedAsMissing) {
  InFreshNetwork([] {
    os::NetlinkSocket here = Here();
    ASSERT_OK(AddTokenBucket(here, "lo", 8'000'000, 20'000, 40'000));
    EXPECT_EQ(AddTokenBucket(here, "lo", 8'000'000, 20'000, 40'000).error().errnum(), EEXIST);
    ASSERT_OK(AddBridge(here, "br0", std::nullopt));
    const auto delayed = AddDelay(here, "br0", {10'000, 1'000, 0});
    EXPECT_TRUE(delayed.ok() || delayed.error().code() == Code::kNotImplemented);
  });
}

TEST_F(Topology, SettingsAreOfTheNamespaceAndOfNetworksOnly) {
  InFreshNetwork([] {
    ASSERT_OK_AND_ASSIGN(const os::UniqueFd other, os::CreateNetworkNamespace());
    ASSERT_OK(SetSysctlIn(other.get(), "net.ipv4.ip_forward", "1"));
    EXPECT_EQ(SetSysctlIn(other.get(), "kernel.hostname", "x").error().code(), Code::kInvalidArgument);
  });
}

}  // namespace
}  // namespace estiba::net
