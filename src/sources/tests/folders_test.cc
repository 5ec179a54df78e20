#include "sources/folders.h"

#include <fstream>

#include <sys/stat.h>

#include "tests/support.h"

namespace estiba::sources {
namespace {

void Write(const std::string& path, const std::string& location) {
  std::ofstream(path) << "[[registry]]\nprefix = \"q.io\"\nlocation = \"" << location << "\"\n";
}

std::string Location(const std::vector<std::string>& folders) {
  const auto conf = LoadRegistriesConf(folders);
  if (!conf.ok()) return conf.error().Message();
  const Registry* found = conf->Find("q.io/a");
  return found == nullptr ? "" : found->own.location;
}

TEST(Folders, LaterFilesAndFoldersWin) {
  const testing::TempDir system;
  const testing::TempDir user;
  const std::vector<std::string> both{system.path(), user.path()};
  EXPECT_EQ(Location(both), "");
  EXPECT_EQ(Location({"/nonexistent"}), "");
  Write(system / "registries.conf", "one");
  EXPECT_EQ(Location(both), "one");
  Write(user / "registries.conf", "two");
  EXPECT_EQ(Location(both), "two");
  ::mkdir((system / "registries.conf.d").c_str(), 0755);
  Write(system / "registries.conf.d/20.conf", "four");
  Write(system / "registries.conf.d/10.conf", "three");
  Write(system / "registries.conf.d/30.conf.bak", "never");
  EXPECT_EQ(Location(both), "four");
  ::mkdir((user / "registries.conf.d").c_str(), 0755);
  Write(user / "registries.conf.d/10.conf", "five");
  EXPECT_EQ(Location(both), "five");
}

TEST(Folders, AnotherMainFileTakesThePlaceOfTheirs) {
  const testing::TempDir system;
  const testing::TempDir other;
  const auto location = [&](const std::string& main) {
    const auto conf = LoadRegistriesConf({system.path()}, main);
    if (!conf.ok()) return conf.error().Message();
    const Registry* found = conf->Find("q.io/a");
    return found == nullptr ? std::string() : found->own.location;
  };
  Write(system / "registries.conf", "one");
  EXPECT_EQ(location(other / "main.conf"), "open '" + (other / "main.conf") + "': No such file or directory");
  std::ofstream(other / "main.conf") << "";
  EXPECT_EQ(location(other / "main.conf"), "");
  Write(other / "main.conf", "two");
  EXPECT_EQ(location(other / "main.conf"), "two");
  ::mkdir((system / "registries.conf.d").c_str(), 0755);
  Write(system / "registries.conf.d/10.conf", "three");
  EXPECT_EQ(location(other / "main.conf"), "three");
}

TEST(Folders, AFileThatIsBrokenIsAnError) {
  const testing::TempDir dir;
  std::ofstream(dir / "registries.conf") << "[[registry]]\n";
  EXPECT_EQ(Location({dir.path()}), dir / "registries.conf" + ":1: a registry needs a prefix or a location");
}

}  // namespace
}  // namespace estiba::sources
