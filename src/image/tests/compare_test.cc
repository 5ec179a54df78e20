#include "compare.h"

#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::image {
namespace {

// Two trees of the same little system, one of which a test changes.
class CompareTreesTest : public ::testing::Test {
 protected:
  CompareTreesTest() {
    Make("expected");
    Make("actual");
  }

  void Make(const std::string& tree) {
    const std::string root = dir_ / tree.c_str();
    ASSERT_EQ(::mkdir(root.c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((root + "/etc").c_str(), 0755), 0);
    std::ofstream(root + "/etc/a") << "content";
    ASSERT_EQ(::link((root + "/etc/a").c_str(), (root + "/etc/b").c_str()), 0);
    std::ofstream(root + "/etc/c") << "content";
    ASSERT_EQ(::symlink("etc/a", (root + "/link").c_str()), 0);
    Age(tree);
  }
  // One time for everything.
  void Age(const std::string& tree) {
    const std::string root = dir_ / tree.c_str();
    const timespec times[2] = {{1000, 0}, {1000, 0}};
    for (const char* name : {"/etc/a", "/etc/b", "/etc/c", "/link", "/etc", ""})
      (void)::utimensat(AT_FDCWD, (root + name).c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
  std::string In(const char* name) { return (dir_ / "actual") + name; }

  std::string Compare(const std::set<std::string>& timeless = {}) {
    const auto left = os::OpenAt({AT_FDCWD}, dir_ / "expected", O_RDONLY | O_DIRECTORY);
    const auto right = os::OpenAt({AT_FDCWD}, dir_ / "actual", O_RDONLY | O_DIRECTORY);
    const auto difference = CompareTrees({left->get()}, {right->get()}, timeless);
    if (!difference.ok()) return difference.error().Message();
    return difference->has_value() ? (*difference)->path + ": " + (*difference)->what : "";
  }

  testing::TempDir dir_;
};

TEST_F(CompareTreesTest, EqualTreesHaveNoDifference) { EXPECT_EQ(Compare(), ""); }

TEST_F(CompareTreesTest, WhiteoutsHaveNoTime) {
  for (const char* tree : {"expected", "actual"})
    ASSERT_EQ(::mknod(((dir_ / tree) + "/gone").c_str(), S_IFCHR, 0), 0);
  const timespec times[2] = {{7, 7}, {7, 7}};
  ASSERT_EQ(::utimensat(AT_FDCWD, In("/gone").c_str(), times, 0), 0);
  Age("expected");
  Age("actual");
  EXPECT_EQ(Compare(), "");
  ASSERT_EQ(::unlink(In("/gone").c_str()), 0);
  ASSERT_EQ(::mknod(In("/gone").c_str(), S_IFCHR, makedev(1, 3)), 0);
  Age("actual");
  EXPECT_NE(Compare(), "");
}

TEST_F(CompareTreesTest, OneByteCounts) {
  std::ofstream(In("/etc/c")) << "kontent";
  Age("actual");
  EXPECT_EQ(Compare(), "etc/c: has other content");
}

TEST_F(CompareTreesTest, ALinkToAnotherFileIsToldFromOneOfEqualContent) {
  // b is no longer a's other name but c's, which has the same content and as many names.
  std::ofstream((dir_ / "expected") + "/etc/d") << "content";
  ASSERT_EQ(::link(((dir_ / "expected") + "/etc/d").c_str(), ((dir_ / "expected") + "/etc/e").c_str()), 0);
  ASSERT_EQ(::unlink(In("/etc/b").c_str()), 0);
  ASSERT_EQ(::link(In("/etc/a").c_str(), In("/etc/d").c_str()), 0);
  std::ofstream(In("/etc/b")) << "content";
  ASSERT_EQ(::link(In("/etc/b").c_str(), In("/etc/e").c_str()), 0);
  const timespec times[2] = {{1000, 0}, {1000, 0}};
  for (const char* tree : {"expected", "actual"}) {
    Age(tree);
    for (const char* name : {"/etc/d", "/etc/e", "/etc"})
      ASSERT_EQ(::utimensat(AT_FDCWD, ((dir_ / tree) + name).c_str(), times, 0), 0);
  }
  EXPECT_EQ(Compare(), "etc/b: has other hard links");
}

TEST_F(CompareTreesTest, ASymbolicLinkIsComparedByItsTarget) {
  ASSERT_EQ(::unlink(In("/link").c_str()), 0);
  ASSERT_EQ(::symlink("etc/c", In("/link").c_str()), 0);
  Age("actual");
  EXPECT_EQ(Compare(), "link: leads to 'etc/c', not 'etc/a'");
}

TEST_F(CompareTreesTest, WhatIsMissingAndWhatIsTooMuchIsNamed) {
  std::ofstream(In("/etc/zz")) << "";
  Age("actual");
  EXPECT_EQ(Compare(), "etc/zz: does not belong to the layer");
  ASSERT_EQ(::unlink(In("/etc/zz").c_str()), 0);
  ASSERT_EQ(::unlink(In("/etc/c").c_str()), 0);
  Age("actual");
  EXPECT_EQ(Compare(), "etc/c: is missing");
}

TEST_F(CompareTreesTest, TimesOfTheRootAndOfUndescribedDirectoriesDoNotCount) {
  const timespec later[2] = {{2000, 0}, {2000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, In("").c_str(), later, 0), 0);
  EXPECT_EQ(Compare(), "");
  ASSERT_EQ(::utimensat(AT_FDCWD, In("/etc").c_str(), later, 0), 0);
  EXPECT_EQ(Compare(), "etc: has another time");
  EXPECT_EQ(Compare({"etc"}), "");
}

TEST_F(CompareTreesTest, ADirectoryBehindALinkIsNotEntered) {
  ASSERT_EQ(::rename(In("/etc").c_str(), In("/moved").c_str()), 0);
  ASSERT_EQ(::symlink("moved", In("/etc").c_str()), 0);
  EXPECT_EQ(Compare(), "moved: does not belong to the layer");
}

}  // namespace
}  // namespace estiba::image
