#include "sources/hosts_toml.h"

#include "tests/support.h"

namespace estiba::sources {
namespace {

TEST(HostsToml, TellsPlacesInOrderAndHowToReachThem) {
  const auto read = HostsToml::Parse(R"(
server = "https://registry-1.docker.io"
ca = "own.pem"
[host."https://mirror.example.com:5000/base/"]
  capabilities = ["pull", "resolve"]
  ca = ["one.pem", "/abs/two.pem"]
  client = [["c.pem", "k.pem"], "both.pem"]
  skip_verify = true
  override_path = true
  dial_timeout = "7s"
  [host."https://mirror.example.com:5000/base/".header]
    x-one = "a"
    x-two = ["b", "c"]
[host."plain:80"]
  capabilities = ["push"]
)", "/d");
  ASSERT_OK(read);
  EXPECT_EQ(read->server.url, "https://registry-1.docker.io");
  EXPECT_EQ(read->server.ca_files, std::vector<std::string>{"/d/own.pem"});
  ASSERT_EQ(read->hosts.size(), 2U);
  const HostEntry& mirror = read->hosts[0];
  EXPECT_EQ(mirror.url, "https://mirror.example.com:5000/base");
  EXPECT_TRUE(mirror.pull && mirror.resolve && !mirror.push && mirror.skip_verify && mirror.override_path);
  EXPECT_EQ(mirror.ca_files, (std::vector<std::string>{"/d/one.pem", "/abs/two.pem"}));
  EXPECT_EQ(mirror.clients[0], (std::pair<std::string, std::string>{"/d/c.pem", "/d/k.pem"}));
  EXPECT_EQ(mirror.clients[1], (std::pair<std::string, std::string>{"/d/both.pem", "/d/both.pem"}));
  EXPECT_THAT(mirror.headers, ::testing::UnorderedElementsAre("x-one: a", "x-two: b", "x-two: c"));
  EXPECT_EQ(mirror.dial_seconds, 7U);
  EXPECT_EQ(read->hosts[1].url, "https://plain:80");
  EXPECT_TRUE(read->hosts[1].push && !read->hosts[1].pull);
}

TEST(HostsToml, AnEmptyFileIsTheRegistryItself) {
  const auto read = HostsToml::Parse("", "/d");
  ASSERT_OK(read);
  EXPECT_TRUE(read->hosts.empty() && read->server.url.empty() && read->server.pull && read->server.push);
}

TEST(HostsToml, NamesWhatItDoesNotUnderstand) {
  const std::pair<const char*, const char*> bad[] = {
      {"server = 1", "/d/hosts.toml:1: server: expected string"},
      {"server = \"ftp://h\"", "/d/hosts.toml:1: server: 'ftp://h' is not http(s)://"},
      {"capabilities = [\"read\"]", "capabilities: 'read' is none of"},
      {"[host.\"https://\"]", "host: 'https://' is not"},
      {"[host.\"https://a b\"]", "is not http(s)://"},
      {"client = 5", "client: expected"},
      {"client = [[\"a\"]]", "client: expected a file"},
      {"[header]\nx = \"a\\nb\"", "/d/hosts.toml:2: header: 'x' is no header"},
      {"dial_timeout = \"1h\"", "dial_timeout: '1h' is not"},
      {"host = 3", "host: expected table"},
      {"[", "read '/d/hosts.toml'"}};
  for (const auto& [text, says] : bad) {
    const auto read = HostsToml::Parse(text, "/d");
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_THAT(read.error().Message(), ::testing::HasSubstr(says));
  }
}

}  // namespace
}  // namespace estiba::sources
