// What earlier releases have recorded of networks, in the bytes they wrote.
#include "network_operands.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "os/file.h"
#include "plan/wire.h"
#include "tests/support.h"

namespace estiba::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Ip Address(const char* text) { return ParseIp(text).value(); }
IpPrefix Prefix(const char* text) { return ParseIpPrefix(text).value(); }

plan::Plan Recorded(const char* file) {
  const std::string folder = std::string(ESTIBA_TEST_DATA) + "/../../plan/tests/golden/";
  return plan::Decode(os::ReadFile(folder + file).value()).value();
}

const plan::Step& StepOf(const plan::Plan& plan, plan::Op op) {
  return *std::ranges::find(plan.steps, op, &plan::Step::op);
}

TEST(NetworkOperands, ThoseOfTheFirstReleaseKnewOneFamilyAndNoFlags) {
  const plan::Plan plan = Recorded("plan_v1.bin");
  ASSERT_OK_AND_ASSIGN(const net::BridgeSpec bridge, ParseBridge(StepOf(plan, plan::Op::kEnsureBridge)));
  EXPECT_EQ(bridge.name, "estiba0");
  EXPECT_THAT(bridge.gateways, ElementsAre(Prefix("172.17.0.1/16")));
  EXPECT_THAT(bridge.bare, IsEmpty());
  EXPECT_THAT(bridge.trusted, IsEmpty());
  EXPECT_TRUE(bridge.masquerade && bridge.connects && !bridge.internal);
  EXPECT_EQ(bridge.mtu, 0U);
  EXPECT_EQ(bridge.mode_ipv4, net::GatewayMode::kNat);
  EXPECT_EQ(bridge.mode_ipv6, net::GatewayMode::kNat);
  ASSERT_OK_AND_ASSIGN(const net::VethSpec veth, ParseVeth(StepOf(plan, plan::Op::kAddVeth)));
  EXPECT_EQ(veth.bridge, "estiba0");
  EXPECT_EQ(veth.host_name, "ve01234567");
  EXPECT_EQ(veth.container_name, "eth0");
  EXPECT_EQ(net::ToString(veth.mac), "02:42:ac:11:00:02");
  EXPECT_FALSE(veth.isolated);
  ASSERT_OK_AND_ASSIGN(const net::InsideSpec inside, ParseInside(StepOf(plan, plan::Op::kConfigureInside)));
  EXPECT_EQ(inside.name, "eth0");
  EXPECT_THAT(inside.addresses, ElementsAre(Prefix("172.17.0.2/16")));
  EXPECT_THAT(inside.gateways, ElementsAre(Address("172.17.0.1")));
  EXPECT_THAT(inside.sysctls, IsEmpty());
  ASSERT_OK_AND_ASSIGN(const auto ports, ParsePorts(StepOf(plan, plan::Op::kPublishPorts)));
  EXPECT_THAT(ports, ElementsAre(net::PublishedPort{net::Protocol::kTcp, Address("0.0.0.0"), 8080,
                                                    Address("172.17.0.2"), 80}));
}

TEST(NetworkOperands, ThoseOfTheFirstPlansOfBothFamilies) {
  const plan::Plan plan = Recorded("plan_v1_dual_stack.bin");
  ASSERT_OK_AND_ASSIGN(const net::BridgeSpec bridge, ParseBridge(StepOf(plan, plan::Op::kEnsureBridge)));
  EXPECT_THAT(bridge.gateways, ElementsAre(Prefix("172.17.0.1/16"), Prefix("fd00::1/64")));
  EXPECT_THAT(bridge.bare, ElementsAre(Prefix("fd01::/64")));
  EXPECT_THAT(bridge.trusted, ElementsAre("eth1"));
  EXPECT_TRUE(bridge.masquerade && !bridge.connects && !bridge.internal);
  EXPECT_EQ(bridge.mode_ipv4, net::GatewayMode::kNat);
  EXPECT_EQ(bridge.mode_ipv6, net::GatewayMode::kRouted);
  ASSERT_OK_AND_ASSIGN(const net::VethSpec veth, ParseVeth(StepOf(plan, plan::Op::kAddVeth)));
  EXPECT_TRUE(veth.isolated);
  ASSERT_OK_AND_ASSIGN(const net::InsideSpec inside, ParseInside(StepOf(plan, plan::Op::kConfigureInside)));
  EXPECT_THAT(inside.addresses, ElementsAre(Prefix("172.17.0.2/16"), Prefix("fd00::2/64")));
  EXPECT_THAT(inside.gateways, ElementsAre(Address("172.17.0.1"), Address("fd00::1")));
  EXPECT_THAT(inside.sysctls, ElementsAre(Pair("ipv4/conf/eth0/log_martians", "1")));
  ASSERT_OK_AND_ASSIGN(const auto ports, ParsePorts(StepOf(plan, plan::Op::kPublishPorts)));
  const net::PublishedPort four{net::Protocol::kTcp, Address("0.0.0.0"), 8080, Address("172.17.0.2"), 80};
  const net::PublishedPort six{net::Protocol::kSctp, Address("::"), 8080, Address("fd00::2"), 80};
  EXPECT_THAT(ports, ElementsAre(four, six));
}

TEST(NetworkOperands, OfABridgeMayHaveTheAddressesThatContainersLeaveWith) {
  plan::Plan plan = Recorded("plan_v1_dual_stack.bin");
  plan::Step bridge = StepOf(plan, plan::Op::kEnsureBridge);
  EXPECT_FALSE(ParseBridge(bridge)->source_ipv4 || ParseBridge(bridge)->source_ipv6);
  bridge.blob = "192.0.2.1 2001:db8::1";
  ASSERT_OK_AND_ASSIGN(const net::BridgeSpec parsed, ParseBridge(bridge));
  EXPECT_EQ(parsed.source_ipv4, Address("192.0.2.1"));
  EXPECT_EQ(parsed.source_ipv6, Address("2001:db8::1"));
  bridge.blob = "nonsense";
  EXPECT_FALSE(ParseBridge(bridge).ok());
}

TEST(NetworkOperands, WhatCannotBeReadIsAnError) {
  plan::Step bridge;
  bridge.text = {"est0", "172.17.0.1/16", "", "eth1"};
  bridge.numbers = {0, 1, 0, 4, 0};
  EXPECT_EQ(ParseBridge(bridge).error().code(), Code::kDataLoss);  // a gateway mode of a later release
  plan::Step ports;
  ports.text = {"0.0.0.0:8080 172.17.0.2:80"};
  EXPECT_EQ(ParsePorts(ports).error().code(), Code::kDataLoss);
  plan::Step inside;
  inside.text = {"eth0", "172.17.0.2/16", "172.17.0.1", "log_martians"};
  EXPECT_EQ(ParseInside(inside).error().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace estiba::runtime
