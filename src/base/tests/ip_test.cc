#include "base/ip.h"

#include <gtest/gtest.h>

namespace estiba {
namespace {

TEST(Ip, BothFamiliesGoThroughTextAndBack) {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "fd00::1", "::", "2001:db8::ff00:42:8329"})
    EXPECT_EQ(ToString(ParseIp(text).value()), text);
  EXPECT_EQ(ParseIp("10.0.0.1").value().Bytes(), std::string("\x0a\0\0\x01", 4));
  EXPECT_EQ(ParseIp("fd00::1").value().Bytes().size(), 16U);
}

TEST(Ip, WhatIsNoAddressIsRefused) {
  for (const char* text : {"", "10.0.0", "10.0.0.01", "10.0.0.256", "fd00:::1", "fe80::1%eth0", "[::1]", "::g"})
    EXPECT_FALSE(ParseIp(text).ok()) << text;
  EXPECT_FALSE(ParseIp(std::string_view("::1\0", 4)).ok());
  EXPECT_FALSE(Ip::FromBytes("abc").ok());
  EXPECT_EQ(ToString(Ip::FromBytes("\x0a\x01\x01\x01").value()), "10.1.1.1");
}

TEST(IpPrefix, ANetworkHasNoHostBits) {
  EXPECT_EQ(ToString(ParseIpPrefix("10.1.2.3/20").value().Network()), "10.1.0.0/20");
  EXPECT_EQ(ToString(ParseIpPrefix("fd00:1:2:3::4/60").value().Network()), "fd00:1:2::/60");
  EXPECT_EQ(ToString(ParseIpPrefix("10.1.2.3/0").value().Network()), "0.0.0.0/0");
  EXPECT_EQ(ToString(ParseIpPrefix("10.1.2.3/22").value().Last()), "10.1.3.255");
}

TEST(IpPrefix, ContainsAddressesOfItsFamilyOnly) {
  const IpPrefix four = ParseIpPrefix("10.0.1.1/24").value();
  EXPECT_TRUE(four.Contains(ParseIp("10.0.1.200").value()));
  EXPECT_FALSE(four.Contains(ParseIp("10.0.2.1").value()));
  EXPECT_TRUE(ParseIpPrefix("172.18.4.2/20").value().Contains(ParseIp("172.18.15.255").value()));
  EXPECT_FALSE(ParseIpPrefix("172.18.4.2/20").value().Contains(ParseIp("172.18.16.0").value()));
  EXPECT_FALSE(ParseIpPrefix("1.2.3.4/32").value().Contains(ParseIp("1.2.3.5").value()));
  EXPECT_FALSE(ParseIpPrefix("0.0.0.0/0").value().Contains(ParseIp("::").value()));
}

TEST(IpPrefix, ALengthIsNeededUnlessABareAddressIsAllowed) {
  EXPECT_FALSE(ParseIpPrefix("10.0.0.1").ok());
  EXPECT_EQ(ParseIpPrefix("10.0.0.1", /*bare=*/true).value().length, 32U);
  EXPECT_EQ(ParseIpPrefix("::1", /*bare=*/true).value().length, 128U);
  for (const char* text : {"10.0.0.1/33", "10.0.0.1/", "::/129", "10.0.0.1/-1"}) EXPECT_FALSE(ParseIpPrefix(text).ok());
}

}  // namespace
}  // namespace estiba
