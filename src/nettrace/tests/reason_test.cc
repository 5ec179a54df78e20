#include "reason.h"

#include <cerrno>

#include <linux/netfilter.h>

#include "tests/support.h"

namespace estiba::nettrace {
namespace {

using ::testing::HasSubstr;

Ip Address(const char* text) {
  auto address = ParseIp(text);
  return address.ok() ? *address : Ip{};
}
IpPrefix Prefix(const char* text) {
  auto prefix = ParseIpPrefix(text);
  return prefix.ok() ? *prefix : IpPrefix{};
}

Facts MakeFacts() {
  Facts facts;
  facts.networks = {{"front", false, {Prefix("10.1.0.0/24")}, "br-front"},
                    {"back", false, {Prefix("10.2.0.0/24")}, "br-back"},
                    {"vault", true, {Prefix("10.3.0.0/24")}, "br-vault"}};
  facts.containers = {{"web", false, {{"front", {Address("10.1.0.2")}}}},
                      {"db", false, {{"back", {Address("10.2.0.2")}}}},
                      {"safe", false, {{"vault", {Address("10.3.0.2")}}}},
                      {"alone", false, {}}};
  facts.published = {{"web", Protocol::kTcp, Address("127.0.0.1"), 8080, 80}};
  return facts;
}

Stage DroppedByOurs(const char* destination) {
  Stage stage;
  stage.end = Stage::End::kDropped;
  stage.dropper = {NFPROTO_INET, "estiba", "to_bridge", "forward", "drop", 9};
  stage.flow = Flow{Address("10.1.0.2"), Address(destination), Protocol::kTcp, 40000, 80};
  return stage;
}

Question From(const char* source, const char* destination) {
  Question question;
  question.source = source;
  question.destination = Address(destination);
  return question;
}

TEST(ExplainDrop, TwoNetworksAreIsolated) {
  const Reason reason = ExplainDrop(MakeFacts(), From("web", "10.2.0.2"), DroppedByOurs("10.2.0.2"), "", "br-front",
                                    "br-back");
  EXPECT_EQ(reason.why, "networks 'front' and 'back' are isolated from each other");
  EXPECT_THAT(reason.next, HasSubstr("estiba network connect back web"));
}

TEST(ExplainDrop, AnInternalNetworkIsNamed) {
  const Stage stage = DroppedByOurs("10.3.0.2");
  EXPECT_THAT(ExplainDrop(MakeFacts(), From("web", "10.3.0.2"), stage, "", "br-front", "br-vault").why,
              HasSubstr("network 'vault' is internal"));
  EXPECT_THAT(ExplainDrop(MakeFacts(), From("", "10.3.0.2"), stage, "", "up0", "br-vault").why,
              HasSubstr("network 'vault' is internal"));
}

TEST(ExplainDrop, FromOutsideOnlyPublishedPortsAreReached) {
  const Reason reason = ExplainDrop(MakeFacts(), From("", "10.2.0.2"), DroppedByOurs("10.2.0.2"), "", "up0", "br-back");
  EXPECT_THAT(reason.why, HasSubstr("port 80/tcp of container 'db' is not published"));
}

TEST(ExplainDrop, TheRuleOfAnotherTableIsNamedWithoutGuessing) {
  Stage stage = DroppedByOurs("10.2.0.2");
  stage.dropper = {NFPROTO_IPV4, "filter", "FORWARD", "forward", "", 0};
  EXPECT_EQ(ExplainDrop(MakeFacts(), From("web", "10.2.0.2"), stage, "", "br-front", "br-back").why,
            "dropped by the policy of chain FORWARD in table ip filter");
  // A table of that name in a container is not ours.
  stage.dropper = {NFPROTO_INET, "estiba", "x", "input", "drop", 3};
  EXPECT_THAT(ExplainDrop(MakeFacts(), From("web", "10.2.0.2"), stage, "db", "eth0", "").why,
              HasSubstr("inside of container 'db'"));
}

TEST(ExplainNoListener, AnotherAddressIsShown) {
  const Flow flow{Address("10.1.0.9"), Address("10.1.0.2"), Protocol::kTcp, 40000, 80};
  const Reason reason = ExplainNoListener(MakeFacts(), "web", flow, {Address("127.0.0.1")});
  EXPECT_EQ(reason.why, "no listener on 10.1.0.2:80 in 'web' (it listens on 127.0.0.1:80)");
  EXPECT_EQ(ExplainNoListener(MakeFacts(), "web", flow, {}).why, "no listener on 10.1.0.2:80 in 'web'");
}

TEST(ExplainNoListener, APortOfLoopbackOnlyIsNamed) {
  Flow flow{Address("192.0.2.7"), Address("192.0.2.1"), Protocol::kTcp, 40000, 8080};
  EXPECT_THAT(ExplainNoListener(MakeFacts(), "", flow, {}).why, HasSubstr("is published on 127.0.0.1 only"));
  flow.port = 8081;
  EXPECT_EQ(ExplainNoListener(MakeFacts(), "", flow, {}).why, "no listener on 192.0.2.1:8081 of the host");
}

TEST(ExplainNoRoute, SaysWhyThereIsNone) {
  const Facts facts = MakeFacts();
  EXPECT_THAT(ExplainNoRoute(facts, "safe", Address("192.0.2.1"), ENETUNREACH).why, HasSubstr("'vault' is internal"));
  EXPECT_THAT(ExplainNoRoute(facts, "alone", Address("192.0.2.1"), ENETUNREACH).why, HasSubstr("is in no network"));
  EXPECT_EQ(ExplainNoRoute(facts, "web", Address("192.0.2.1"), ENETUNREACH).why,
            "container 'web' has no route to 192.0.2.1");
  EXPECT_THAT(ExplainNoRoute(facts, "", Address("192.0.2.1"), EXDEV).why, HasSubstr("reverse path filter"));
}

TEST(Takes, AnyAddressOfItsFamily) {
  EXPECT_TRUE(Takes(Address("0.0.0.0"), Address("10.1.0.2")));
  EXPECT_TRUE(Takes(Address("10.1.0.2"), Address("10.1.0.2")));
  EXPECT_FALSE(Takes(Address("127.0.0.1"), Address("10.1.0.2")));
  EXPECT_FALSE(Takes(Address("::"), Address("10.1.0.2")));
}

}  // namespace
}  // namespace estiba::nettrace
