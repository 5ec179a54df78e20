#include "container_tree.h"

#include <cstring>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "container_trees.h"
#include "os/mountns.h"
#include "tests/support.h"

namespace estiba::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- what a layer holds

TEST_F(Trees, WhiteoutsAndOpaqueDirectoriesAreMarked) {
  fs::create_directories(dir_ / "up/etc");
  fs::create_directories(dir_ / "up/new");
  Whiteout("up/etc/gone");
  Put(dir_ / "up/etc/kept", "x");
  Check(::setxattr((dir_ / "up/new").c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0, "opaque");
  EXPECT_THAT(Names(Layer()), ElementsAre("etc/", "etc/.wh.gone", "etc/kept", "new/", "new/.wh..wh..opq"));
}

TEST_F(Trees, AWhiteoutMayBeAMarkedFile) {
  fs::create_directories(dir_ / "up/d");
  Put(dir_ / "up/d/gone", "");
  Put(dir_ / "up/d/empty", "");
  Check(::setxattr((dir_ / "up/d").c_str(), "trusted.overlay.opaque", "x", 1, 0) == 0, "opaque");
  Check(::setxattr((dir_ / "up/d/gone").c_str(), "trusted.overlay.whiteout", "y", 1, 0) == 0, "whiteout");
  EXPECT_THAT(Names(Layer()), ElementsAre("d/", "d/empty", "d/.wh.gone"));
}

TEST_F(Trees, EveryKindOfFileComesBackAsItWas) {
  const std::string up = dir_ / "up";
  Put(up + "/a", "content");
  Check(::link((up + "/a").c_str(), (up + "/b").c_str()) == 0, "link");
  Check(::symlink("/etc/passwd", (up + "/c").c_str()) == 0, "symlink");
  Check(::link((up + "/c").c_str(), (up + "/d").c_str()) == 0, "link to a symlink");
  Check(::mknod((up + "/e").c_str(), S_IFCHR | 0600, ::makedev(1, 7)) == 0, "device");
  Check(::mknod((up + "/f").c_str(), S_IFBLK | 0640, ::makedev(259, 70000)) == 0, "device");
  Check(::mkfifo((up + "/g").c_str(), 0644) == 0, "fifo");
  Put(up + "/latin\xE9", "bytes");
  Put(up + "/" + std::string(255, 'n'), "long");
  fs::create_directories(up + "/deep/" + std::string(200, 'd') + "/" + std::string(200, 'e'));
  Put(up + "/sparse", "x");
  Check(::truncate((up + "/sparse").c_str(), 3 << 20) == 0, "truncate");
  Check(::chown((up + "/a").c_str(), 4'000'000, 3'000'000) == 0, "chown");
  Check(::chmod((up + "/a").c_str(), 06751) == 0, "chmod");
  Check(::setxattr((up + "/a").c_str(), "user.note", "v\0w", 3, 0) == 0, "setxattr");
  Check(::setxattr((up + "/deep").c_str(), "trusted.note", "t", 1, 0) == 0, "setxattr");
  Check(::chmod((up + "/deep").c_str(), 01777) == 0, "chmod");
  const timespec times[2] = {{1, 1}, {-86'400, 123'456'789}};
  Check(::utimensat(AT_FDCWD, (up + "/c").c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, "times");
  const Described before = Describe(up);
  ASSERT_OK(Unpack(Layer(), dir_ / "layer"));
  EXPECT_EQ(Describe(dir_ / "layer"), before);
}

TEST_F(Trees, AccessListsComeBack) {
  const std::string file = dir_ / "up/file";
  Put(file, "x");
  // Version 2; user::rw-, user:1000:r--, group::r--, mask::r--, other::---.
  const std::string acl("\2\0\0\0\1\0\6\0\xff\xff\xff\xff\2\0\4\0\xe8\3\0\0\4\0\4\0\xff\xff\xff\xff"
                        "\x10\0\4\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff", 44);
  if (::setxattr(file.c_str(), "system.posix_acl_access", acl.data(), acl.size(), 0) != 0)
    GTEST_SKIP() << "needs a file system with access control lists";
  const Described before = Describe(dir_ / "up");
  ASSERT_THAT(before.at("file"), HasSubstr("posix_acl_access"));
  ASSERT_OK(Unpack(Layer(), dir_ / "layer"));
  EXPECT_EQ(Describe(dir_ / "layer"), before);
}

TEST_F(Trees, ASocketIsLeftOut) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (dir_ / "up/socket").c_str(), sizeof address.sun_path - 1);
  Check(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  ::close(fd);
  Put(dir_ / "up/file", "x");
  EXPECT_THAT(Names(Layer()), ElementsAre("file"));
}

TEST_F(Trees, WhatNoLayerCanSayIsRefusedByName) {
  std::string bytes;
  Put(dir_ / "up/.wh.file", "x");
  EXPECT_THAT(WriteLayer(Tree(), Into(bytes)).error().Message(), HasSubstr("'.wh.file' cannot be in an image"));
  fs::remove(dir_ / "up/.wh.file");
  Put(dir_ / "up/file", "x");
  Check(::setxattr((dir_ / "up/file").c_str(), "user.a=b", "x", 1, 0) == 0, "setxattr");
  EXPECT_THAT(WriteLayer(Tree(), Into(bytes)).error().Message(), HasSubstr("attribute 'user.a=b'"));
  Check(::removexattr((dir_ / "up/file").c_str(), "user.a=b") == 0, "removexattr");
  Check(::setxattr((dir_ / "up/file").c_str(), "trusted.overlay.metacopy", "", 0, 0) == 0, "setxattr");
  EXPECT_THAT(WriteLayer(Tree(), Into(bytes)).error().Message(), HasSubstr("'trusted.overlay.metacopy'"));
}

TEST_F(Trees, TheRootIsTheresWhenItsOwnerOrModeChanged) {
  Put(dir_ / "up/file", "x");
  EXPECT_THAT(Names(Layer()), ElementsAre("file"));
  Check(::chmod((dir_ / "up").c_str(), 0711) == 0, "chmod");
  EXPECT_THAT(Names(Layer()), ElementsAre("./", "file"));
}

TEST_F(Trees, WhatTheEngineMountsOnIsNoChange) {
  fs::create_directories(dir_ / "mid/etc");
  for (const char* name : {"up/etc", "up/proc", "up/dev", "up/data"}) fs::create_directories(dir_ / name);
  for (const char* name : {"up/etc/hosts", "up/etc/resolv.conf"}) Put(dir_ / name, "");
  EXPECT_THAT(Names(Layer()), ElementsAre("data/"));
  EXPECT_THAT(Changes(), ElementsAre("A/data"));
  Put(dir_ / "up/etc/hosts", "the container's own");
  Put(dir_ / "up/dev/x", "");
  EXPECT_THAT(Names(Layer()), ElementsAre("data/", "dev/", "dev/x", "etc/", "etc/hosts"));
  EXPECT_THAT(Changes(), ElementsAre("A/data", "A/dev", "A/dev/x", "C/etc", "A/etc/hosts"));
}

// ---- what differs

TEST_F(Trees, ChangesAreCountedAsDockerDoes) {
  for (const char* name : {"low/a/b", "low/same", "low/hidden", "low/todir", "mid/moded"})
    fs::create_directories(dir_ / name);
  for (const char* name : {"low/a/b/old", "low/a/b/kept", "low/same/f", "low/hidden/x", "low/hidden/y", "low/tofile2"})
    Put(dir_ / name, "x");
  fs::create_directories(dir_ / "low/tofile/below");
  fs::copy(dir_ / "low", dir_ / "up", fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(dir_ / "low"))
    fs::last_write_time(dir_ / "up" / entry.path().lexically_relative(dir_ / "low"), entry.last_write_time());
  EXPECT_THAT(Changes(), ElementsAre());  // copied up, nothing else
  Put(dir_ / "up/a/b/old", "longer");
  Put(dir_ / "up/a/b/new", "x");
  fs::create_directories(dir_ / "up/moded");
  Check(::chmod((dir_ / "up/moded").c_str(), 0700) == 0, "chmod");
  fs::remove(dir_ / "up/hidden/y");
  Check(::setxattr((dir_ / "up/hidden").c_str(), "trusted.overlay.opaque", "y", 1, 0) == 0, "opaque");
  fs::remove_all(dir_ / "up/tofile");
  Put(dir_ / "up/tofile", "x");
  fs::remove(dir_ / "up/tofile2");
  fs::create_directories(dir_ / "up/tofile2/below");
  fs::remove_all(dir_ / "up/same");
  Whiteout("up/same");
  Whiteout("up/never");
  EXPECT_THAT(Changes(), ElementsAre("C/a", "C/a/b", "A/a/b/new", "C/a/b/old", "C/hidden", "D/hidden/y", "C/moded",
                                     "D/same", "C/tofile", "C/tofile2", "A/tofile2/below"));
}

// ---- against the kernel

class AsTheKernel : public Trees, public ::testing::WithParamInterface<unsigned> {};

TEST_P(AsTheKernel, TheLayerAndTheTreeShowWhatTheMountShows) {
  Random random(GetParam());
  for (const char* layer : {"low", "mid"})
    for (int i = 0; i < 40; ++i) Change1(random, dir_ / layer);
  Described shown;
  Described again;
  ASSERT_OK(os::InPrivateMounts([&]() -> Status {
    TRY(Mount("up", "work"));
    for (int i = 0; i < 60; ++i) Change1(random, dir_ / "merged");
    shown = Describe(dir_ / "merged");
    TRY(Unmount());
    TRY(Unpack(Layer(), dir_ / "layer"));
    TRY(Mount("layer", "again"));
    again = Describe(dir_ / "merged");
    return Unmount();
  }));
  EXPECT_EQ(again, shown);
  std::string bytes;
  ASSERT_OK(WriteTree(Tree(), Into(bytes)));
  ASSERT_OK(Unpack(bytes, dir_ / "tree"));
  EXPECT_EQ(Describe(dir_ / "tree"), shown);
}
INSTANTIATE_TEST_SUITE_P(Seeds, AsTheKernel, ::testing::Range(1U, 61U));

}  // namespace
}  // namespace estiba::image
