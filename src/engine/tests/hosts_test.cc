#include "engine/hosts.h"

#include "tests/support.h"

namespace estiba::engine {
namespace {

std::string Where(const std::string& text, bool tls = false) {
  const auto host = ParseListenHost(text, tls);
  if (!host.ok()) return host.error().Message();
  return host->kind == ListenHost::Kind::kTcp ? WithPort(host->address, host->port) : host->path;
}

Config With(std::optional<bool> tls, std::optional<bool> verify) {
  Config config = DefaultConfig(false, 0);
  config.tls = tls;
  config.tlsverify = verify;
  return config;
}

TEST(ListenHost, IsReadAsDockerdReadsIt) {
  EXPECT_EQ(Where("tcp://192.0.2.1:2376"), "192.0.2.1:2376");
  EXPECT_EQ(Where("tcp://[::1]:99"), "[::1]:99");
  EXPECT_EQ(Where("tcp://[::1]"), "[::1]:2375");
  EXPECT_EQ(Where("tcp://"), "127.0.0.1:2375");
  EXPECT_EQ(Where("tcp://", /*tls=*/true), "127.0.0.1:2376");
  EXPECT_EQ(Where("tcp://:80"), "127.0.0.1:80");
  EXPECT_EQ(Where("tcp://localhost:80"), "127.0.0.1:80");
  EXPECT_EQ(Where("unix:///run/other.sock"), "/run/other.sock");
  EXPECT_EQ(ParseListenHost("fd://", false)->kind, ListenHost::Kind::kPassed);
}

TEST(ListenHost, WhatIsNoneIsRefused) {
  EXPECT_EQ(Where("tcp://engine.test:80"),
            "host 'tcp://engine.test:80': 'engine.test' is no address, and names are not looked up");
  EXPECT_EQ(Where("tcp://127.0.0.1:0"), "host 'tcp://127.0.0.1:0': '0' is no port");
  EXPECT_EQ(Where("tcp://127.0.0.1:65536"), "host 'tcp://127.0.0.1:65536': '65536' is no port");
  EXPECT_EQ(Where("unix://run/x"), "host 'unix://run/x': must name an absolute path");
  for (const char* text : {"", "ssh://me@there", "127.0.0.1:80", "fd://3"})
    EXPECT_EQ(Where(text), "host '" + std::string(text) + "': must be tcp://ADDRESS:PORT, unix:///PATH or fd://");
}

TEST(Tls, IsAskedForByEitherFlag) {
  EXPECT_FALSE(SpeaksTls(With({}, {})));
  EXPECT_TRUE(SpeaksTls(With(true, {})));
  EXPECT_TRUE(SpeaksTls(With({}, true)));
  EXPECT_TRUE(SpeaksTls(With({}, false)));
  EXPECT_FALSE(SpeaksTls(With(false, {})));
  EXPECT_TRUE(VerifiesClients(With({}, true)));
  EXPECT_FALSE(VerifiesClients(With(true, {})));
}

TEST(Exposure, APortForAnybodyElsewhereHasToBeSaid) {
  const Ip everywhere = *ParseIp("0.0.0.0");
  const Ip here = *ParseIp("127.0.0.1");
  EXPECT_FALSE(CheckExposure(With({}, {}), everywhere, 2375).ok());
  EXPECT_FALSE(CheckExposure(With(true, {}), everywhere, 2376).ok());
  EXPECT_TRUE(CheckExposure(With({}, true), everywhere, 2376).ok());
  EXPECT_TRUE(CheckExposure(With(false, {}), everywhere, 2375).ok());
  EXPECT_TRUE(CheckExposure(With({}, false), everywhere, 2376).ok());
  EXPECT_TRUE(CheckExposure(With({}, {}), here, 2375).ok());
  EXPECT_TRUE(CheckExposure(With({}, {}), *ParseIp("::1"), 2375).ok());
}

TEST(Hosts, AreCheckedTogether) {
  Config config = With(false, true);
  EXPECT_FALSE(ParseHosts(config).ok());
  config = With({}, {});
  config.hosts = {"tcp://127.0.0.1:1", "tcp://0.0.0.0:2"};
  EXPECT_FALSE(ParseHosts(config).ok());
  config.tlsverify = true;
  ASSERT_OK_AND_ASSIGN(const auto hosts, ParseHosts(config));
  EXPECT_EQ(hosts.size(), 2U);
}

}  // namespace
}  // namespace estiba::engine
