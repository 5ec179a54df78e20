#include "base/path.h"

#include "tests/support.h"

namespace estiba {
namespace {

TEST(Path, IsCleanedByItsLetters) {
  EXPECT_EQ(CleanedPath(""), ".");
  EXPECT_EQ(CleanedPath("/"), "/");
  EXPECT_EQ(CleanedPath("a//b/./../c/"), "a/c");
  EXPECT_EQ(CleanedPath("/../a"), "/a");
  EXPECT_EQ(CleanedPath("../../a/.."), "../..");
  EXPECT_EQ(CleanedPath("a/.."), ".");
}

TEST(Path, AnEndThatAsksForADirectoryIsKept) {
  EXPECT_EQ(CleanedKeepingEnd("/etc/"), "/etc/");
  EXPECT_EQ(CleanedKeepingEnd("/etc//"), "/etc/");
  EXPECT_EQ(CleanedKeepingEnd("/etc/."), "/etc/.");
  EXPECT_EQ(CleanedKeepingEnd("/etc/./"), "/etc/./");
  EXPECT_EQ(CleanedKeepingEnd("/etc/.."), "/");
  EXPECT_EQ(CleanedKeepingEnd("/"), "/");
  EXPECT_EQ(CleanedKeepingEnd("/."), "/.");
  EXPECT_EQ(CleanedKeepingEnd("a"), "a");
  EXPECT_EQ(CleanedKeepingEnd("."), ".");
}

TEST(Path, TheLastNameIsGosBase) {
  EXPECT_EQ(LastName(""), ".");
  EXPECT_EQ(LastName("/"), "/");
  EXPECT_EQ(LastName("//"), "/");
  EXPECT_EQ(LastName("/etc/"), "etc");
  EXPECT_EQ(LastName("/etc/."), ".");
  EXPECT_EQ(LastName("a/b"), "b");
  EXPECT_EQ(LastName("a"), "a");
}

}  // namespace
}  // namespace estiba
