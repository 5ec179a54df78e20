#include "sources/alias_file.h"

#include <fstream>
#include <map>

#include <sys/stat.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::sources {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

std::string FileOf(bool root, const std::map<std::string, std::string>& environment) {
  return AliasFileOf(root, [&](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

Status Record(const std::string& path, const std::string& text, const std::string& chosen) {
  const oci::Reference reference = TRY(oci::ParseReference(chosen));
  return RecordAlias(path, text, reference);
}

unsigned ModeOf(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0U;
}

TEST(AliasFile, IsWherePodmanHasIt) {
  constexpr const char* kName = "/containers/short-name-aliases.conf";
  EXPECT_EQ(FileOf(true, {{"HOME", "/root"}, {"XDG_CACHE_HOME", "/c"}}), std::string("/var/cache") + kName);
  EXPECT_EQ(FileOf(false, {{"HOME", "/h"}, {"XDG_CACHE_HOME", "/c"}}), std::string("/c") + kName);
  EXPECT_EQ(FileOf(false, {{"HOME", "/h"}, {"XDG_CACHE_HOME", "c"}}), std::string("/h/.cache") + kName);
  EXPECT_EQ(FileOf(false, {{"HOME", "/h"}}), std::string("/h/.cache") + kName);
}

TEST(AliasFile, KeepsWhatWasChosenWithoutTags) {
  const testing::TempDir dir;
  const std::string path = dir / "cache/containers/short-name-aliases.conf";
  ASSERT_OK_AND_ASSIGN(const auto nothing, FindAlias(path, "app"));
  EXPECT_FALSE(nothing);
  ASSERT_OK(Record(path, "app:1", "q.io/team/app:1"));
  ASSERT_OK(Record(path, "team/db", "docker.io/team/db:latest"));
  ASSERT_OK(Record(path, "hub", "docker.io/hub"));
  EXPECT_EQ(ModeOf(path), 0600U);
  EXPECT_EQ(ModeOf(dir / "cache/containers"), 0700U);
  ASSERT_OK_AND_ASSIGN(const auto app, FindAlias(path, "app:2"));
  EXPECT_THAT(app, Optional(std::string("q.io/team/app")));
  ASSERT_OK_AND_ASSIGN(const auto hub, FindAlias(path, "hub"));
  EXPECT_THAT(hub, Optional(std::string("docker.io/library/hub")));
  ASSERT_OK(Record(path, "app", "r.io/app"));
  ASSERT_OK_AND_ASSIGN(const std::string text, os::ReadFile(path));
  EXPECT_EQ(text, "[aliases]\n  \"app\" = \"r.io/app\"\n  \"hub\" = \"docker.io/library/hub\"\n"
                  "  \"team/db\" = \"docker.io/team/db\"\n");
}

TEST(AliasFile, KeepsItsModeAndWhatElseIsInIt) {
  const testing::TempDir dir;
  const std::string path = dir / "aliases.conf";
  std::ofstream(path) << "[aliases]\n  old = \"q.io/old\"\n  gone = \"\"\n";
  ::chmod(path.c_str(), 0644);
  ASSERT_OK(Record(path, "app", "q.io/app"));
  EXPECT_EQ(ModeOf(path), 0644U);
  ASSERT_OK_AND_ASSIGN(const auto old, FindAlias(path, "old"));
  EXPECT_THAT(old, Optional(std::string("q.io/old")));
  ASSERT_OK_AND_ASSIGN(const auto gone, FindAlias(path, "gone"));
  EXPECT_THAT(gone, Optional(std::string()));
}

TEST(AliasFile, ThatIsNotUnderstoodIsLeftAsItIs) {
  const testing::TempDir dir;
  const std::string path = dir / "aliases.conf";
  std::ofstream(path) << "[aliases]\n\"a:1\" = \"q.io/a\"\n";
  const Status recorded = Record(path, "app", "q.io/app");
  ASSERT_FALSE(recorded.ok());
  EXPECT_THAT(recorded.error().Message(), HasSubstr(path + ":2: aliases: 'a:1' is not a name without"));
  EXPECT_FALSE(FindAlias(path, "app").ok());
  EXPECT_EQ(*os::ReadFile(path), "[aliases]\n\"a:1\" = \"q.io/a\"\n");
}

TEST(AliasFile, TakesShortNamesAlone) {
  const testing::TempDir dir;
  EXPECT_FALSE(Record(dir / "a.conf", "q.io/app", "q.io/app").ok());
  EXPECT_FALSE(os::ReadFile(dir / "a.conf").ok());
}

}  // namespace
}  // namespace estiba::sources
