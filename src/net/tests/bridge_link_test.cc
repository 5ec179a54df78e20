// Bridges that filter VLANs or are in a VRF. What this kernel lacks is named; tests/vm has one that lacks nothing.
#include "net/bridge_link.h"

#include <gmock/gmock.h>

#include "net/setup.h"
#include "tests/fake_net.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

using ::testing::HasSubstr;

class BridgeLink : public testing::NetworkTest {};

BridgeLinkSpec Spec(unsigned vlan, std::string vrf = {}) {
  return {"br0", MacFor(testing::Address("10.9.0.1")), 0, vlan, std::move(vrf)};
}

TEST_F(BridgeLink, FiltersVlansOrTheKernelsLackIsNamedAndNothingLeft) {
  testing::InFreshNetwork([] {
    const Status made = EnsureBridgeLink(Spec(20));
    if (!made.ok()) {
      EXPECT_THAT(made.error().ToString(), HasSubstr("CONFIG_BRIDGE_VLAN_FILTERING"));
      EXPECT_FALSE(LinkExists("br0").value());
      return;
    }
    EXPECT_TRUE(EnsureBridgeLink(Spec(20)).ok());
    EXPECT_TRUE(CheckFiltersVlans("br0").ok());
    const os::UniqueFd there = testing::NewNetwork();
    ASSERT_OK(AddVeth({"br0", "port", "eth0", MacFor(testing::Address("10.9.0.2")), 0}, there.get()));
    EXPECT_TRUE(JoinVlan("port", 20).ok());
  });
}

TEST_F(BridgeLink, ThatFiltersNothingIsToldApart) {
  testing::InFreshNetwork([] {
    ASSERT_OK(EnsureBridgeLink(Spec(0)));
    EXPECT_THAT(CheckFiltersVlans("br0").error().ToString(), HasSubstr("ip link set br0 type bridge vlan_filtering 1"));
    const os::UniqueFd there = testing::NewNetwork();
    ASSERT_OK(AddVeth({"br0", "port", "eth0", MacFor(testing::Address("10.9.0.2")), 0}, there.get()));
    EXPECT_THAT(JoinVlan("port", 20).error().ToString(), HasSubstr("bridge 'br0' does not filter VLANs"));
    EXPECT_EQ(JoinVlan("lo", 20).error().code(), Code::kNotFound);
  });
}

TEST_F(BridgeLink, AVrfHasToBeThereAndToBeOne) {
  testing::InFreshNetwork([] {
    const Status none = EnsureBridgeLink(Spec(0, "red"));
    EXPECT_THAT(none.error().ToString(), HasSubstr("there is no VRF 'red'"));
    EXPECT_THAT(EnsureBridgeLink(Spec(0, "lo")).error().ToString(), HasSubstr("link 'lo' is not a VRF"));
    EXPECT_FALSE(LinkExists("br0").value());
  });
}

}  // namespace
}  // namespace estiba::net
