#include "net/address.h"

#include <gmock/gmock.h>

#include "net/pool.h"
#include "tests/support.h"

namespace estiba::net {
namespace {

Ip Address(const char* text) { return ParseIp(text).value(); }
IpPrefix Net(const char* text) { return ParseSubnet(text).value(); }

TEST(Subnet, ClearsHostBits) {
  EXPECT_EQ(ToString(Net("172.18.0.5/16")), "172.18.0.0/16");
  EXPECT_EQ(ToString(Net("10.1.2.3/32")), "10.1.2.3/32");
  EXPECT_EQ(ToString(Net("1.2.3.4/0")), "0.0.0.0/0");
  EXPECT_EQ(ToString(Net("fd00:1:2:3::9/64")), "fd00:1:2:3::/64");
  for (const char* bad : {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "/8", "fd00::/129"})
    EXPECT_EQ(ParseSubnet(bad).error().Message(), std::string("invalid CIDR address: ") + bad);
}

TEST(Mac, ComesFromTheAddressAsDockerMakesIt) {
  EXPECT_EQ(ToString(MacFor(Address("172.17.0.2"))), "02:42:ac:11:00:02");
  EXPECT_EQ(ToString(MacFor(Address("fd00::a:b:c"))), "02:42:00:0b:00:0c");
  EXPECT_EQ(ParseMac("02:42:AC:11:00:02").value(), MacFor(Address("172.17.0.2")));
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

TEST(ChooseSubnet, OfIpv6AsOfIpv4) {
  const std::vector<AddressPool> pools = {{Net("10.0.0.0/8"), 24}, {Net("fd00::/56"), 64}};
  EXPECT_EQ(ToString(ChooseSubnet(pools, {}, /*v6=*/true).value()), "fd00::/64");
  EXPECT_EQ(ToString(ChooseSubnet(pools, {Net("fd00::/63"), Net("10.0.0.0/8")}, true).value()), "fd00:0:0:2::/64");
  const auto full = ChooseSubnet(pools, {Net("fd00::/16")}, true);
  ASSERT_FALSE(full.ok());
  EXPECT_THAT(full.error().Message(), ::testing::HasSubstr("non-overlapping IPv6 address pool"));
  EXPECT_FALSE(ChooseSubnet({{Net("ffff:ffff:ffff:ff00::/56"), 64}}, {Net("ffff::/16")}, true).ok());
}

TEST(AddressAllocator, CountsWhatIsTakenAndWhatIsLeft) {
  const auto counts = [](const char* subnet, const char* range, std::vector<Ip> reserved, int take) {
    const IpPrefix whole = *ParseSubnet(subnet);
    auto allocator =
        std::move(*AddressAllocator::Create(whole, std::nullopt, *ParseSubnet(range), std::move(reserved)));
    for (int i = 0; i < take; ++i) EXPECT_TRUE(allocator.Take().ok());
    const AddressAllocator::Counts count = allocator.Count();
    return std::pair(count.in_use, count.free);
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_EQ(counts("10.0.0.0/24", "10.0.0.0/24", {}, 0), Pair(3, 253));  // itself, the gateway, broadcast
  EXPECT_EQ(counts("10.0.0.0/24", "10.0.0.128/25", {*ParseIp("10.0.0.5"), *ParseIp("10.1.0.0")}, 2), Pair(6, 125));
  EXPECT_EQ(counts("fd00::/64", "fd00::/64", {}, 1), Pair(3, UINT64_MAX - 2));  // 2^64 addresses
  EXPECT_EQ(counts("fd00::/48", "fd00::/48", {}, 1), Pair(3, UINT64_MAX));
}

TEST(AddressAllocator, OfIpv6TheLastIsGivenToo) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("fd00::/126"), std::nullopt, std::nullopt, {}));
  EXPECT_EQ(ToString(a.gateway()), "fd00::1");
  EXPECT_EQ(ToString(a.Take().value()), "fd00::2");
  EXPECT_EQ(ToString(a.Take().value()), "fd00::3");
  EXPECT_EQ(a.Take().error().Message(), "no available IPv6 addresses on this network's address pools");
}

TEST(AddressAllocator, AddressesOfOthersAreNeverGiven) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("10.0.0.0/29"), std::nullopt, std::nullopt,
                                                        {Address("10.0.0.2"), Address("10.0.0.4")}));
  EXPECT_EQ(ToString(a.Take().value()), "10.0.0.3");
  EXPECT_EQ(ToString(a.Take().value()), "10.0.0.5");
  EXPECT_EQ(a.Take(Address("10.0.0.4")).error().code(), Code::kConflict);
}

TEST(AddressAllocator, GivesEachOnceAndNeverTheReserved) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("10.0.0.0/29")));
  EXPECT_EQ(ToString(a.gateway()), "10.0.0.1");
  for (const char* expected : {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"})
    EXPECT_EQ(ToString(a.Take().value()), expected);
  const auto full = a.Take();
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), Code::kResourceExhausted);
  a.Release(Address("10.0.0.4"));
  EXPECT_EQ(ToString(a.Take().value()), "10.0.0.4");
}

TEST(AddressAllocator, AReleasedAddressRestsUntilTheOthersHaveBeenGiven) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("10.0.0.0/29")));
  for (const char* expected : {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"}) {
    const Ip given = a.Take().value();
    EXPECT_EQ(ToString(given), expected);
    a.Release(given);
  }
}

TEST(AddressAllocator, AnAddressThatNobodyUsedIsTheNextAgain) {
  ASSERT_OK_AND_ASSIGN(auto a, AddressAllocator::Create(Net("10.0.0.0/29")));
  const Ip first = a.Take().value();
  const Ip second = a.Take().value();
  a.Release(second, /*used=*/false);
  EXPECT_EQ(a.Take().value(), second);
  a.Release(first, /*used=*/false);
  EXPECT_EQ(ToString(a.Take().value()), "10.0.0.4");
}

TEST(AddressAllocator, RefusesWhatIsTakenReservedOrElsewhere) {
  ASSERT_OK_AND_ASSIGN(
      auto a, AddressAllocator::Create(Net("10.0.0.0/24"), Address("10.0.0.254"), Net("10.0.0.128/25")));
  EXPECT_EQ(ToString(a.Take().value()), "10.0.0.128");
  ASSERT_OK(a.Take(Address("10.0.0.7")));
  EXPECT_EQ(a.Take(Address("10.0.0.7")).error().code(), Code::kConflict);
  EXPECT_EQ(a.Take(Address("10.0.0.254")).error().code(), Code::kConflict);
  EXPECT_EQ(a.Take(Address("10.0.1.1")).error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(AddressAllocator::Create(Net("10.0.0.0/24"), Address("10.0.1.1")).ok());
  EXPECT_FALSE(AddressAllocator::Create(Net("10.0.0.0/24"), std::nullopt, Net("10.0.0.0/16")).ok());
  EXPECT_FALSE(AddressAllocator::Create(Net("10.0.0.0/31")).ok());
}

}  // namespace
}  // namespace estiba::net
