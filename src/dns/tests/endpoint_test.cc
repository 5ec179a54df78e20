#include "dns/endpoint.h"

#include "tests/support.h"

namespace estiba::dns {
namespace {

Endpoint Web() {
  Endpoint endpoint;
  endpoint.id = "0123";
  endpoint.names = {"web", "0123"};
  const std::vector<std::string> aliases = {"www", "shop.example"};
  endpoint.networks = {{"n1", "blue", ParseIpPrefix("172.18.0.2/16").value(), aliases, {{"db", "postgres1"}}},
                       {"n2", "red", ParseIpPrefix("fd00::2/64").value(), {}}};
  endpoint.services = {{"80", "tcp", 80}};
  endpoint.servers = {ParseServer("10.0.0.1").value(), ParseServer("fe80::1%eth0#5353").value()};
  endpoint.keeps_single_labels = true;
  return endpoint;
}

TEST(Endpoint, IsTextThatComesBack) {
  const std::string text = Encode(Web());
  EXPECT_EQ(text,
            "estiba-endpoint 1\nid 0123\nname web\nname 0123\nnetwork n1 blue 172.18.0.2/16\nalias www\n"
            "alias shop.example\nlink db postgres1\nnetwork n2 red fd00::2/64\nservice 80 tcp 80\nserver 10.0.0.1\n"
            "server fe80::1%eth0#5353\nkeeps-single-labels\nend\n");
  ASSERT_OK_AND_ASSIGN(const Endpoint again, DecodeEndpoint(text));
  EXPECT_EQ(Encode(again), text);
}

TEST(Endpoint, NamesThatCannotBeAskedForAreLeftOut) {
  Endpoint endpoint = Web();
  endpoint.networks[0].aliases = {"two words", "line\ninternal", "", "good"};
  ASSERT_OK_AND_ASSIGN(const Endpoint again, DecodeEndpoint(Encode(endpoint)));
  EXPECT_EQ(again.networks[0].aliases, std::vector<std::string>{"good"});
  EXPECT_FALSE(again.internal);
}

TEST(Endpoint, LinesOfLaterVersionsAreSkipped) {
  ASSERT_OK_AND_ASSIGN(const Endpoint endpoint,
                       DecodeEndpoint("estiba-endpoint 1\nid a\nnews from later\nname x and more\nend\n"));
  EXPECT_EQ(endpoint.names, std::vector<std::string>{"x"});
}

TEST(Endpoint, EveryPrefixIsRefused) {
  const std::string text = Encode(Web());
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(DecodeEndpoint(std::string_view(text).substr(0, size)).ok()) << size;
}

TEST(Endpoint, BrokenLinesAreRefused) {
  for (const char* line : {"network n1 blue 172.18.0.2", "network n1 blue x/16", "network n1 blue 1.2.3.4/33",
                           "id a\tb", "name  a", "server nobody", "server 1.2.3.4#70000", "service 80 tcp x"})
    EXPECT_FALSE(DecodeEndpoint("estiba-endpoint 1\nid a\n" + std::string(line) + "\nend\n").ok()) << line;
  EXPECT_FALSE(DecodeEndpoint("estiba-endpoint 2\nid a\nend\n").ok());
  EXPECT_FALSE(DecodeEndpoint("estiba-endpoint 1\nend\n").ok());
}

}  // namespace
}  // namespace estiba::dns
