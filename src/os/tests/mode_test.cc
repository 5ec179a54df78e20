#include "os/mode.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

class ModeTest : public ::testing::Test {
 protected:
  ModeTest() {
    const auto file = OpenAt({AT_FDCWD}, dir_ / "file", O_WRONLY | O_CREAT, 0600);
    EXPECT_TRUE(file.ok());
    EXPECT_EQ(::symlink("file", (dir_ / "link").c_str()), 0);
  }
  mode_t ModeOf(const char* name) {
    struct stat info {};
    EXPECT_EQ(::lstat((dir_ / name).c_str(), &info), 0);
    return info.st_mode & 07777U;
  }
  testing::TempDir dir_;
};

TEST_F(ModeTest, OfAnEntry) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd dir, OpenAt({AT_FDCWD}, dir_ / ".", O_RDONLY | O_DIRECTORY));
  ASSERT_OK(SetModeOf({dir.get()}, "file", 04711));
  EXPECT_EQ(ModeOf("file"), 04711U);
}

TEST_F(ModeTest, ALinkIsNotFollowed) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd dir, OpenAt({AT_FDCWD}, dir_ / ".", O_RDONLY | O_DIRECTORY));
  const Status changed = SetModeOf({dir.get()}, "link", 0777);
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error().code(), Code::kConflict);
  EXPECT_EQ(ModeOf("file"), 0600U);
}

}  // namespace
}  // namespace estiba::os
