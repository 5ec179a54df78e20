#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/capture.h"

namespace estiba::lab {
namespace {

using ::testing::HasSubstr;

std::string Ethernet(const std::string& type, const std::string& payload) {
  return std::string(12, '\x02') + type + payload;
}

// An IPv4 packet from 10.0.0.1 to 10.0.0.2.
std::string Ip4(char protocol, const std::string& body, const std::string& fragment = std::string(2, '\0'),
                char head = '\x45') {
  std::string packet(20, '\0');
  packet[0] = head;
  packet.replace(6, 2, fragment);
  packet[9] = protocol;
  packet.replace(12, 8, std::string("\x0a\0\0\x01\x0a\0\0\x02", 8));
  return Ethernet(std::string("\x08\x00", 2),
                  packet + std::string((static_cast<unsigned>(head) & 0xfU) * 4 - 20, '\0') + body);
}

std::string Ip6(char next, const std::string& body) {
  std::string packet(40, '\0');
  packet[6] = next;
  packet[23] = 1;
  packet[39] = 2;
  return Ethernet("\x86\xdd", packet + body);
}

const std::string kPorts("\x04\xd2\x00\x50", 4);  // 1234 to 80

bool Holds(const std::vector<std::string>& words, const std::string& frame) {
  const auto filter = ParseFilter(words);
  EXPECT_TRUE(filter.ok());
  return filter.ok() && Matches(*filter, frame);
}

TEST(Filter, ProtocolsAreToldApart) {
  const std::string tcp = Ip4(6, kPorts), udp6 = Ip6(17, kPorts), icmp = Ip4(1, "abcdefgh"),
                    icmp6 = Ip6(58, "abcdefgh");
  const std::string arp = Ethernet("\x08\x06", std::string(28, '\0'));
  EXPECT_TRUE(Holds({}, tcp) && Holds({}, "short") && Holds({"ip"}, tcp) && Holds({"tcp"}, tcp) &&
              Holds({"ip6"}, udp6));
  EXPECT_TRUE(Holds({"udp"}, udp6) && Holds({"icmp"}, icmp) && Holds({"icmp6"}, icmp6) && Holds({"arp"}, arp));
  EXPECT_FALSE(Holds({"udp"}, tcp) || Holds({"icmp"}, icmp6) || Holds({"ip"}, arp) || Holds({"arp"}, tcp));
}

TEST(Filter, HostsAndPortsAreOfEitherSide) {
  const std::string tcp = Ip4(6, kPorts), udp6 = Ip6(17, kPorts);
  EXPECT_TRUE(Holds({"host", "10.0.0.1"}, tcp) && Holds({"host", "10.0.0.2"}, tcp) && Holds({"host", "::2"}, udp6));
  EXPECT_TRUE(Holds({"port", "80"}, tcp) && Holds({"tcp", "host", "10.0.0.1", "port", "1234"}, tcp));
  EXPECT_FALSE(Holds({"host", "10.0.0.3"}, tcp) || Holds({"port", "81"}, tcp) || Holds({"port", "80"}, Ip4(1, kPorts)));
}

TEST(Filter, OptionsAreSkippedAndLaterFragmentsHaveNoPorts) {
  EXPECT_TRUE(Holds({"port", "80"}, Ip4(6, kPorts, std::string(2, '\0'), '\x47')));
  EXPECT_FALSE(Holds({"port", "80"}, Ip4(6, kPorts, std::string("\x00\x10", 2))));
}

TEST(Filter, NoCutIsReadBeyond) {
  for (const std::string& whole : {Ip4(6, kPorts), Ip6(17, kPorts), Ethernet("\x08\x06", std::string(28, 'a'))})
    for (std::size_t length = 0; length < whole.size(); ++length)
      EXPECT_FALSE(Holds({"host", "192.0.2.1", "port", "9"}, whole.substr(0, length)));
}

TEST(Filter, WhatIsNoWordOfItIsNamed) {
  EXPECT_THAT(ParseFilter({"vlan"}).error().ToString(), HasSubstr("'vlan' does not belong into a filter"));
  EXPECT_FALSE(ParseFilter({"tcp", "udp"}).ok());
  EXPECT_FALSE(ParseFilter({"host"}).ok());
  EXPECT_FALSE(ParseFilter({"port", "65536"}).ok());
}

}  // namespace
}  // namespace estiba::lab
