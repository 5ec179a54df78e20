// What is decided about a container's networks and ports, without any.

#include "../endpoint_options.h"
#include "../gateway.h"
#include "../published.h"
#include "tests/support.h"

namespace estiba::engine {
namespace {

using net::PublishedPort;

TEST(Gateway, HighestPriorityThenFirstName) {
  EXPECT_EQ(ChooseGateway({}), std::nullopt);
  EXPECT_EQ(ChooseGateway({{"b", 0, true}, {"a", 0, true}}), 1U);
  EXPECT_EQ(ChooseGateway({{"b", 1, true}, {"a", 0, true}}), 0U);
  EXPECT_EQ(ChooseGateway({{"b", -1, true}, {"c", 0, true}, {"a", -1, true}}), 1U);
}

TEST(Gateway, WhatLeadsNowhereGivesNone) {
  EXPECT_EQ(ChooseGateway({{"a", 9, false}, {"b", 0, true}}), 1U);
  EXPECT_EQ(ChooseGateway({{"a", 9, false}}), std::nullopt);
}

TEST(EndpointOptions, AnInterfaceNameAndSettingsOfIt) {
  ASSERT_OK_AND_ASSIGN(const EndpointOptions options,
                       ParseEndpointOptions({{"com.docker.network.endpoint.ifname", "blue0"},
                                             {"com.docker.network.endpoint.sysctls",
                                              "net.ipv4.conf.IFNAME.forwarding=1,net.ipv6.conf.ifname.mtu=1280"}}));
  EXPECT_EQ(options.ifname, "blue0");
  const auto settings = options.SysctlsOf("eth3");
  ASSERT_EQ(settings.size(), 2U);
  EXPECT_EQ(settings[0], std::pair(std::string("ipv4/conf/eth3/forwarding"), std::string("1")));
  EXPECT_EQ(settings[1], std::pair(std::string("ipv6/conf/eth3/mtu"), std::string("1280")));
}

TEST(EndpointOptions, WhatWouldReachElsewhereIsRefused) {
  for (const char* text : {"net.ipv4.ip_forward=1", "net.ipv4.conf.all.forwarding=1", "net.ipv4.conf.IFNAME.x",
                           "net.ipv4.conf.IFNAME.x=", "net.ipv4.conf.IFNAME./../x=1", "kernel.a.b.IFNAME.c=1",
                           "net.ipv4...IFNAME.x=1", ""}) {
    EXPECT_FALSE(ParseEndpointOptions({{"com.docker.network.endpoint.sysctls", text}}).ok()) << text;
  }
  for (const char* name : {"", "lo", "..", "a/b", "a b", "0123456789abcdef", "all"}) {
    EXPECT_FALSE(ParseEndpointOptions({{"com.docker.network.endpoint.ifname", name}}).ok()) << name;
  }
  EXPECT_FALSE(ParseEndpointOptions({{"other", "1"}}).ok());
}

Ip Address(const char* text) { return ParseIp(text).value(); }

PublishedPort Port(std::uint16_t host, std::uint16_t container, const char* host_ip = "0.0.0.0") {
  return {net::Protocol::kTcp, Address(host_ip), host, Address("172.17.0.2"), container};
}

apitypes::ContainerCreate Publishing(apitypes::PortMap bindings) {
  apitypes::ContainerCreate create;
  create.host_config.port_bindings = std::move(bindings);
  return create;
}

TEST(Published, EveryRequestKeepsWhatItHas) {
  const auto any = net::ParsePublish("80").value()[0];
  const auto fixed = net::ParsePublish("8080:80").value()[0];
  const auto local = net::ParsePublish("127.0.0.1::80").value()[0];
  const std::vector<PublishedPort> held = {Port(8080, 80), Port(40000, 80), Port(50000, 80, "127.0.0.1")};
  const auto shares = SharePublished({any, fixed, local}, held);
  EXPECT_EQ(shares[0], std::vector<PublishedPort>{Port(40000, 80)});
  EXPECT_EQ(shares[1], std::vector<PublishedPort>{Port(8080, 80)});
  EXPECT_EQ(shares[2], std::vector<PublishedPort>{Port(50000, 80, "127.0.0.1")});
}

TEST(Published, BothFamiliesOfARequestStayTogether) {
  PublishedPort six = Port(8080, 80, "::");
  six.container_ip = Address("fd00::2");
  const auto shares = SharePublished(net::ParsePublish("80").value(), {Port(8080, 80), six});
  EXPECT_EQ(shares[0].size(), 2U);
  const auto led = LeadTo(shares[0], {ParseIpPrefix("10.0.0.9/8").value()});
  ASSERT_EQ(led.size(), 1U);  // it has no IPv6 address there
  EXPECT_EQ(led[0].container_ip, Address("10.0.0.9"));
}

TEST(Published, WhatIsOpenedOfTheContainersOwnGoesWithIt) {
  const PublishedPort opened = Port(0, 80);
  const auto shares = SharePublished(net::ParsePublish("8080:80").value(), {opened, Port(8080, 80)});
  EXPECT_EQ(shares[0].size(), 2U);
}

TEST(Published, BindingsAreAddedOnce) {
  auto create = Publishing({{"80/tcp", {{"", "8080"}}}});
  ASSERT_OK_AND_ASSIGN(const auto added, AddBindings({"127.0.0.1:9000-9001:80-81", "80"}, create));
  EXPECT_EQ(added.size(), 3U);
  EXPECT_EQ(create.host_config.port_bindings["80/tcp"],
            (std::vector<apitypes::PortBinding>{{"", "8080"}, {"127.0.0.1", "9000"}, {"", ""}}));
  EXPECT_EQ(AddBindings({"8080:80"}, create).error().code(), Code::kConflict);
}

TEST(Published, WhatIsLeftOutStandsForAll) {
  auto create = Publishing({{"80/tcp", {{"", "8080"}, {"127.0.0.1", "9000"}}}, {"81/tcp", {}}});
  const std::vector<PublishedPort> held = {Port(8080, 80), Port(9000, 80, "127.0.0.1"), Port(40000, 81)};
  EXPECT_EQ(RemoveBindings({"8081:80"}, held, create).error().code(), Code::kNotFound);
  auto copy = create;
  ASSERT_OK_AND_ASSIGN(auto gone, RemoveBindings({"127.0.0.1:9000:80"}, held, copy));
  EXPECT_EQ(gone, std::vector<PublishedPort>{held[1]});
  EXPECT_EQ(copy.host_config.port_bindings.at("80/tcp").size(), 1U);
  copy = create;
  gone = RemoveBindings({"80"}, held, copy).value();
  EXPECT_EQ(gone.size(), 2U);
  EXPECT_FALSE(copy.host_config.port_bindings.contains("80/tcp"));
  // One that was chosen goes by the number it got.
  gone = RemoveBindings({"40000:81"}, held, create).value();
  EXPECT_EQ(gone, std::vector<PublishedPort>{held[2]});
}

TEST(Published, OfAllThatAreExposedOneMayGo) {
  apitypes::ContainerCreate create;
  create.config.exposed_ports = {"80/tcp", "81/tcp"};
  create.host_config.publish_all_ports = true;
  const std::vector<PublishedPort> held = {Port(40000, 80), Port(40001, 81)};
  ASSERT_OK_AND_ASSIGN(const auto gone, RemoveBindings({"80"}, held, create));
  EXPECT_EQ(gone, std::vector<PublishedPort>{held[0]});
  EXPECT_FALSE(create.host_config.publish_all_ports);
  EXPECT_TRUE(create.host_config.port_bindings.contains("81/tcp"));
}

}  // namespace
}  // namespace estiba::engine
