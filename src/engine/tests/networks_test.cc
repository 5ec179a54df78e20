// What networks are told, and records that earlier engines wrote.

#include "networks.h"

#include <gmock/gmock.h>

#include "bridge_options.h"
#include "tests/support.h"

namespace estiba::engine {
namespace {

using net::GatewayMode;
using ::testing::HasSubstr;

Result<BridgeOptions> Parse(const std::string& key, const std::string& value, bool internal = false) {
  return ParseBridgeOptions({{"com.docker.network." + key, value}}, internal);
}

TEST(BridgeOptions, AreReadAsDockerWritesThem) {
  const auto options = ParseBridgeOptions({{"com.docker.network.bridge.enable_icc", "false"},
                                           {"com.docker.network.bridge.enable_ip_masquerade", "0"},
                                           {"com.docker.network.bridge.gateway_mode_ipv6", "routed"},
                                           {"com.docker.network.bridge.host_binding_ipv4", "127.0.0.1"},
                                           {"com.docker.network.bridge.trusted_host_interfaces", "eth1:eth2"},
                                           {"com.docker.network.container_iface_prefix", "lan"}},
                                          false);
  ASSERT_OK(options);
  EXPECT_FALSE(options->connects || options->masquerade);
  EXPECT_EQ(options->Mode(true), GatewayMode::kRouted);
  EXPECT_EQ(options->Mode(false), GatewayMode::kNat);
  EXPECT_EQ(ToString(*options->bind_ipv4), "127.0.0.1");
  EXPECT_EQ(options->trusted, (std::vector<std::string>{"eth1", "eth2"}));
  EXPECT_EQ(options->interface_prefix, "lan");
}

TEST(BridgeOptions, WhatIsWrongIsNamed) {
  for (const auto& [key, value] : {std::pair("bridge.enable_icc", "perhaps"), {"bridge.host_binding_ipv4", "::1"},
                                   {"bridge.host_binding_ipv6", "127.0.0.1"}, {"bridge.name", "a/b"},
                                   {"bridge.name", "sixteen-letters-"},
                                   {"bridge.trusted_host_interfaces", "eth0::eth1"},
                                   {"bridge.gateway_mode_ipv4", "upside-down"}, {"driver.mtu", "67"}}) {
    const auto options = Parse(key, value);
    ASSERT_FALSE(options.ok()) << key;
    EXPECT_THAT(options.error().Message(), HasSubstr(key)) << value;
  }
  EXPECT_THAT(Parse("host_ipv5", "192.0.2.1").error().Message(), HasSubstr("is not supported by this engine"));
  EXPECT_FALSE(Parse("bridge.gateway_mode_ipv4", "isolated").ok());
  EXPECT_TRUE(Parse("bridge.gateway_mode_ipv4", "isolated", /*internal=*/true).ok());
}

TEST(BridgeOptions, AnAddressToLeaveWithIsForNetworksThatTranslate) {
  EXPECT_EQ(ToString(*Parse("host_ipv4", "192.0.2.1")->source_ipv4), "192.0.2.1");
  EXPECT_EQ(ToString(*Parse("host_ipv6", "2001:db8::1")->source_ipv6), "2001:db8::1");
  EXPECT_EQ(ToString(*ParseBridgeOptions({{"outbound_addr4", "192.0.2.1"}}, false)->source_ipv4), "192.0.2.1");
  for (const auto& [key, value] : {std::pair("host_ipv4", "2001:db8::1"), {"host_ipv6", "192.0.2.1"},
                                   {"host_ipv4", "0.0.0.0"}, {"host_ipv4", ""}})
    EXPECT_THAT(Parse(key, value).error().Message(), HasSubstr(key)) << value;
  for (const auto& [key, value] : {std::pair("bridge.gateway_mode_ipv4", "routed"),
                                   {"bridge.enable_ip_masquerade", "false"}}) {
    const auto refused = ParseBridgeOptions({{"com.docker.network.host_ipv4", "192.0.2.1"},
                                             {std::string("com.docker.network.") + key, value}}, false);
    EXPECT_THAT(refused.error().Message(), HasSubstr("no address is translated")) << key;
  }
  EXPECT_FALSE(Parse("host_ipv4", "192.0.2.1", /*internal=*/true).ok());
}

TEST(BridgeOptions, PodmansOfVlansAndVrfsAreReadAndWhatIsWrongIsNamed) {
  ASSERT_OK_AND_ASSIGN(const BridgeOptions options, ParseBridgeOptions({{"vlan", "4094"}, {"vrf", "red"}}, false));
  EXPECT_EQ(options.vlan, 4094U);
  EXPECT_EQ(options.vrf, "red");
  for (const auto& [key, value] : {std::pair("vlan", "0"), {"vlan", "4095"}, {"vlan", "ten"}, {"vrf", ""},
                                   {"vrf", "a/b"}, {"mode", "perhaps"}})
    EXPECT_THAT(ParseBridgeOptions({{key, value}}, false).error().Message(), HasSubstr(std::string(key) + '=' + value));
  const auto theirs = ParseBridgeOptions(
      {{"mode", "unmanaged"}, {"com.docker.network.bridge.name", "br0"}, {"vrf", "red"}}, false);
  EXPECT_THAT(theirs.error().Message(), HasSubstr("not ours to put into a VRF"));
}

codec::Json Json(const char* text) { return codec::ParseJson(text).value(); }

TEST(NetworkRecord, OfAnEarlierEngineHasItsOneSubnet) {
  ASSERT_OK_AND_ASSIGN(const NetworkRecord record, NetworkRecord::FromJson(Json(R"({"id": "0123", "name": "web",
    "driver": "bridge", "subnet": "172.18.0.0/16", "gateway": "172.18.0.1", "range": "172.18.1.0/24",
    "bridge": "est-0123", "mtu": 1500})")));
  ASSERT_EQ(record.pools.size(), 1U);
  EXPECT_TRUE(record.ipv4 && !record.ipv6);
  EXPECT_EQ(ToString(record.pools[0].subnet), "172.18.0.0/16");
  EXPECT_EQ(ToString(record.pools[0].gateway), "172.18.0.1");
  EXPECT_EQ(ToString(*record.pools[0].range), "172.18.1.0/24");
  ASSERT_OK_AND_ASSIGN(const NetworkRecord host, NetworkRecord::FromJson(Json(R"({"id": "01", "name": "host",
    "driver": "host", "subnet": "0.0.0.0/0", "gateway": "0.0.0.0"})")));
  EXPECT_TRUE(host.pools.empty());
}

TEST(NetworkRecord, ComesBackWithAllItsPools) {
  NetworkRecord record;
  record.id = record.name = "n";
  record.driver = "bridge";
  record.ipv6 = true;
  const auto four = ParseIpPrefix("10.7.0.0/24").value();
  const auto six = ParseIpPrefix("fd07::/64").value();
  record.pools = {{four, ParseIp("10.7.0.1").value(), {}, {{"other", ParseIp("10.7.0.9").value()}}},
                  {six, ParseIp("fd07::1").value(), ParseIpPrefix("fd07::100/120").value().Network(), {}}};
  record.options = {{"com.docker.network.bridge.inhibit_ipv4", "true"}};
  ASSERT_OK_AND_ASSIGN(const NetworkRecord again, NetworkRecord::FromJson(record.ToJson()));
  EXPECT_EQ(again.ToJson().Dump(), record.ToJson().Dump());
  EXPECT_TRUE(again.HasSubnetFor(ParseIp("fd07::5").value()) && !again.HasSubnetFor(ParseIp("fd08::5").value()));
  const net::BridgeSpec bridge = again.Bridge();
  ASSERT_EQ(bridge.gateways.size(), 1U);
  EXPECT_EQ(ToString(bridge.gateways[0]), "fd07::1/64");
  EXPECT_EQ(bridge.bare, std::vector{four});
}

TEST(Endpoint, OfAnEarlierEngineHasItsOneAddress) {
  ASSERT_OK_AND_ASSIGN(const Endpoint endpoint, Endpoint::FromJson(Json(R"({"network_id": "0123", "id": "45",
    "address": "172.18.0.2", "prefix": 16, "gateway": "172.18.0.1", "mac": "02:42:ac:12:00:02"})")));
  EXPECT_EQ(ToString(*endpoint.Address(false)), "172.18.0.2/16");
  EXPECT_EQ(ToString(*endpoint.Gateway(false)), "172.18.0.1");
  EXPECT_FALSE(endpoint.Address(true) || endpoint.Gateway(true));
  ASSERT_OK_AND_ASSIGN(const Endpoint again, Endpoint::FromJson(endpoint.ToJson()));
  EXPECT_EQ(again.addresses, endpoint.addresses);
}

Endpoint WithAddresses(std::vector<std::string> texts, const char* mac = nullptr) {
  Endpoint endpoint;
  for (const std::string& text : texts) endpoint.addresses.push_back(ParseIpPrefix(text).value());
  endpoint.mac = mac == nullptr ? net::MacFor(endpoint.addresses[0].address) : net::ParseMac(mac).value();
  return endpoint;
}

TEST(Endpoint, ItsHardwareAddressIsToldByEachOfItsAddresses) {
  EXPECT_TRUE(WithAddresses({"172.18.0.2/16"}).HasToldMac());
  EXPECT_TRUE(WithAddresses({"fd00::1:0:2/64"}).HasToldMac());
  EXPECT_TRUE(WithAddresses({"172.18.1.2/16", "fd00::102/64"}).HasToldMac());
  EXPECT_FALSE(WithAddresses({"172.18.0.2/16"}, "02:00:00:00:00:07").HasToldMac());
  EXPECT_FALSE(WithAddresses({"172.18.0.9/16", "fd00::2/64"}).HasToldMac());
  EXPECT_FALSE(WithAddresses({"172.18.0.2/16", "169.254.0.2/16"}).HasToldMac());
}

TEST(NetworkRecord, TellsHardwareAddressesWhereContainersAreAlone) {
  NetworkRecord record;
  record.id = "0123456789abcdef";
  record.name = "blue";
  record.driver = "bridge";
  record.bridge = "est-0123456789a";
  record.pools.resize(1);
  EXPECT_TRUE(record.HasToldMacs());
  NetworkRecord named = record;
  named.bridge = "br0";
  EXPECT_FALSE(named.HasToldMacs());
  NetworkRecord two = record;
  two.pools.resize(2);
  EXPECT_FALSE(two.HasToldMacs());
  record.remembered_macs = true;
  ASSERT_OK_AND_ASSIGN(const NetworkRecord again, NetworkRecord::FromJson(record.ToJson()));
  EXPECT_FALSE(again.HasToldMacs());
}

}  // namespace
}  // namespace estiba::engine
