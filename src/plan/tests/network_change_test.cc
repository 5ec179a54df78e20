#include "plan/network_change.h"

#include <algorithm>

#include "child/step.h"
#include "input.h"
#include "plan/undo.h"
#include "plan/wire.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

Endpoint Other() {
  Endpoint endpoint = MakeEndpoint();
  endpoint.bridge.name = endpoint.veth.bridge = "est-blue";
  endpoint.bridge.gateways = {ParseIpPrefix("172.18.0.1/16").value()};
  endpoint.veth.host_name = "ve0123.1";
  endpoint.veth.container_name = endpoint.inside.name = "eth1";
  endpoint.inside.addresses = {ParseIpPrefix("172.18.0.2/16").value()};
  endpoint.inside.gateways.clear();
  endpoint.ports.clear();
  return endpoint;
}

Network One() {
  Network network;
  network.mode = Network::Mode::kBridge;
  network.endpoints = {MakeEndpoint()};
  return network;
}

Network Two() {
  Network network = One();
  network.endpoints.push_back(Other());
  return network;
}

// The second gives the default route, and carries the ports.
Network Moved() {
  Network network = Two();
  network.endpoints[0].inside.gateways.clear();
  network.endpoints[0].ports.clear();
  network.endpoints[1].inside.gateways = {ParseIp("172.18.0.1").value()};
  network.endpoints[1].ports = {
      {net::Protocol::kTcp, ParseIp("0.0.0.0").value(), 8080, ParseIp("172.18.0.2").value(), 80}};
  return network;
}

Plan PlanOf(Network network) {
  ContainerInput input = DockerInput();
  input.network = std::move(network);
  return BuildContainer(input, HybridHost()).value();
}

std::vector<Op> Ops(const std::vector<Step>& steps) {
  std::vector<Op> ops;
  for (const Step& step : steps) ops.push_back(step.op);
  return ops;
}

using List = std::vector<Op>;

TEST(NetworkChange, ConnectingAddsTheLinkAloneAndDisconnectingDeletesIt) {
  const Plan one = PlanOf(One()), two = PlanOf(Two());
  const NetworkChange connect = ChangeOf(one, two);
  EXPECT_EQ(Ops(connect.add), (List{Op::kEnsureBridge, Op::kAddVeth, Op::kConfigureInside}));
  EXPECT_TRUE(connect.remove.empty());
  const NetworkChange disconnect = ChangeOf(two, one);
  EXPECT_TRUE(disconnect.add.empty());
  ASSERT_EQ(Ops(disconnect.remove), (List{Op::kDeleteVeth}));
  EXPECT_EQ(disconnect.remove[0].text[0], "ve0123.1");
}

TEST(NetworkChange, TheDefaultRouteAndThePortsMoveBetweenLinksThatStay) {
  const Plan two = PlanOf(Two()), moved = PlanOf(Moved());
  const NetworkChange change = ChangeOf(two, moved);
  ASSERT_EQ(Ops(change.add), (List{Op::kDefaultRoute, Op::kPublishPorts}));
  EXPECT_EQ(change.add[0].text, (std::vector<std::string>{"eth1", "172.18.0.1"}));
  EXPECT_EQ(change.add[1].text, (std::vector<std::string>{"0.0.0.0:8080 172.18.0.2:80 tcp"}));
  ASSERT_EQ(Ops(change.remove), (List{Op::kUnpublishPorts}));
  EXPECT_EQ(change.remove[0].text, (std::vector<std::string>{"0.0.0.0:8080 172.17.0.2:80 tcp"}));
  // What failing half-way puts back.
  ASSERT_EQ(Ops(change.put_back), (List{Op::kDefaultRoute, Op::kPublishPorts}));
  EXPECT_EQ(change.put_back[0].text, (std::vector<std::string>{"eth0", "172.17.0.1"}));
}

TEST(NetworkChange, EachFamilyHasADefaultRouteOfItsOwn) {
  Network both = Two(), moved = Two();
  both.endpoints[0].inside.gateways.push_back(ParseIp("fd00::1").value());
  moved.endpoints[1].inside.gateways = {ParseIp("fd01::1").value()};
  const NetworkChange change = ChangeOf(PlanOf(both), PlanOf(moved));
  ASSERT_EQ(Ops(change.add), (List{Op::kDefaultRoute}));
  EXPECT_EQ(change.add[0].text, (std::vector<std::string>{"eth1", "fd01::1"}));
}

TEST(NetworkChange, ANewLinkReplacesTheDefaultRouteRatherThanAddingAnother) {
  const NetworkChange change = ChangeOf(PlanOf(One()), PlanOf(Moved()));
  ASSERT_EQ(Ops(change.add), (List{Op::kEnsureBridge, Op::kAddVeth, Op::kConfigureInside, Op::kDefaultRoute,
                                   Op::kPublishPorts}));
  EXPECT_EQ(change.add[2].text[2], "");
}

TEST(NetworkChange, NamesAreNewWrittenAgainOrForgotten) {
  Network named = One(), renamed = One();
  named.names_file = renamed.names_file = "/run/estiba/net/0123";
  named.names = "one";
  renamed.names = "two";
  EXPECT_EQ(Ops(ChangeOf(PlanOf(One()), PlanOf(named)).add), (List{Op::kServeNames}));
  const NetworkChange again = ChangeOf(PlanOf(named), PlanOf(renamed));
  ASSERT_EQ(Ops(again.add), (List{Op::kWriteNames}));
  EXPECT_EQ(again.add[0].blob, "two");
  ASSERT_EQ(Ops(again.put_back), (List{Op::kWriteNames}));
  EXPECT_EQ(again.put_back[0].blob, "one");
  EXPECT_EQ(Ops(ChangeOf(PlanOf(named), PlanOf(One())).remove), (List{Op::kForgetNames}));
}

TEST(NetworkChange, OnePortMoreTouchesNoOther) {
  Network more = One();
  more.endpoints[0].ports.push_back(
      {net::Protocol::kUdp, ParseIp("127.0.0.1").value(), 53, ParseIp("172.17.0.2").value(), 53});
  const NetworkChange change = ChangeOf(PlanOf(One()), PlanOf(more));
  ASSERT_EQ(Ops(change.add), (List{Op::kPublishPorts}));
  EXPECT_EQ(change.add[0].text, (std::vector<std::string>{"127.0.0.1:53 172.17.0.2:53 udp"}));
  EXPECT_TRUE(change.remove.empty());
  EXPECT_EQ(HostPorts(PlanOf(more)), (std::vector<std::string>{"0.0.0.0:8080 tcp", "127.0.0.1:53 udp"}));
}

TEST(NetworkChange, WhileItIsUnderWayThePlanNamesWhatEitherOfTheTwoDoes) {
  Plan two = PlanOf(Moved()), one = PlanOf(One());
  one.revision = 7;
  two.revision = 6;
  const Plan noted = ChangeOf(two, one).noted;
  EXPECT_EQ(noted.revision, 6U);  // not yet that change
  for (const Plan* plan : {&one, &two}) {
    for (const Step& step : UndoOf(*plan)) {
      const auto same = [&](const Step& other) { return other.op == step.op && other.text == step.text; };
      EXPECT_TRUE(std::ranges::any_of(UndoOf(noted), same)) << Describe(step);
    }
  }
  ASSERT_OK(Decode(Encode(noted)));
  // After a failure to remove it is the present one.
  const NetworkChange once_more = ChangeOf(noted, one);
  EXPECT_TRUE(once_more.add.empty());
  EXPECT_EQ(Ops(once_more.remove), (List{Op::kUnpublishPorts, Op::kDeleteVeth}));
}

TEST(NetworkChange, ANetworkIsReplacedInAPlan) {
  Plan plan = PlanOf(One());
  const std::string before = Encode(plan);
  ReplaceNetwork(plan, Two());
  EXPECT_EQ(Encode(plan), Encode(PlanOf(Two())));
  ReplaceNetwork(plan, One());
  EXPECT_EQ(Encode(plan), before);
}

TEST(NetworkChange, WithoutAnyNetworkLoopbackIsUpAndOneMayComeBack) {
  Network none;
  none.mode = Network::Mode::kNone;
  Plan plan = PlanOf(One());
  ReplaceNetwork(plan, none);
  EXPECT_EQ(Encode(plan), Encode(PlanOf(none)));
  ReplaceNetwork(plan, One());
  EXPECT_EQ(Ops(ChangeOf(PlanOf(none), plan).add),
            (List{Op::kEnsureTable, Op::kEnsureBridge, Op::kAddVeth, Op::kConfigureInside, Op::kDefaultRoute,
                  Op::kPublishPorts}));
}

TEST(Wire, APlanKnowsWhichChangeOfTheNetworkItHolds) {
  Plan plan = PlanOf(One());
  plan.revision = 41;
  EXPECT_EQ(Decode(Encode(plan)).value().revision, 41U);
}

}  // namespace
}  // namespace estiba::plan
