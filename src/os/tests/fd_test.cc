#include "os/fd.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support.h"

namespace estiba::os {
namespace {

TEST(OpenInRoot, AnAbsoluteSymlinkInTheRootStaysInTheRoot) {
  const testing::TempDir dir;
  ASSERT_EQ(::symlink("/etc", (dir / "etc").c_str()), 0);
  ASSERT_OK_AND_ASSIGN(UniqueFd root, OpenAt({AT_FDCWD}, dir.path(), O_PATH | O_DIRECTORY));

  const auto escaped = OpenInRoot({root.get()}, "etc/passwd", O_RDONLY);

  ASSERT_FALSE(escaped.ok());  // resolved to <root>/etc, a link to itself
  EXPECT_EQ(escaped.error().errnum(), ELOOP);
}

TEST(OpenBeneath, RefusesToLeave) {
  const testing::TempDir dir;
  ASSERT_EQ(::symlink("..", (dir / "up").c_str()), 0);
  ASSERT_OK_AND_ASSIGN(UniqueFd root, OpenAt({AT_FDCWD}, dir.path(), O_PATH | O_DIRECTORY));
  EXPECT_FALSE(OpenBeneath({root.get()}, "../tmp", O_PATH).ok());
  EXPECT_FALSE(OpenBeneath({root.get()}, "up", O_RDONLY).ok());
  ASSERT_OK(OpenBeneath({root.get()}, "made", O_WRONLY | O_CREAT, 0640));
}

TEST(OpenAt, ClosesOnExec) {
  ASSERT_OK_AND_ASSIGN(UniqueFd fd, OpenAt({AT_FDCWD}, "/", O_PATH));
  EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
}

}  // namespace
}  // namespace estiba::os
