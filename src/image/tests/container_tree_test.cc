#include "container_tree.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "codec/tar.h"
#include "image/unpack.h"
#include "os/file.h"
#include "os/mountns.h"
#include "tests/support.h"

namespace estiba::image {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void Check(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

void Put(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// A tree's entries: path → everything that an image keeps of it.
using Described = std::map<std::string, std::string>;

std::string AttributesOf(const std::string& path) {
  std::string names(4096, '\0');
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  names.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  std::map<std::string, std::string> values;
  for (std::size_t at = 0; at < names.size(); at += std::strlen(names.c_str() + at) + 1) {
    const std::string name = names.c_str() + at;
    std::string value(256, '\0');
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (!name.starts_with("trusted.overlay.") && length >= 0)
      values[name] = value.substr(0, static_cast<std::size_t>(length));
  }
  std::string out;
  for (const auto& [name, value] : values) out += " " + name + "=" + value;
  return out;
}

// `names` gathers what is one file under several names.
void DescribeOne(const std::string& root, const std::string& path, std::map<ino_t, std::vector<std::string>>& names,
                 Described& out) {
  const std::string whole = root + "/" + path;
  struct stat info {};
  Check(::lstat(whole.c_str(), &info) == 0, whole);
  std::string text = std::to_string(info.st_mode) + " " + std::to_string(info.st_uid) + ":" +
                     std::to_string(info.st_gid);
  if (!S_ISDIR(info.st_mode))  // making an entry in it, or copying it up, sets a directory's
    text += " " + std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
  if (S_ISREG(info.st_mode)) text += " " + os::ReadFile(whole).value();
  if (S_ISLNK(info.st_mode)) text += " -> " + fs::read_symlink(whole).string();
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode)) text += " " + std::to_string(info.st_rdev);
  text += AttributesOf(whole);
  if (!S_ISDIR(info.st_mode)) names[info.st_ino].push_back(path);
  out[path] = text;
}

Described Describe(const std::string& root) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    paths.push_back(entry.path().lexically_relative(root).string());
  std::ranges::sort(paths);
  Described out;
  std::map<ino_t, std::vector<std::string>> names;
  for (const std::string& path : paths) DescribeOne(root, path, names, out);
  for (const auto& [inode, same] : names) {
    for (const std::string& path : same)
      if (same.size() > 1) out[path] += " = " + same.front();
  }
  return out;
}

os::UniqueFd Open(const std::string& path) { return os::OpenAt({AT_FDCWD}, path, O_RDONLY | O_DIRECTORY).value(); }

// A container: an image of two layers, and what it changed, below one temporary directory.
class Trees : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    for (const char* name : {"low", "mid", "up", "work", "merged", "layer", "again", "tree"})
      fs::create_directory(dir_ / name);
  }

  // Of upper and lowers as they are now.
  ContainerTree Tree() {
    fds_.clear();
    for (const char* name : {"up", "mid", "low"}) fds_.push_back(Open(dir_ / name));
    ContainerTree tree;
    tree.upper = fds_[0].get();
    tree.lowers = {fds_[1].get(), fds_[2].get()};
    tree.mount_points = {"proc", "dev", "etc/hosts", "etc/resolv.conf"};
    return tree;
  }

  static codec::ByteSink Into(std::string& bytes) {
    return [&bytes](std::string_view piece) -> Status {
      bytes.append(piece);
      return Ok();
    };
  }

  static Status Unpack(const std::string& bytes, const std::string& to) {
    bool given = false;
    const codec::ByteSource source = [&]() -> Result<std::string_view> {
      return std::exchange(given, true) ? std::string_view() : std::string_view(bytes);
    };
    const os::UniqueFd root = Open(to);
    const auto layer = MakeDirectoryDestination({root.get()}, /*user_xattrs=*/false);
    const Unpacked out = TRY(UnpackLayer(*layer, source, {}));
    EXPECT_FALSE(out.NeedsSettling());
    return layer->Finish("");
  }

  std::vector<std::string> Names(const std::string& bytes) {
    bool given = false;
    codec::TarReader reader([&]() -> Result<std::string_view> {
      return std::exchange(given, true) ? std::string_view() : std::string_view(bytes);
    });
    std::vector<std::string> out;
    codec::TarEntry entry;
    while (reader.Next(entry).value()) out.push_back(entry.path);
    return out;
  }

  std::string Layer() {
    std::string bytes;
    const Status written = WriteLayer(Tree(), Into(bytes));
    EXPECT_TRUE(written.ok()) << written.error().Message();
    return bytes;
  }
  std::vector<std::string> Changes() {
    std::vector<std::string> out;
    auto changes = ListChanges(Tree());
    EXPECT_TRUE(changes.ok());
    for (const Change& change : *changes) out.push_back("CAD"[static_cast<int>(change.kind)] + change.path);
    return out;
  }
  std::string operator/(const char* name) const { return dir_ / name; }
  void Whiteout(const char* path) { Check(::mknod((dir_ / path).c_str(), S_IFCHR, 0) == 0, path); }

  testing::TempDir dir_;
  std::vector<os::UniqueFd> fds_;
};

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

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t Below(std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(engine_); }
  std::string Name() { return std::string(1, "abcdefgh"[Below(8)]); }

 private:
  std::mt19937 engine_;
};

// Some path of a tree: a few names, three deep.
std::string AnyPath(Random& random, const std::string& root) {
  std::string path = root + "/" + random.Name();
  for (std::size_t depth = random.Below(3); depth > 0 && fs::is_directory(fs::symlink_status(path)); --depth)
    path += "/" + random.Name();
  return path;
}

// One change such as containers make; what cannot be done is left.
void Change1(Random& random, const std::string& root) {
  std::error_code ignored;
  const std::string path = AnyPath(random, root);
  const std::string other = AnyPath(random, root);
  switch (random.Below(12)) {
    case 0:
    case 1:
      // Opening a fifo would wait for a reader; a link may lead into a layer, past the mount.
      if (!fs::is_fifo(path, ignored) && !fs::is_symlink(path, ignored)) Put(path, std::string(random.Below(40), 'x'));
      break;
    case 2:
    case 3: fs::create_directory(path, ignored); break;
    case 4: fs::remove_all(path, ignored); break;
    case 5: fs::create_symlink(other, path, ignored); break;
    case 6: (void)!::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, other.c_str(), 0); break;
    case 7: fs::rename(path, other, ignored); break;
    case 8: (void)!::lchown(path.c_str(), static_cast<uid_t>(random.Below(3)), 7); break;
    case 9:
      if (!fs::is_symlink(path)) (void)!::chmod(path.c_str(), static_cast<mode_t>(0400 + random.Below(0377)));
      break;
    case 10: (void)!::lsetxattr(path.c_str(), "trusted.note", "value", random.Below(6), 0); break;
    case 11: (void)!::mkfifo(path.c_str(), 0600); break;
  }
}

class AsTheKernel : public Trees, public ::testing::WithParamInterface<unsigned> {
 protected:
  Status Mount(const std::string& upper, const std::string& work) {
    const std::string options = "lowerdir=" + (dir_ / "mid") + ":" + (dir_ / "low") +
                                ",upperdir=" + (dir_ / upper.c_str()) + ",workdir=" + (dir_ / work.c_str()) +
                                ",index=off,metacopy=off,redirect_dir=off";
    if (::mount("overlay", (dir_ / "merged").c_str(), "overlay", 0, options.c_str()) == 0) return Ok();
    return Error::Errno(errno, "mount overlay");
  }
  Status Unmount() {
    if (::umount2((dir_ / "merged").c_str(), MNT_DETACH) == 0) return Ok();
    return Error::Errno(errno, "unmount");
  }
};

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
