// What is asked of CNI plugins, in their words.

#include "cni_arguments.h"
#include "tests/support.h"

namespace estiba::engine {
namespace {

using ::testing::HasSubstr;

TEST(CniArguments, AreInTheWordsOfThePluginsConventions) {
  CniWishes wishes;
  wishes.ports = {{net::Protocol::kTcp, ParseIp("127.0.0.1").value(), 8080, Ip{}, 80}};
  wishes.ips = {"10.1.0.5", "fd00::5"};
  wishes.mac = "02:00:00:00:00:05";
  wishes.aliases = {"shop"};
  wishes.dns_servers = {"192.0.2.1"};
  wishes.dns_searches = {"example"};
  wishes.cgroup_path = "/estiba/1";
  EXPECT_EQ(CapabilityArgs(wishes).Dump(),
            R"({"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"127.0.0.1"}],)"
            R"("ips":["10.1.0.5","fd00::5"],"mac":"02:00:00:00:00:05","aliases":["shop"],)"
            R"("dns":{"servers":["192.0.2.1"],"searches":["example"]},"cgroupPath":"/estiba/1"})");
  EXPECT_EQ(CapabilityArgs({}).Dump(), "{}");
}

TEST(CniArguments, WhatNoPluginTakesIsNamedWithItsFile) {
  const cni::NetworkFile network{"/etc/cni/net.d/10-web.conflist",
                                 cni::ParseConfList(R"({"cniVersion": "1.0.0", "name": "web", "plugins":
                                   [{"type": "bridge", "capabilities": {"ips": true, "mac": false}}]})").value()};
  ASSERT_OK(CheckCapability(network, kCniIps, "addresses to choose"));
  for (const char* other : {kCniMac, kCniPorts}) {
    const Status refused = CheckCapability(network, other, "such");
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().Message(), HasSubstr("network web has no such: no plugin in "
                                                     "'/etc/cni/net.d/10-web.conflist' declares the capability"));
  }
}

}  // namespace
}  // namespace estiba::engine
