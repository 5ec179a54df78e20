#include "os/file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/support.h"

namespace estiba::os {
namespace {

TEST(ReplaceFile, LeavesTheNewContentAndNothingElse) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(UniqueFd at, OpenAt({AT_FDCWD}, dir.path(), O_PATH | O_DIRECTORY));
  ASSERT_OK(ReplaceFile({at.get()}, "f", "old", 0600));
  ASSERT_OK(ReplaceFile({at.get()}, "f", "new", 0600, /*durable=*/true));
  EXPECT_EQ(ReadFileAt({at.get()}, "f").value(), "new");
  EXPECT_EQ(ListDirectory({at.get()}, ".").value().size(), 1U);
}

TEST(DeleteTree, FollowsNoSymlink) {
  const testing::TempDir dir;
  ASSERT_OK(EnsureDirectory(dir / "tree/a/b", 0700));
  ASSERT_OK(EnsureDirectory(dir / "kept", 0700));
  ASSERT_EQ(::symlink("../../kept", (dir / "tree/a/link").c_str()), 0);
  ASSERT_OK(ReplaceFile({AT_FDCWD}, dir / "kept/file", "x", 0600));
  ASSERT_OK(DeleteTree({AT_FDCWD}, dir / "tree"));
  ASSERT_OK(DeleteTree({AT_FDCWD}, dir / "tree"));
  EXPECT_EQ(ReadFile(dir / "kept/file").value(), "x");
  EXPECT_EQ(OpenAt({AT_FDCWD}, dir / "tree", O_PATH).error().errnum(), ENOENT);
}

// A container makes them by changing into each; one descriptor a level would be more than a process may have.
TEST(DeleteTree, GoesDeeperThanThereAreDescriptors) {
  const testing::TempDir dir;
  ASSERT_OK(EnsureDirectory(dir / "tree/.deep.0", 0700));  // a name it would like to use itself
  ASSERT_OK_AND_ASSIGN(UniqueFd at, OpenAt({AT_FDCWD}, dir / "tree", O_PATH | O_DIRECTORY));
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit few{100, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
    ASSERT_EQ(::mkdirat(at.get(), "beside", 0700), 0);
    ASSERT_OK_AND_ASSIGN(at, OpenAt({at.get()}, "d", O_PATH | O_DIRECTORY));
  }
  const Status deleted = DeleteTree({AT_FDCWD}, dir / "tree");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_OK(deleted);
  EXPECT_EQ(OpenAt({AT_FDCWD}, dir / "tree", O_PATH).error().errnum(), ENOENT);
}

TEST(ReadFile, StopsAtItsLimit) {
  const testing::TempDir dir;
  ASSERT_OK(ReplaceFile({AT_FDCWD}, dir / "f", std::string(100, 'x'), 0600));
  EXPECT_EQ(ReadFile(dir / "f", 99).error().code(), Code::kOutOfRange);
  EXPECT_EQ(ReadFile(dir / "f", 100).value().size(), 100U);
}

}  // namespace
}  // namespace estiba::os
