#include "net/address.h"
#include "net/pool.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

Ipv4 Ip(const char* text) { return ParseIpv4(text).value(); }
Subnet Net(const char* text) { return ParseSubnet(text).value(); }

TEST(Ipv4, ReadsADottedQuadAndNothingElse) {
  EXPECT_EQ(Ip("127.0.0.1").value, 0x7f000001U);
  EXPECT_EQ(ToString(Ip("255.255.255.255")), "255.255.255.255");
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.-4", "1.2.3.4 ", "::1", "a.b.c.d"})
    EXPECT_FALSE(ParseIpv4(bad).ok()) << bad;
}

TEST(Subnet, ClearsHostBits) {
  EXPECT_EQ(ToString(Net("172.18.0.5/16")), "172.18.0.0/16");
  EXPECT_EQ(ToString(Net("10.1.2.3/32")), "10.1.2.3/32");
  EXPECT_EQ(ToString(Net("1.2.3.4/0")), "0.0.0.0/0");
  for (const char* bad : {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "/8"})
    EXPECT_FALSE(ParseSubnet(bad).ok()) << bad;
}

TEST(Mac, ComesFromTheAddressAsDockerMakesIt) {
  EXPECT_EQ(ToString(MacFor(Ip("172.17.0.2"))), "02:42:ac:11:00:02");
  EXPECT_EQ(ParseMac("02:42:AC:11:00:02").value(), MacFor(Ip("172.17.0.2")));
  for (const char* bad : {"", "02:42:ac:11:00", "02:42-ac:11:00:02", "01:00:5e:00:00:01", "0242.ac11.0002"})
    EXPECT_FALSE(ParseMac(bad).ok()) << bad;
}

TEST(ChooseSubnet, TakesTheFirstThatOverlapsNothing) {
  const auto pools = DefaultPools();
  EXPECT_EQ(ToString(ChooseSubnet(pools, {}).value()), "172.17.0.0/16");
  EXPECT_EQ(ToString(ChooseSubnet(pools, {Net("172.17.0.0/16"), Net("172.18.3.0/24")}).value()), "172.19.0.0/16");
  EXPECT_EQ(ToString(ChooseSubnet(pools, {Net("172.16.0.0/12")}).value()), "192.168.0.0/20");
  EXPECT_EQ(ToString(ChooseSubnet(pools, {Net("172.16.0.0/12"), Net("192.168.1.0/24")}).value()), "192.168.16.0/20");
}

TEST(ChooseSubnet, SaysSoWhenThePoolsAreFull) {
  const auto full = ChooseSubnet(DefaultPools(), {Net("172.16.0.0/12"), Net("192.168.0.0/16")});
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), Code::kResourceExhausted);
  EXPECT_FALSE(ChooseSubnet({{Net("255.255.0.0/16"), 24}}, {Net("255.255.0.0/16")}).ok());
}

TEST(ChooseSubnet, StepsOverAWholeEightAtOnce) {
  EXPECT_EQ(ToString(ChooseSubnet({{Net("10.0.0.0/7"), 30}}, {Net("10.0.0.0/8")}).value()), "11.0.0.0/30");
}

TEST(AddressAllocator, GivesEachOnceAndNeverTheReserved) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("10.0.0.0/29")));
  EXPECT_EQ(ToString(a.gateway()), "10.0.0.1");
  for (const char* expected : {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"})
    EXPECT_EQ(ToString(a.Take().value()), expected);
  const auto full = a.Take();
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), Code::kResourceExhausted);
  a.Release(Ip("10.0.0.4"));
  EXPECT_EQ(ToString(a.Take().value()), "10.0.0.4");
}

TEST(AddressAllocator, AReleasedAddressRestsUntilTheOthersHaveBeenGiven) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("10.0.0.0/29")));
  for (const char* expected : {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"}) {
    const Ipv4 given = a.Take().value();
    EXPECT_EQ(ToString(given), expected);
    a.Release(given);
  }
}

TEST(AddressAllocator, AnAddressThatNobodyUsedIsTheNextAgain) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("10.0.0.0/29")));
  const Ipv4 first = a.Take().value();
  const Ipv4 second = a.Take().value();
  a.Release(second, /*used=*/false);
  EXPECT_EQ(a.Take().value(), second);
  a.Release(first, /*used=*/false);
  EXPECT_EQ(ToString(a.Take().value()), "10.0.0.4");
}

TEST(AddressAllocator, RefusesWhatIsTakenReservedOrElsewhere) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("10.0.0.0/24"), Ip("10.0.0.254"), Net("10.0.0.128/25")));
  EXPECT_EQ(ToString(a.Take().value()), "10.0.0.128");
  ASSERT_OK(a.Take(Ip("10.0.0.7")));
  EXPECT_EQ(a.Take(Ip("10.0.0.7")).error().code(), Code::kConflict);
  EXPECT_EQ(a.Take(Ip("10.0.0.254")).error().code(), Code::kConflict);
  EXPECT_EQ(a.Take(Ip("10.0.1.1")).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(AddressAllocator::Create(Net("10.0.0.0/24"), Ip("10.0.1.1")).ok());
  EXPECT_FALSE(AddressAllocator::Create(Net("10.0.0.0/24"), std::nullopt, Net("10.0.0.0/16")).ok());
  EXPECT_FALSE(AddressAllocator::Create(Net("10.0.0.0/31")).ok());
}

}  // namespace
}  // namespace estiba::net
