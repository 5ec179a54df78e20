#include "options/proxies.h"

#include "tests/support.h"

namespace estiba::cli {
namespace {

constexpr std::string_view kConfig = R"({"auths": {}, "proxies": {
  "default": {"httpProxy": "http://p:3128", "noProxy": "a,b", "httpsProxy": ""},
  "tcp://there:2376": {"allProxy": "socks5://s"}}})";

using Env = std::vector<std::string>;

Env With(Env env, const std::string& host) {
  EXPECT_TRUE(AddProxies(kConfig, host, &env).ok());
  return env;
}

TEST(Proxies, BothWaysOfWritingThem) {
  EXPECT_EQ(With({"A=b"}, "unix:///s"),
            (Env{"A=b", "HTTP_PROXY=http://p:3128", "http_proxy=http://p:3128", "NO_PROXY=a,b", "no_proxy=a,b"}));
}

TEST(Proxies, AnEngineOfItsOwnHasItsOwn) {
  EXPECT_EQ(With({}, "tcp://there:2376"), (Env{"ALL_PROXY=socks5://s", "all_proxy=socks5://s"}));
}

TEST(Proxies, WhatIsSaidForTheContainerWins) {
  EXPECT_EQ(With({"HTTP_PROXY=mine", "no_proxy"}, "unix:///s"),
            (Env{"HTTP_PROXY=mine", "no_proxy", "http_proxy=http://p:3128", "NO_PROXY=a,b"}));
}

TEST(Proxies, FilesWithoutThemAndFilesThatAreNone) {
  Env env;
  EXPECT_TRUE(AddProxies("{}", "unix:///s", &env).ok());
  EXPECT_TRUE(AddProxies(R"({"proxies": {}})", "unix:///s", &env).ok());
  EXPECT_TRUE(AddProxies(R"({"proxies": []})", "unix:///s", &env).ok());
  EXPECT_FALSE(AddProxies("{ half", "unix:///s", &env).ok());
  EXPECT_TRUE(env.empty());
}

}  // namespace
}  // namespace estiba::cli
