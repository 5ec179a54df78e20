#include "os/copy_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

class CopyTreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    for (const char* name : {"from", "to"}) ASSERT_EQ(::mkdir((dir_ / name).c_str(), 0755), 0);
  }
  Status Copy() {
    const UniqueFd from = TRY(OpenAt({AT_FDCWD}, dir_ / "from", O_RDONLY | O_DIRECTORY));
    const UniqueFd to = TRY(OpenAt({AT_FDCWD}, dir_ / "to", O_RDONLY | O_DIRECTORY));
    return CopyTree({from.get()}, {to.get()});
  }
  Status CopyUpon() {
    const UniqueFd from = TRY(OpenAt({AT_FDCWD}, dir_ / "from", O_RDONLY | O_DIRECTORY));
    const UniqueFd to = TRY(OpenAt({AT_FDCWD}, dir_ / "to", O_RDONLY | O_DIRECTORY));
    return CopyLayer({from.get()}, {to.get()});
  }
  void Write(const char* name, const std::string& text, mode_t mode = 0644) {
    const auto made = OpenAt({AT_FDCWD}, dir_ / name, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    ASSERT_TRUE(made.ok());
    ASSERT_TRUE(WriteAll(made->get(), text).ok());
    ASSERT_EQ(::fchmod(made->get(), mode), 0);
  }
  struct stat Look(const char* name) {
    struct stat st {};
    EXPECT_EQ(::lstat((dir_ / name).c_str(), &st), 0) << name;
    return st;
  }
  testing::TempDir dir_;
};

TEST_F(CopyTreeTest, AttributesOfLinksAndFifosAreKept) {
  ASSERT_EQ(::symlink("nowhere", (dir_ / "from/link").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir_ / "from/fifo").c_str(), 0600), 0);
  for (const char* name : {"from/link", "from/fifo"})
    ASSERT_EQ(::lsetxattr((dir_ / name).c_str(), "trusted.mark", "v", 1, 0), 0);
  ASSERT_TRUE(Copy().ok());
  for (const char* name : {"to/link", "to/fifo"}) {
    char value[8];
    EXPECT_EQ(::lgetxattr((dir_ / name).c_str(), "trusted.mark", value, sizeof value), 1) << name;
  }
}

TEST_F(CopyTreeTest, OwnersModesTimesAndAttributesAreKept) {
  Write("from/set-id", "x", 0755);
  ASSERT_EQ(::chown((dir_ / "from/set-id").c_str(), 1000, 1001), 0);
  ASSERT_EQ(::chmod((dir_ / "from/set-id").c_str(), 06711), 0);
  ASSERT_EQ(::setxattr((dir_ / "from/set-id").c_str(), "trusted.mark", "a\0b", 3, 0), 0);
  const timespec times[2] = {{1, 2}, {123456789, 987654321}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (dir_ / "from/set-id").c_str(), times, 0), 0);
  ASSERT_EQ(::chmod((dir_ / "from").c_str(), 01777), 0);
  ASSERT_TRUE(Copy().ok());
  const struct stat st = Look("to/set-id");
  EXPECT_EQ(st.st_mode & 07777U, 06711U);
  EXPECT_EQ(st.st_uid, 1000U);
  EXPECT_EQ(st.st_gid, 1001U);
  EXPECT_EQ(st.st_mtim.tv_nsec, 987654321);
  char value[8];
  EXPECT_EQ(::getxattr((dir_ / "to/set-id").c_str(), "trusted.mark", value, sizeof value), 3);
  EXPECT_EQ(Look("to").st_mode & 07777U, 01777U);
}

TEST_F(CopyTreeTest, ALayerComesUponThoseBelow) {
  for (const char* name : {"to/merged", "to/opaque", "to/gone", "to/was-dir", "from/merged", "from/opaque"})
    ASSERT_EQ(::mkdir((dir_ / name).c_str(), 0755), 0);
  for (const char* name : {"to/merged/kept", "to/merged/out", "to/opaque/hidden", "to/gone/file", "to/was-dir/file"})
    Write(name, "below");
  ASSERT_EQ(::setxattr((dir_ / "to/merged").c_str(), "trusted.below", "1", 1, 0), 0);
  ASSERT_EQ(::setxattr((dir_ / "from/opaque").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
  ASSERT_EQ(::chmod((dir_ / "from/merged").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("/etc", (dir_ / "to/link").c_str()), 0);
  ASSERT_EQ(::mkdir((dir_ / "from/link").c_str(), 0755), 0);
  for (const char* name : {"from/gone", "from/merged/out", "from/never"})
    ASSERT_EQ(::mknod((dir_ / name).c_str(), S_IFCHR, 0), 0);
  for (const char* name : {"from/was-dir", "from/opaque/new", "from/link/inside"}) Write(name, "above");
  ASSERT_EQ(::link((dir_ / "from/was-dir").c_str(), (dir_ / "from/merged/other").c_str()), 0);
  ASSERT_TRUE(CopyUpon().ok());
  for (const char* name : {"to/gone", "to/merged/out", "to/never", "to/opaque/hidden", "/etc/inside"})
    EXPECT_NE(::access((name[0] == '/' ? std::string(name) : std::string(dir_ / name)).c_str(), F_OK), 0) << name;
  for (const char* name : {"to/merged/kept", "to/opaque/new", "to/link/inside"}) Look(name);
  EXPECT_EQ(Look("to/merged").st_mode, S_IFDIR | 0700U);
  EXPECT_EQ(Look("to/was-dir").st_ino, Look("to/merged/other").st_ino);
  EXPECT_LT(::getxattr((dir_ / "to/merged").c_str(), "trusted.below", nullptr, 0), 0);
  EXPECT_LT(::getxattr((dir_ / "to/opaque").c_str(), "trusted.overlay.opaque", nullptr, 0), 0);
}

TEST_F(CopyTreeTest, LinksDevicesAndSocketsAreWhatTheyWere) {
  ASSERT_EQ(::symlink("/etc/passwd", (dir_ / "from/link").c_str()), 0);
  ASSERT_EQ(::lchown((dir_ / "from/link").c_str(), 7, 8), 0);
  ASSERT_EQ(::mknod((dir_ / "from/null").c_str(), S_IFCHR | 0600, makedev(1, 3)), 0);
  ASSERT_EQ(::mkfifo((dir_ / "from/pipe").c_str(), 0640), 0);
  ASSERT_EQ(::mknod((dir_ / "from/socket").c_str(), S_IFSOCK | 0700, 0), 0);
  ASSERT_TRUE(Copy().ok());
  EXPECT_EQ(ReadLink(dir_ / "to/link").value(), "/etc/passwd");
  EXPECT_EQ(Look("to/link").st_uid, 7U);
  EXPECT_EQ(Look("to/null").st_rdev, makedev(1, 3));
  EXPECT_TRUE(S_ISFIFO(Look("to/pipe").st_mode));
  EXPECT_EQ(Look("to/pipe").st_mode & 07777U, 0640U);
  EXPECT_TRUE(S_ISSOCK(Look("to/socket").st_mode));
}

TEST_F(CopyTreeTest, HardLinksStayOneFile) {
  Write("from/a", "shared");
  ASSERT_EQ(::mkdir((dir_ / "from/d").c_str(), 0755), 0);
  ASSERT_EQ(::link((dir_ / "from/a").c_str(), (dir_ / "from/d/b").c_str()), 0);
  ASSERT_EQ(::link((dir_ / "from/a").c_str(), (dir_ / "outside").c_str()), 0);
  ASSERT_TRUE(Copy().ok());
  EXPECT_EQ(Look("to/a").st_ino, Look("to/d/b").st_ino);
  EXPECT_EQ(Look("to/a").st_nlink, 2U);
}

TEST_F(CopyTreeTest, HolesStayHoles) {
  Write("from/sparse", "start");
  const UniqueFd file = OpenAt({AT_FDCWD}, dir_ / "from/sparse", O_WRONLY).value();
  ASSERT_EQ(::pwrite(file.get(), "end", 3, 64 << 20), 3);
  ASSERT_TRUE(Copy().ok());
  const struct stat st = Look("to/sparse");
  EXPECT_EQ(st.st_size, (64 << 20) + 3);
  EXPECT_LT(st.st_blocks * 512, 1 << 20);
  EXPECT_EQ(ReadFile(dir_ / "to/sparse", 128 << 20).value(), ReadFile(dir_ / "from/sparse", 128 << 20).value());
}

TEST_F(CopyTreeTest, WhatIsNestedTooDeepIsRefused) {
  UniqueFd at = OpenAt({AT_FDCWD}, dir_ / "from", O_RDONLY | O_DIRECTORY).value();
  for (int i = 0; i < 1100; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0);
    at = OpenAt({at.get()}, "d", O_RDONLY | O_DIRECTORY).value();
  }
  const Status copied = Copy();
  for (const char* name : {"from", "to"}) {  // deeper than a path may be
    const UniqueFd top = OpenAt({AT_FDCWD}, dir_.path(), O_RDONLY | O_DIRECTORY).value();
    EXPECT_TRUE(DeleteTree({top.get()}, name).ok());
  }
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace estiba::os
