#include "cni/result.h"

#include "tests/golden.h"
#include "tests/support.h"

namespace estiba::cni {
namespace {

using ::testing::HasSubstr;

std::string Why(const std::string& text, Version version = Version::k110) {
  const auto result = ParseResult(text, version);
  return result.ok() ? "it was taken" : result.error().Message();
}

constexpr const char* kNewest = R"({"cniVersion": "1.1.0",
  "interfaces": [{"name": "br0", "mac": "02:00:00:00:00:01", "mtu": 9000},
                 {"name": "eth0", "sandbox": "/n", "socketPath": "/s", "pciID": "0000:00:1f.6"}],
  "ips": [{"interface": 1, "address": "10.1.0.2/24", "gateway": "10.1.0.1"},
          {"interface": 1, "address": "10.1.0.3/24"}, {"address": "fd00::2/64", "gateway": "fd00::1"}],
  "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.2.0.0/16", "gw": "10.1.0.9", "mtu": 1400, "advmss": 1360,
              "priority": 7, "table": 100, "scope": 0}, {"dst": "::/0", "gw": "fd00::1"}],
  "dns": {"nameservers": ["10.1.0.1"], "domain": "lan", "search": ["lan"], "options": ["ndots:2"]}})";

TEST(Result, IsWrittenInEveryVersionsForm) {
  ASSERT_OK_AND_ASSIGN(const AddResult result, ParseResult(kNewest, Version::k110));
  std::string text;
  for (const Version version : kVersions) text += ToJson(result, version).Dump(2) + "\n";
  estiba::testing::ExpectGolden("result.txt", text);
}

TEST(Result, ReadInAVersionSaysInItWhatItSaid) {
  ASSERT_OK_AND_ASSIGN(const AddResult newest, ParseResult(kNewest, Version::k110));
  for (const Version version : kVersions) {
    const codec::Json json = ToJson(newest, version);
    ASSERT_OK_AND_ASSIGN(const AddResult again, ParseResult(json.Dump(), Version::k110));
    EXPECT_EQ(ToJson(again, version), json) << ToString(version);
  }
}

TEST(Result, WithoutAVersionIsOfTheNetworks) {
  const char* old = R"({"ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0"}]}})";
  ASSERT_OK_AND_ASSIGN(const AddResult result, ParseResult(old, Version::k020));
  ASSERT_EQ(result.addresses.size(), 1U);
  EXPECT_EQ(ToString(result.addresses[0].address), "10.0.0.2/24");
  ASSERT_EQ(result.routes.size(), 1U);
  ASSERT_OK_AND_ASSIGN(const AddResult newer, ParseResult(old, Version::k100));
  EXPECT_TRUE(newer.addresses.empty());
}

TEST(Result, MinusOneIsNoInterface) {
  ASSERT_OK_AND_ASSIGN(const AddResult result,
                       ParseResult(R"({"ips": [{"interface": -1, "address": "10.0.0.2/24"}]})", Version::k100));
  EXPECT_FALSE(result.addresses[0].interface.has_value());
}

TEST(Result, RefusesWhatItCannotBe) {
  EXPECT_THAT(Why("what?"), HasSubstr("JSON"));
  EXPECT_THAT(Why("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(Why(R"({"cniVersion": "3.0.0"})"), HasSubstr("cniVersion '3.0.0'"));
  EXPECT_THAT(Why(R"({"ips": [{"address": "10.0.0.2"}]})"), HasSubstr("ips[0].address"));
  EXPECT_THAT(Why(R"({"ips": [{"address": "10.0.0.2/33"}]})"), HasSubstr("ips[0].address"));
  EXPECT_THAT(Why(R"({"ips": [{"interface": 0, "address": "10.0.0.2/24"}]})"),
              HasSubstr("no interface of that number"));
  EXPECT_THAT(Why(R"({"ips": [{"address": "10.0.0.2/24", "gateway": "there"}]})"), HasSubstr("ips[0].gateway"));
  EXPECT_THAT(Why(R"({"routes": [{"dst": "\u001b[31m/0"}]})"), HasSubstr("routes[0].dst: '[31m/0'"));
  EXPECT_THAT(Why(R"({"routes": [{"dst": "::/0", "mtu": -1}]})"), HasSubstr("routes[0].mtu"));
  EXPECT_THAT(Why(R"({"dns": []})"), HasSubstr("dns"));
  std::string many = R"({"ips": [)";
  for (std::size_t i = 0; i <= kMaxAddresses; ++i) many += std::string(i > 0 ? "," : "") + R"({"address":"::1/128"})";
  EXPECT_THAT(Why(many + "]}"), HasSubstr("too many addresses"));
  EXPECT_THAT(Why(std::string(100, '[')), HasSubstr("JSON"));
}

TEST(Error, IsOneLineOfWhatThePluginSaid) {
  auto error = ParseError("{\"cniVersion\":\"1.0.0\",\"code\":11,\"msg\":\"try\\nlater\",\"details\":\"busy\\u001b\"}");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->Message(), "try later: busy (CNI error 11)");
  EXPECT_EQ(error->code(), Code::kUnavailable);
  EXPECT_EQ(ParseError(R"({"code": 7, "msg": "bad"})")->code(), Code::kInvalidArgument);
  EXPECT_EQ(ParseError(R"({"code": 999, "msg": "bad"})")->code(), Code::kInternal);
  for (const char* text : {"", "{}", "[]", "no", R"({"code": "7", "msg": "x"})", R"({"code": 7})"})
    EXPECT_FALSE(ParseError(text).has_value()) << text;
}

TEST(Versions, AreThoseSupported) {
  ASSERT_OK_AND_ASSIGN(const auto versions,
                       ParseVersions(R"({"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]})"));
  EXPECT_EQ(versions, (std::vector<std::string>{"0.4.0", "1.0.0"}));
  EXPECT_FALSE(ParseVersions("7").ok());
}

}  // namespace
}  // namespace estiba::cni
