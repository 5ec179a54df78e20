#include "cni/config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::cni {
namespace {

using ::testing::HasSubstr;

std::string Why(const Result<NetworkList>& list) { return list.ok() ? "it was taken" : list.error().Message(); }

TEST(ConfList, HasItsPluginsInOrderWithWhatTheyDeclare) {
  ASSERT_OK_AND_ASSIGN(const NetworkList list, ParseConfList(R"({"cniVersion": "1.0.0", "name": "web", "plugins": [
      {"type": "bridge", "bridge": "cni0"},
      {"type": "portmap", "capabilities": {"portMappings": true, "ips": false}}]})"));
  EXPECT_EQ(list.name, "web");
  EXPECT_EQ(list.version, Version::k100);
  ASSERT_EQ(list.plugins.size(), 2U);
  EXPECT_EQ(list.plugins[0].type, "bridge");
  EXPECT_EQ(list.plugins[1].capabilities, std::set<std::string>{"portMappings"});
  EXPECT_TRUE(list.HasCapability("portMappings"));
  EXPECT_FALSE(list.HasCapability("ips"));
}

TEST(ConfList, FlagsMayBeWordsAsOlderFilesHaveThem) {
  ASSERT_OK_AND_ASSIGN(const NetworkList list, ParseConfList(R"({"cniVersion": "1.1.0", "name": "a",
      "disableCheck": "true", "disableGC": true, "plugins": [{"type": "x"}]})"));
  EXPECT_TRUE(list.disable_check);
  EXPECT_TRUE(list.disable_gc);
  EXPECT_FALSE(list.only_inlined);
  EXPECT_THAT(Why(ParseConfList(R"({"name": "a", "disableCheck": 1, "plugins": [{"type": "x"}]})")),
              HasSubstr("disableCheck: expected true or false"));
}

TEST(ConfList, TakesTheHighestVersionThatIsKnown) {
  const auto version = [](const char* text) { return ParseConfList(text)->version; };
  EXPECT_EQ(version(R"({"name":"a","plugins":[{"type":"x"}]})"), Version::k010);
  EXPECT_EQ(version(R"({"name":"a","cniVersion":"0.4.0","cniVersions":["0.3.1","1.0.0","9.0.0"],
                       "plugins":[{"type":"x"}]})"), Version::k100);
  EXPECT_EQ(version(R"({"name":"a","cniVersions":["0.3.1"],"plugins":[{"type":"x"}]})"), Version::k031);
  EXPECT_THAT(Why(ParseConfList(R"({"name":"a","cniVersion":"2.0.0","plugins":[{"type":"x"}]})")),
              HasSubstr("cniVersion '2.0.0' is not one of"));
}

TEST(ConfList, RefusesWhatIsNoNetwork) {
  const std::pair<const char*, const char*> rows[] = {
      {"[]", "not a JSON object"},
      {"{}", "name: the network has none"},
      {R"({"name": "../etc", "plugins": [{"type": "x"}]})", "name: '../etc' is no name"},
      {R"({"name": "a", "plugins": {}})", "plugins: expected a list"},
      {R"({"name": "a", "plugins": [1]})", "plugins[0]: expected an object"},
      {R"({"name": "a", "plugins": [{}]})", "plugins[0]: type"},
      {R"({"name": "a", "plugins": [{"type": "../bin/sh"}]})", "plugins[0]: type: '../bin/sh' is no name of a program"},
      {R"({"name": "a", "plugins": [{"type": ".."}]})", "is no name of a program"},
      {R"({"name": "a", "loadOnlyInlinedPlugins": true, "plugins": []})", "plugins: the network has none"},
      {R"({"name": "a", "plugins": [{"type": "x", "capabilities": {"mac": "yes"}}]})",
       "plugins[0]: capabilities.mac: expected true or false"},
  };
  for (const auto& [text, why] : rows) EXPECT_THAT(Why(ParseConfList(text)), HasSubstr(why)) << text;
}

TEST(Conf, IsAListOfOne) {
  ASSERT_OK_AND_ASSIGN(const NetworkList list, ParseConf(R"({"cniVersion":"0.3.1","name":"lo","type":"loopback"})"));
  EXPECT_EQ(list.name, "lo");
  ASSERT_EQ(list.plugins.size(), 1U);
  EXPECT_EQ(list.plugins[0].type, "loopback");
  EXPECT_THAT(Why(ParseConf(R"({"name":"a","type":"x","plugins":[]})")), HasSubstr("belongs into a .conflist"));
}

TEST(Json, WrittenAndReadAgainIsTheSame) {
  ASSERT_OK_AND_ASSIGN(const NetworkList list, ParseConfList(R"({"cniVersion":"1.1.0","name":"a","disableGC":true,
      "plugins":[{"type":"x","deep":{"list":[1,2.5,null,"s"]}}]})"));
  ASSERT_OK_AND_ASSIGN(const NetworkList again, ListFromJson(ToJson(list)));
  EXPECT_EQ(ToJson(again), ToJson(list));
  EXPECT_EQ(again.plugins[0].json, list.plugins[0].json);
  EXPECT_TRUE(again.disable_gc);
}

TEST(Names, AreWhatPathsAndEnvironmentsMayHold) {
  EXPECT_TRUE(IsName("a-1_b.c"));
  for (const char* name : {"", "-a", ".a", "a/b", "a b", "a;b", "a\nb"}) EXPECT_FALSE(IsName(name)) << name;
  EXPECT_TRUE(IsInterfaceName("eth0"));
  for (const char* name : {"", ".", "..", "a/b", "a:b", "a b", "sixteenletters..", "a\x7f"})
    EXPECT_FALSE(IsInterfaceName(name)) << name;
}

class FolderTest : public ::testing::Test {
 protected:
  void Write(const char* name, const char* text) {
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, dir_ / name, text, 0644));
  }
  estiba::testing::TempDir dir_;
};

TEST_F(FolderTest, OneThatIsNotThereHasNoNetworks) {
  const Folder folder = LoadFolder(dir_ / "missing");
  EXPECT_TRUE(folder.networks.empty());
  EXPECT_TRUE(folder.broken.empty());
}

TEST_F(FolderTest, FilesCountInTheOrderOfTheirNames) {
  Write("20-b.conf", R"({"name": "b", "type": "x"})");
  Write("10-a.conflist", R"({"name": "a", "plugins": [{"type": "x"}]})");
  Write("30-a.conflist", R"({"name": "a", "plugins": [{"type": "y"}]})");
  Write("40-bad.conflist", "{");
  Write("README", "not looked at");
  const Folder folder = LoadFolder(dir_.path());
  ASSERT_EQ(folder.networks.size(), 2U);
  EXPECT_EQ(folder.networks[0].list.name, "a");
  EXPECT_EQ(folder.networks[0].list.plugins[0].type, "x");
  EXPECT_EQ(folder.networks[0].file, dir_ / "10-a.conflist");
  EXPECT_EQ(folder.networks[1].list.name, "b");
  ASSERT_EQ(folder.broken.size(), 2U);
  EXPECT_THAT(folder.broken[0].second.Message(), HasSubstr("10-a.conflist' already"));
  EXPECT_EQ(folder.broken[1].first, dir_ / "40-bad.conflist");
}

TEST_F(FolderTest, ANetworksOwnFolderAddsPlugins) {
  ASSERT_EQ(::mkdir((dir_ / "net").c_str(), 0755), 0);
  Write("net/10-more.conf", R"({"type": "tuning", "mtu": 1400})");
  Write("a.conflist", R"({"name": "net", "cniVersion": "1.1.0"})");
  Write("b.conflist", R"({"name": "own", "loadOnlyInlinedPlugins": true, "plugins": [{"type": "x"}]})");
  ASSERT_EQ(::mkdir((dir_ / "own").c_str(), 0755), 0);
  Write("own/10-more.conf", R"({"type": "tuning"})");
  const Folder folder = LoadFolder(dir_.path());
  ASSERT_EQ(folder.networks.size(), 2U) << folder.broken.size();
  ASSERT_EQ(folder.networks[0].list.plugins.size(), 1U);
  EXPECT_EQ(folder.networks[0].list.plugins[0].type, "tuning");
  EXPECT_EQ(folder.networks[1].list.plugins.size(), 1U);
}

}  // namespace
}  // namespace estiba::cni
