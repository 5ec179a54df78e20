#include "dns/resolve.h"

#include "packets.h"
#include "tests/support.h"

namespace estiba::dns {
namespace {

using testing::Addresses;
using testing::Answer;
using testing::Asked;
using testing::Packet;
using Kind = Decision::Kind;

Membership In(const std::string& network, const std::string& address, std::vector<std::string> aliases = {}) {
  return {"id-" + network, network, ParseIpPrefix(address).value(), std::move(aliases)};
}

Endpoint Container(const std::string& name, std::vector<Membership> networks) {
  Endpoint endpoint;
  endpoint.id = "id-" + name;
  endpoint.names = {name, "c0ffee-" + name};
  endpoint.networks = std::move(networks);
  endpoint.servers = {ParseServer("192.0.2.1").value()};
  return endpoint;
}

class Names : public ::testing::Test {
 protected:
  Names() {
    zone_.Put(Container("web", {In("Blue", "172.18.0.2/16", {"shop"}), In("red", "172.19.0.2/16")}));
    zone_.Put(Container("db", {In("Blue", "172.18.0.3/16", {"shop", "data.base"})}));
    zone_.Put(Container("far", {In("green", "172.20.0.2/16", {"shop"})}));
  }

  Decision Ask(const Asked& asked, const std::string& who = "web") {
    return Resolve(zone_, zone_.Find("id-" + who), Packet(asked), Transport::kUdp);
  }
  Answer AskRead(const Asked& asked, const std::string& who = "web") {
    const Decision decision = Ask(asked, who);
    EXPECT_EQ(decision.kind, Kind::kAnswer) << asked.name;
    const Answer answer = testing::Read(decision.answer);
    EXPECT_TRUE(answer.whole && answer.response);
    return answer;
  }
  using Texts = std::vector<std::string>;
  Zone zone_;
};

TEST_F(Names, AMemberIsKnownByNameIdAndAliasInAnyCase) {
  for (const char* name : {"db", "DB", "c0ffee-db", "data.base", "db.blue", "Db.BLUE", "data.base.blue"}) {
    const Answer answer = AskRead({.name = name});
    EXPECT_EQ(Addresses(answer), Texts{"172.18.0.3"}) << name;
    EXPECT_TRUE(answer.authoritative);
    EXPECT_EQ(answer.records[0].ttl, 0U);
  }
}

TEST_F(Names, ALinkIsTheAskersAlone) {
  Membership linked = In("Blue", "172.18.0.4/16");
  linked.links = {{"Data", "db"}, {"web", "db"}, {"gone", "nobody"}};
  zone_.Put(Container("linked", {linked}));
  for (const char* name : {"data", "DATA", "data.blue", "web", "db"})
    EXPECT_EQ(Addresses(AskRead({.name = name}, "linked")), Texts{"172.18.0.3"}) << name;
  EXPECT_EQ(Ask({.name = "gone"}, "linked").kind, Kind::kForward);
  EXPECT_EQ(Ask({.name = "data"}).kind, Kind::kForward);
}

TEST_F(Names, OneFindsItself) { EXPECT_EQ(Addresses(AskRead({.name = "web"})), Texts{"172.18.0.2"}); }

TEST_F(Names, TheNetworkInTheNameDecides) {
  EXPECT_EQ(Addresses(AskRead({.name = "web.red"})), Texts{"172.19.0.2"});
  EXPECT_EQ(Ask({.name = "db.red"}).kind, Kind::kForward);
}

TEST_F(Names, OthersNetworksAreNotSeen) {
  EXPECT_EQ(Ask({.name = "far"}).kind, Kind::kForward);
  EXPECT_EQ(Ask({.name = "far.green"}).kind, Kind::kForward);
  EXPECT_EQ(Ask({.name = "web"}, "far").kind, Kind::kForward);
  EXPECT_EQ(Ask({.name = "web.red"}, "db").kind, Kind::kForward);
}

TEST_F(Names, ANameOfSeveralTakesTurns) {
  const Texts first = Addresses(AskRead({.name = "shop"}));
  const Texts second = Addresses(AskRead({.name = "shop"}));
  EXPECT_EQ(first.size(), 2U);
  EXPECT_EQ(second, (Texts{first[1], first[0]}));
  EXPECT_EQ(Addresses(AskRead({.name = "shop"}, "far")), Texts{"172.20.0.2"});
}

TEST_F(Names, AKnownNameWithoutSuchARecordIsNotAMissingName) {
  for (const Type type : {Type::kAaaa, Type::kPtr, Type::kSrv, static_cast<Type>(15), static_cast<Type>(65)}) {
    const Answer answer = AskRead({.name = "db", .type = type});
    EXPECT_EQ(answer.rcode, 0U);
    EXPECT_TRUE(answer.records.empty());
  }
}

TEST_F(Names, SixesAreAaaa) {
  zone_.Put(Container("six", {In("Blue", "fd00::6/64")}));
  EXPECT_EQ(Addresses(AskRead({.name = "six", .type = Type::kAaaa})), Texts{"fd00::6"});
  EXPECT_EQ(Addresses(AskRead({.name = "six", .type = Type::kAny})), Texts{"fd00::6"});
  EXPECT_TRUE(AskRead({.name = "six"}).records.empty());
}

TEST_F(Names, AddressesHaveNames) {
  const Answer answer = AskRead({.name = "3.0.18.172.in-addr.arpa", .type = Type::kPtr});
  ASSERT_EQ(answer.records.size(), 1U);
  EXPECT_EQ(answer.records[0].data, "db.blue");
  zone_.Put(Container("six", {In("Blue", "fd00::6/64")}));
  const std::string six = "6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
  ASSERT_EQ(AskRead({.name = six, .type = Type::kPtr}, "six").records.size(), 1U);
}

TEST_F(Names, NobodyIsAskedAboutFreeAddressesOfOurNetworks) {
  EXPECT_EQ(AskRead({.name = "9.9.18.172.in-addr.arpa", .type = Type::kPtr}).rcode, 3U);
  EXPECT_EQ(Ask({.name = "2.0.20.172.in-addr.arpa", .type = Type::kPtr}).kind, Kind::kForward);  // green's
  EXPECT_EQ(Ask({.name = "300.0.18.172.in-addr.arpa", .type = Type::kPtr}).kind, Kind::kForward);
  EXPECT_EQ(Ask({.name = "18.172.in-addr.arpa", .type = Type::kPtr}).kind, Kind::kForward);
}

TEST_F(Names, ServicesTellTheirPorts) {
  Endpoint api = Container("api", {In("Blue", "172.18.0.9/16", {"shop"})});
  api.services = {{"8080", "tcp", 8080}, {"53", "udp", 53}};
  zone_.Put(api);
  for (const char* name : {"_8080._tcp.api", "_8080._tcp.shop", "_8080._TCP.api.blue"}) {
    const Answer answer = AskRead({.name = name, .type = Type::kSrv});
    ASSERT_EQ(answer.records.size(), 1U) << name;
    EXPECT_EQ(answer.records[0].data, "0 1 8080 api.blue");
  }
  EXPECT_EQ(AskRead({.name = "_8080._udp.api", .type = Type::kSrv}).rcode, 3U);
  EXPECT_EQ(Ask({.name = "_8080._tcp.else", .type = Type::kSrv}).kind, Kind::kForward);
}

TEST_F(Names, WhoLeavesIsForgottenAndWhoMovesIsFound) {
  zone_.Put(Container("db", {In("Blue", "172.18.0.33/16")}));
  EXPECT_EQ(Addresses(AskRead({.name = "db"})), Texts{"172.18.0.33"});
  EXPECT_EQ(AskRead({.name = "3.0.18.172.in-addr.arpa", .type = Type::kPtr}).rcode, 3U);
  EXPECT_EQ(Addresses(AskRead({.name = "shop"})), Texts{"172.18.0.2"});
  zone_.Remove("id-db");
  EXPECT_EQ(Ask({.name = "db"}).kind, Kind::kForward);
  zone_.Remove("id-db");
}

TEST_F(Names, AnInternalNetworkLeaksNothing) {
  Endpoint inside = Container("inside", {In("Blue", "172.18.0.7/16")});
  inside.internal = true;
  zone_.Put(inside);
  EXPECT_EQ(Addresses(AskRead({.name = "db"}, "inside")), Texts{"172.18.0.3"});
  for (const char* name : {"secret.example.com", "nobody", "8.8.8.8.in-addr.arpa", ""})
    EXPECT_EQ(AskRead({.name = name}, "inside").rcode, 2U) << name;
  inside.internal = false;
  inside.servers.clear();
  zone_.Put(inside);
  EXPECT_EQ(AskRead({.name = "secret.example.com"}, "inside").rcode, 2U);
}

TEST_F(Names, SingleLabelsStayWhereNdotsWasSet) {
  Endpoint strict = Container("strict", {In("Blue", "172.18.0.8/16")});
  strict.keeps_single_labels = true;
  zone_.Put(strict);
  EXPECT_EQ(AskRead({.name = "nobody"}, "strict").rcode, 0U);
  EXPECT_EQ(Ask({.name = "nobody.example"}, "strict").kind, Kind::kForward);
  EXPECT_EQ(Ask({.name = "nobody", .type = static_cast<Type>(15)}, "strict").kind, Kind::kForward);
}

TEST_F(Names, WhoIsNotKnownIsToldToTryAgain) {
  const Decision decision = Resolve(zone_, nullptr, Packet({.name = "db"}), Transport::kUdp);
  EXPECT_EQ(testing::Read(decision.answer).rcode, 2U);
}

TEST_F(Names, MalformedPacketsAreRefusedOrIgnored) {
  EXPECT_EQ(Resolve(zone_, zone_.Find("id-web"), "short", Transport::kUdp).kind, Kind::kNothing);
  const Decision refused =
      Resolve(zone_, zone_.Find("id-web"), Packet({.name = "db"}) + "rest", Transport::kUdp);
  EXPECT_EQ(testing::Read(refused.answer).rcode, 1U);
  const Answer later = AskRead({.name = "db", .edns_size = 512, .edns_version = 1});
  EXPECT_EQ(later.rcode, 16U);
  EXPECT_TRUE(later.edns);
}

TEST(Relayed, TooLongForTheClientIsCut) {
  const Query query = ParseQuery(Packet({.id = 7, .name = "example.com"})).query;
  const Query large = ParseQuery(Packet({.id = 9, .name = "example.com", .edns_size = 4096})).query;
  AnswerWriter writer(large, Rcode::kNoError, Transport::kUdp);
  for (int i = 0; i < 100; ++i) writer.Add({Type::kA, "abcd"});
  const std::string answer = std::move(writer).Finish();
  const Answer cut = testing::Read(Relayed(query, answer, Transport::kUdp));
  EXPECT_TRUE(cut.cut && cut.records.empty());
  EXPECT_EQ(cut.id, 7);
  const Answer whole = testing::Read(Relayed(query, answer, Transport::kTcp));
  EXPECT_EQ(whole.records.size(), 100U);
  EXPECT_EQ(whole.id, 7);
}

}  // namespace
}  // namespace estiba::dns
