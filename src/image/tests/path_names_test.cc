#include "path_names.h"

#include "tests/support.h"

namespace estiba::image {
namespace {

TEST(PathNames, ContainerPathsAreAbsoluteAndKeepTheirEnd) {
  EXPECT_EQ(CleanContainerPath("etc"), "/etc");
  EXPECT_EQ(CleanContainerPath("/etc/"), "/etc/");
  EXPECT_EQ(CleanContainerPath("/etc/."), "/etc/.");
  EXPECT_EQ(CleanContainerPath("../../etc"), "/etc");
  EXPECT_EQ(CleanContainerPath("."), "/.");
  EXPECT_EQ(CleanContainerPath("/"), "/");
}

TEST(PathNames, EntriesBeginWithTheBase) {
  EXPECT_EQ(EntryName("etc", ""), "etc/");
  EXPECT_EQ(EntryName("etc", "a/b"), "etc/a/b");
  EXPECT_EQ(EntryName(".", ""), "./");
  EXPECT_EQ(EntryName(".", "a"), "./a");
  EXPECT_EQ(EntryName("/", ""), "/");
  EXPECT_EQ(EntryName("/", "a/"), "/a/");
}

TEST(PathNames, AnEntryThatLeadsOutHasNoPath) {
  EXPECT_EQ(CleanEntryPath("./a//b/"), "a/b");
  EXPECT_EQ(CleanEntryPath("/a"), "a");
  EXPECT_EQ(CleanEntryPath("a/../b"), "b");
  EXPECT_EQ(CleanEntryPath("./"), "");
  EXPECT_EQ(CleanEntryPath("/"), "");
  EXPECT_EQ(CleanEntryPath("a/../../b"), std::nullopt);
  EXPECT_EQ(CleanEntryPath(".."), std::nullopt);
  EXPECT_EQ(CleanEntryPath("/../a"), std::nullopt);
}

TEST(PathNames, ANewNameStandsForTheBaseAlone) {
  EXPECT_EQ(Rebase("etc/", "etc", "new"), "new/");
  EXPECT_EQ(Rebase("etc/passwd", "etc", "new"), "new/passwd");
  EXPECT_EQ(Rebase("./etc/passwd", "etc", "new"), "new/passwd");
  EXPECT_EQ(Rebase("etcetera/x", "etc", "new"), "etcetera/x");
  EXPECT_EQ(Rebase("file", "file", "other"), "other");
  EXPECT_EQ(Rebase("./", ".", "new"), "new");
  EXPECT_EQ(Rebase("./a.b", ".", "new"), "new/a.b");
  EXPECT_EQ(Rebase("/bin/sh", "/", "new"), "new/bin/sh");
  EXPECT_EQ(Rebase("/", "/", "new"), "new");
}

}  // namespace
}  // namespace estiba::image
