#include "commands/copy_rules.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "tests/support.h"

namespace estiba::cli {
namespace {

TEST(CopyRules, AColonMakesAContainerUnlessThePathSaysOtherwise) {
  const auto split = [](const char* text) {
    const CopyArgument one = SplitCopyArgument(text);
    return one.container + "|" + one.path;
  };
  EXPECT_EQ(split("web:/etc"), "web|/etc");
  EXPECT_EQ(split("web:etc:2"), "web|etc:2");
  EXPECT_EQ(split("./file:name"), "|./file:name");
  EXPECT_EQ(split("/file:name"), "|/file:name");
  EXPECT_EQ(split("file"), "|file");
  EXPECT_EQ(split("-"), "|-");
}

// Where it goes, and what it is called there.
std::string Plan(const CopyEnd& source, const CopyEnd& destination) {
  const auto plan = PlanCopy(source, destination);
  return plan.ok() ? plan->directory + "|" + plan->name : plan.error().Message();
}

TEST(CopyRules, TheTableIsDockers) {
  const CopyEnd file{"/s/file", true, false, ""};
  const CopyEnd tree{"/s/tree", true, true, ""};
  const CopyEnd renamed{"/s/target", true, true, "link"};
  EXPECT_EQ(Plan(file, {"/d", true, true, ""}), "/d|");
  EXPECT_EQ(Plan(renamed, {"/d", true, true, ""}), "/d|link");
  EXPECT_EQ(Plan(file, {"/d/old", true, false, ""}), "/d|old");
  EXPECT_EQ(Plan(file, {"/d/new", false, false, ""}), "/d|new");
  EXPECT_EQ(Plan(file, {"new", false, false, ""}), ".|new");
  EXPECT_EQ(Plan(file, {"/d/new/", false, false, ""}), "no such directory");
  EXPECT_EQ(Plan(file, {"/d/new/.", false, false, ""}), "no such directory");
  EXPECT_EQ(Plan(tree, {"/d/old", true, false, ""}), "cannot copy directory");
  EXPECT_EQ(Plan(tree, {"/d/new/", false, false, ""}), "/d|new");
  EXPECT_EQ(Plan(renamed, {"/d/new", false, false, ""}), "/d|new");
}

TEST(CopyRules, ALinkThatIsFollowedKeepsItsName) {
  EXPECT_EQ(ResolveLink("/d/link", "../other/file"), "/other/file");
  EXPECT_EQ(ResolveLink("/d/link", "/abs"), "/abs");
  const CopyEnd end = FollowedSource("/d/link/", "/d/target");
  EXPECT_EQ(end.path, "/d/target/");
  EXPECT_EQ(end.name, "link");
  EXPECT_EQ(FollowedSource("/d/same", "/e/same").name, "");
  EXPECT_EQ(FollowedSource("/d/link/.", "/d/target").path, "/d/target/.");
  EXPECT_EQ(FollowedSource("/d/link/.", "/d/target").name, "");
}

TEST(CopyRules, LinksOfTheUsersAreFollowedToWhereACopyGoes) {
  const testing::TempDir dir;
  std::filesystem::create_directory(dir / "real");
  std::filesystem::create_symlink("real", dir / "todir");
  std::filesystem::create_symlink("real/missing", dir / "dangling");
  const std::string real = std::filesystem::canonical(dir.path()).string();
  ASSERT_OK_AND_ASSIGN(const CopyEnd through, FindHostDestination(real + "/todir"));
  EXPECT_EQ(through.path, real + "/real");
  EXPECT_TRUE(through.exists && through.directory);
  ASSERT_OK_AND_ASSIGN(const CopyEnd made, FindHostDestination(real + "/dangling"));
  EXPECT_EQ(made.path, real + "/real/missing");
  EXPECT_FALSE(made.exists);
  EXPECT_FALSE(FindHostDestination(real + "/none/file").ok());
  EXPECT_FALSE(FindHostDestination("/dev/null").ok());
}

TEST(CopyRules, ASourceIsItselfUnlessItsLinkIsToBeFollowed) {
  const testing::TempDir dir;
  std::ofstream(dir / "file") << "x";
  std::filesystem::create_directory(dir / "tree");
  std::filesystem::create_symlink("file", dir / "link");
  std::filesystem::create_symlink("tree", dir / "todir");
  const std::string real = std::filesystem::canonical(dir.path()).string();
  ASSERT_OK_AND_ASSIGN(const CopyEnd link, FindHostSource(real + "/link", /*follow=*/false));
  EXPECT_EQ(link.path, real + "/link");
  EXPECT_FALSE(link.directory);
  ASSERT_OK_AND_ASSIGN(const CopyEnd followed, FindHostSource(real + "/link", /*follow=*/true));
  EXPECT_EQ(followed.path, real + "/file");
  EXPECT_EQ(followed.name, "link");
  ASSERT_OK_AND_ASSIGN(const CopyEnd slash, FindHostSource(real + "/todir/", /*follow=*/false));
  EXPECT_EQ(slash.path, real + "/tree/");
  EXPECT_EQ(slash.name, "todir");
  EXPECT_TRUE(slash.directory);
  EXPECT_FALSE(FindHostSource(real + "/none", /*follow=*/false).ok());
  EXPECT_FALSE(FindHostSource(real + "/file/", /*follow=*/false).ok());
}

}  // namespace
}  // namespace estiba::cli
