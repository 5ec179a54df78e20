#include "lab/plan.h"

#include "tests/lab_tests.h"

namespace estiba::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::Parsed;

constexpr char kPair[] = "nodes: {a: {}, b: {}}\nlinks: [{endpoints: [a 10.0.0.1/24, b 10.0.0.2/24]}]\n";

template <typename What>
std::vector<std::size_t> PlacesOf(const std::vector<Operation>& plan) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < plan.size(); ++i)
    if (std::holds_alternative<What>(plan[i].what)) places.push_back(i);
  return places;
}

TEST(MakePlan, WhatNeedsSomethingComesAfterIt) {
  const auto plan = MakePlan(
      Parsed("nodes: {r: {kind: router, routes: [default via 10.0.0.2], exec: ['true']}, s: {kind: switch}, b: {}}\n"
             "links: [{endpoints: [r 10.0.0.1/24, s]}, {endpoints: [b 10.0.0.2/24, s], loss: 1%, rate: 1mbit}]\n"));
  EXPECT_LT(PlacesOf<MakeNamespace>(plan).back(), PlacesOf<SetSysctl>(plan).front());
  EXPECT_LT(PlacesOf<MakeBridge>(plan).back(), PlacesOf<JoinBridge>(plan).front());
  EXPECT_LT(PlacesOf<MakePair>(plan).back(), PlacesOf<AddAddress>(plan).front());
  EXPECT_LT(PlacesOf<Shape>(plan).back(), PlacesOf<BringUp>(plan).front());
  EXPECT_LT(PlacesOf<Lose>(plan).back(), PlacesOf<BringUp>(plan).front());
  EXPECT_LT(PlacesOf<BringUp>(plan).back(), PlacesOf<AddRoute>(plan).front());
  EXPECT_LT(PlacesOf<AddRoute>(plan).back(), PlacesOf<RunCommand>(plan).front());
  EXPECT_EQ(PlacesOf<Lose>(plan).size(), 2U);  // at both ends
}

TEST(MakePlan, IPv6IsOffWhereNobodyHasSuchAnAddress) {
  EXPECT_THAT(Explain(Parsed(kPair)), HasSubstr("net.ipv6.conf.all.disable_ipv6=1"));
  const std::string six = "nodes: {r: {kind: router}, s: {kind: switch}}\nlinks: [{endpoints: [r fd00::1/64, s]}]\n";
  const std::string script = Explain(Parsed(six));
  EXPECT_THAT(script, HasSubstr("ip netns exec lab-r sysctl -qw net.ipv6.conf.all.forwarding=1"));
  EXPECT_THAT(script, Not(HasSubstr("lab-r sysctl -qw net.ipv6.conf.all.disable_ipv6=1")));
  EXPECT_THAT(script, HasSubstr("lab-s sysctl -qw net.ipv6.conf.all.disable_ipv6=1"));
}

TEST(MakePlan, ThisMachineGetsItsEndAndNothingElse) {
  for (const char* ends : {"[h:lab0 10.0.0.1/24, a 10.0.0.2/24]", "[a 10.0.0.2/24, h:lab0 10.0.0.1/24]"}) {
    const auto plan =
        MakePlan(Parsed("nodes: {a: {}, h: {kind: host}}\nlinks: [{endpoints: " + std::string(ends) + "}]\n"));
    for (const Operation& operation : plan) {
      if (operation.node != 1) continue;
      EXPECT_TRUE(std::holds_alternative<MakePair>(operation.what) ||
                  std::holds_alternative<AddAddress>(operation.what) ||
                  std::holds_alternative<BringUp>(operation.what));
    }
    ASSERT_EQ(PlacesOf<MakePair>(plan).size(), 1U);
    EXPECT_EQ(plan[PlacesOf<MakePair>(plan)[0]].node, 1U);  // made from here
  }
}

TEST(BucketFor, HoldsAFrameHoweverSlowAndFitsHoweverFast) {
  EXPECT_GE(BucketFor(8000, 1500).burst, 1518U);
  EXPECT_GE(BucketFor(8000, 9000).burst, 9018U);
  EXPECT_EQ(BucketFor(10'000'000, 0).burst, 12500U);
  EXPECT_EQ(BucketFor(1000'000'000'000, 0).burst, 1U << 28);
}

}  // namespace
}  // namespace estiba::lab
