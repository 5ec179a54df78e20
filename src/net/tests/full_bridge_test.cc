// As many containers on one bridge as the kernel has ports for, and one more.
#include <gmock/gmock.h>

#include <linux/netlink.h>

#include "net/setup.h"
#include "net/topology.h"
#include "tests/fake_net.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

constexpr unsigned kPorts = 1023;  // BR_MAX_PORTS, of which 0 is none

VethSpec Veth(unsigned number) {
  VethSpec veth;
  veth.bridge = "est0";
  veth.host_name = "ve" + std::to_string(number);
  veth.container_name = "eth" + std::to_string(number);
  veth.mac.bytes = {2, 0, 0, 0, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number & 0xff)};
  return veth;
}

class FullBridge : public testing::NetworkTest {};

TEST_F(FullBridge, SaysSoAndLeavesNoLink) {
  InFreshNetwork([] {
    ASSERT_OK_AND_ASSIGN(os::NetlinkSocket socket, os::NetlinkSocket::Open(NETLINK_ROUTE));
    ASSERT_TRUE(AddBridge(socket, "est0", {}).ok());
    const os::UniqueFd inside = testing::NewNetwork();
    for (unsigned number = 1; number <= kPorts; ++number) {
      const Status added = AddVeth(Veth(number), inside.get());
      ASSERT_TRUE(added.ok()) << number << ": " << added.error().ToString();
    }
    const Status one_more = AddVeth(Veth(kPorts + 1), inside.get());
    ASSERT_FALSE(one_more.ok());
    EXPECT_EQ(one_more.error().code(), Code::kResourceExhausted);
    EXPECT_THAT(one_more.error().ToString(), ::testing::HasSubstr("bridge 'est0' is full"));
    EXPECT_FALSE(LinkExists(Veth(kPorts + 1).host_name).value());
    // A port that is given back is another's.
    ASSERT_TRUE(DeleteVeth(Veth(7).host_name).ok());
    EXPECT_TRUE(AddVeth(Veth(kPorts + 1), inside.get()).ok());
  });
}

}  // namespace
}  // namespace estiba::net
