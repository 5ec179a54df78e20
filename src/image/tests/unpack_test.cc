#include "image/unpack.h"

#include <gmock/gmock.h>

#include <cerrno>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "os/file.h"
#include "os/mount.h"
#include "tests/disk_dir.h"
#include "tests/support.h"

namespace estiba::image {
namespace {

using codec::TarEntry;
using codec::TarKind;

TarEntry Entry(std::string path, TarKind kind = TarKind::kFile, std::uint32_t mode = 0644) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.kind = kind;
  entry.mode = mode;
  return entry;
}
TarEntry Directory(std::string path, std::uint32_t mode = 0755) {
  return Entry(std::move(path), TarKind::kDirectory, mode);
}
TarEntry Link(std::string path, std::string target, TarKind kind = TarKind::kSymlink) {
  TarEntry entry = Entry(std::move(path), kind);
  entry.link = std::move(target);
  return entry;
}

struct Item {
  TarEntry entry;
  std::string content;
};

enum class Form : unsigned char { kDirectory, kErofs };

// One layer in either form, and what unpacking into it says.
class Layer {
 public:
  explicit Layer(Form form = Form::kDirectory) : form_(form) {
    if (form == Form::kDirectory) {
      fd_ = os::OpenAt({AT_FDCWD}, dir_.path(), O_RDONLY | O_DIRECTORY).value();
      root_ = std::string(dir_.path()) + "/";
    } else {
      fd_ = os::OpenAt({AT_FDCWD}, dir_ / "image", O_RDWR | O_CREAT | O_EXCL, 0600).value();
    }
  }

  Result<Unpacked> Unpack(const std::vector<Item>& items, const UnpackOptions& options = {}, bool user_xattrs = false) {
    auto unpacked = Begin(items, options, user_xattrs);
    EXPECT_TRUE(!unpacked.ok() || Finish().ok());
    return unpacked;
  }
  // Without what comes after the archive.
  Result<Unpacked> Begin(const std::vector<Item>& items, const UnpackOptions& options = {}, bool user_xattrs = false) {
    std::string bytes;
    codec::TarWriter writer([&bytes](std::string_view piece) -> Status {
      bytes.append(piece);
      return Ok();
    });
    for (const Item& item : items) EXPECT_TRUE(writer.AddFile(item.entry, item.content).ok());
    EXPECT_TRUE(writer.Finish().ok());
    bool given = false;
    const codec::ByteSource source = [&]() -> Result<std::string_view> {
      return std::exchange(given, true) ? std::string_view() : std::string_view(bytes);
    };
    to_ = form_ == Form::kDirectory ? MakeDirectoryDestination({fd_.get()}, user_xattrs)
                                    : MakeErofsDestination(fd_.get());
    return UnpackLayer(*to_, source, options);
  }
  Result<std::uint64_t> Settle(const std::vector<const Layer*>& lowers, const Unpacked& unpacked,
                               std::uint64_t max_bytes = UINT64_MAX) {
    std::vector<std::unique_ptr<Lower>> owned;
    std::vector<const Lower*> below;
    for (const Layer* lower : lowers) {
      owned.push_back(lower->form_ == Form::kDirectory ? MakeDirectoryLower({lower->fd_.get()})
                                                       : MakeErofsLower(lower->fd_.get()).value());
      below.push_back(owned.back().get());
    }
    auto copied = SettleLayer(*to_, below, unpacked, max_bytes);
    EXPECT_TRUE(!copied.ok() || Finish().ok());
    return copied;
  }
  std::string operator/(const char* name) const { return root_ + name; }
  std::string Read(const char* name) const {
    const auto text = os::ReadFile(root_ + name);
    return text.ok() ? *text : text.error().Message();
  }
  struct stat Stat(const char* name) const {
    struct stat info {};
    EXPECT_EQ(::lstat((root_ + name).c_str(), &info), 0) << name;
    return info;
  }
  bool Has(const char* name) const {
    struct stat info {};
    return ::lstat((root_ + name).c_str(), &info) == 0;
  }
  std::string Attribute(const char* path, const char* name) const {
    char value[64] = {};
    const ssize_t size = ::lgetxattr((root_ + path).c_str(), name, value, sizeof value);
    return size < 0 ? "" : std::string(value, static_cast<std::size_t>(size));
  }

 private:
  // An image is looked at by mounting it.
  Status Finish() {
    TRY(to_->Finish("sha256:0123456789abcdef0123456789abcdef"));
    if (form_ == Form::kDirectory) return Ok();
    auto context = TRY(os::FilesystemContext::Open("erofs"));
    TRY(context.SetString("source", dir_ / "image"));
    mount_ = TRY(context.Mount(MOUNT_ATTR_RDONLY));
    root_ = "/proc/self/fd/" + std::to_string(mount_.fd()) + "/";
    return Ok();
  }

  testing::DiskDir dir_;
  Form form_;
  os::UniqueFd fd_;
  std::string root_;
  std::unique_ptr<Destination> to_;
  os::DetachedMount mount_;
};

struct Forms {
  Form top = Form::kDirectory;
  Form below = Form::kDirectory;
};

// Every form of a layer on every form of those below it.
class Unpack : public ::testing::TestWithParam<Forms> {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    const bool images = GetParam().top == Form::kErofs || GetParam().below == Form::kErofs;
    REQUIRE(!images || os::ReadFile("/proc/filesystems")->find("erofs") != std::string::npos, "EROFS in the kernel");
  }
  static Layer Below() { return Layer(GetParam().below); }
  static bool Images() { return GetParam().top == Form::kErofs; }
  Layer layer_{GetParam().top};
};
INSTANTIATE_TEST_SUITE_P(Forms, Unpack,
                         ::testing::Values(Forms{Form::kDirectory, Form::kDirectory},
                                           Forms{Form::kErofs, Form::kErofs}, Forms{Form::kErofs, Form::kDirectory},
                                           Forms{Form::kDirectory, Form::kErofs}),
                         [](const auto& one) {
                           const auto name = [](Form form) { return form == Form::kErofs ? "Erofs" : "Directory"; };
                           return std::string(name(one.param.top)) + "On" + name(one.param.below);
                         });

TEST_P(Unpack, OwnersModesTimesAndAttributesAreExact) {
  TarEntry tool = Entry("bin/tool", TarKind::kFile, 06755);
  tool.uid = 12;
  tool.gid = 34;
  tool.mtime_s = 1'500'000'000;
  tool.mtime_ns = 5;
  tool.xattrs = {
      {"security.capability",
       std::string("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20)}};
  TarEntry home = Directory("home", 01700);
  home.uid = 1000;
  home.mtime_s = 1'400'000'000;
  ASSERT_OK(layer_.Unpack({{Directory("./", 0711), ""}, {home, ""}, {Directory("bin"), ""}, {tool, "x"},
                           {Entry("home/later"), "changes the time of home, but for the end"}}));
  const struct stat file = layer_.Stat("bin/tool");
  EXPECT_EQ(file.st_mode, S_IFREG | 06755U);
  EXPECT_EQ(file.st_uid, 12U);
  EXPECT_EQ(file.st_gid, 34U);
  EXPECT_EQ(file.st_mtim.tv_sec, 1'500'000'000);
  EXPECT_EQ(file.st_mtim.tv_nsec, 5);
  EXPECT_EQ(layer_.Attribute("bin/tool", "security.capability").size(), 20U);
  const struct stat directory = layer_.Stat("home");
  EXPECT_EQ(directory.st_mode, S_IFDIR | 01700U);
  EXPECT_EQ(directory.st_uid, 1000U);
  EXPECT_EQ(directory.st_mtim.tv_sec, 1'400'000'000);
  EXPECT_EQ(layer_.Stat(".").st_mode, S_IFDIR | 0711U);
}

TEST_P(Unpack, KindsOfFiles) {
  TarEntry device = Entry("dev/full", TarKind::kCharDevice, 0666);
  device.device_major = 1;
  device.device_minor = 7;
  ASSERT_OK(layer_.Unpack({{Entry("a"), "content"},
                           {Link("b", "a", TarKind::kHardlink), ""},
                           {Link("c", "/etc/passwd"), ""},
                           {Link("d", "c", TarKind::kHardlink), ""},
                           {device, ""},
                           {Entry("fifo", TarKind::kFifo, 0600), ""},
                           {Entry("latin\xE9"), "bytes"}}));
  EXPECT_EQ(layer_.Stat("a").st_ino, layer_.Stat("b").st_ino);
  EXPECT_EQ(layer_.Stat("c").st_ino, layer_.Stat("d").st_ino);
  EXPECT_TRUE(S_ISLNK(layer_.Stat("d").st_mode));
  EXPECT_EQ(layer_.Stat("dev/full").st_rdev, ::makedev(1, 7));
  EXPECT_EQ(layer_.Stat("dev/full").st_mode, S_IFCHR | 0666U);
  EXPECT_TRUE(S_ISFIFO(layer_.Stat("fifo").st_mode));
  EXPECT_EQ(layer_.Read("latin\xE9"), "bytes");
}

TEST_P(Unpack, WhiteoutsBecomeOverlays) {
  ASSERT_OK(layer_.Unpack({{Directory("etc"), ""}, {Entry("etc/.wh.gone"), ""}, {Entry("var/.wh..wh..opq"), ""},
                           {Entry(".wh..wh.plnk/1.2"), "aufs's own"}, {Entry(".wh..wh.aufs"), ""}}));
  EXPECT_TRUE(S_ISCHR(layer_.Stat("etc/gone").st_mode));
  EXPECT_EQ(layer_.Stat("etc/gone").st_rdev, 0U);
  EXPECT_EQ(layer_.Attribute("var", "trusted.overlay.opaque"), "y");
  EXPECT_FALSE(layer_.Has("etc/.wh.gone"));
  EXPECT_FALSE(layer_.Has(".wh..wh.aufs"));
}

TEST_P(Unpack, WhiteoutsAreAboutLowerLayersWhereverTheyStand) {
  ASSERT_OK(layer_.Unpack({{Entry("a"), "mine"}, {Entry(".wh.a"), ""}, {Entry(".wh.b"), ""}, {Entry("b"), "mine"},
                           {Directory("c"), ""}, {Entry(".wh.c"), ""}, {Entry(".wh.d"), ""}, {Directory("d"), ""},
                           {Entry(".wh.e"), ""}, {Entry("e/f"), "mine"}}));
  EXPECT_EQ(layer_.Read("a"), "mine");
  EXPECT_EQ(layer_.Read("b"), "mine");
  EXPECT_EQ(layer_.Read("e/f"), "mine");
  for (const char* name : {"c", "d", "e"}) EXPECT_EQ(layer_.Attribute(name, "trusted.overlay.opaque"), "y") << name;
}

TEST_P(Unpack, InAUserNamespaceTheUsersAttributesServe) {
  if (Images()) return;  // it mounts none
  ASSERT_OK(layer_.Unpack({{Entry("var/.wh..wh..opq"), ""}}, {}, /*user_xattrs=*/true));
  EXPECT_EQ(layer_.Attribute("var", "trusted.overlay.opaque"), "");
  EXPECT_EQ(layer_.Attribute("var", "user.overlay.opaque"), "y");
}

TEST_P(Unpack, AnImageCannotSetOverlaysAttributes) {
  TarEntry directory = Directory("d");
  directory.xattrs = {{"trusted.overlay.redirect", "/etc"}, {"trusted.overlay.opaque", "y"}, {"user.kept", "1"}};
  ASSERT_OK(layer_.Unpack({{directory, ""}}));
  EXPECT_EQ(layer_.Attribute("d", "trusted.overlay.redirect"), "");
  EXPECT_EQ(layer_.Attribute("d", "trusted.overlay.opaque"), "");
}

TEST_P(Unpack, TheLastOfTwoEntriesWins) {
  ASSERT_OK(layer_.Unpack({{Entry("a"), "first"}, {Link("other", "a", TarKind::kHardlink), ""}, {Entry("a"), "second"},
                           {Directory("d"), ""}, {Entry("d/in"), ""}, {Entry("d"), "now a file"},
                           {Entry("f"), ""}, {Directory("f"), ""}, {Entry("f/in"), "in"},
                           {Link("l", "a"), ""}, {Entry("l"), "now a file"}}));
  EXPECT_EQ(layer_.Read("a"), "second");
  EXPECT_EQ(layer_.Read("other"), "first");
  EXPECT_EQ(layer_.Read("d"), "now a file");
  EXPECT_EQ(layer_.Read("f/in"), "in");
  EXPECT_EQ(layer_.Read("l"), "now a file");
}

struct Hostile {
  std::string name;
  std::vector<Item> items;
  std::string entry;  // named by the error
};

std::vector<Hostile> HostileArchives() {
  return {
      {"dotdot", {{Entry("a/../../x"), ""}}, "a/../../x"},
      {"absolute", {{Entry("/tmp/x"), ""}}, "/tmp/x"},
      {"through_symlink", {{Link("link", "/tmp"), ""}, {Entry("link/x"), ""}}, "link"},
      {"through_inner_symlink", {{Link("link", "."), ""}, {Entry("link/x"), ""}}, "link"},
      {"through_deep_symlink", {{Directory("a"), ""}, {Link("a/b", "../.."), ""}, {Entry("a/b/c/x"), ""}}, "a/b"},
      {"directory_through_symlink", {{Link("link", "/tmp"), ""}, {Directory("link/x"), ""}}, "link"},
      {"whiteout_through_symlink", {{Link("link", "/tmp"), ""}, {Entry("link/.wh.x"), ""}}, "link"},
      {"whiteout_of_parent", {{Entry("a/.wh..."), ""}}, "a/.wh..."},
      {"whiteout_of_nothing", {{Entry("a/.wh."), ""}}, "a/.wh."},
      {"hardlink_outside", {{Link("x", "../../etc/passwd", TarKind::kHardlink), ""}}, "../../etc/passwd"},
      {"hardlink_absolute", {{Link("x", "/etc/passwd", TarKind::kHardlink), ""}}, "/etc/passwd"},
      {"hardlink_through_symlink",
       {{Link("link", "/etc"), ""}, {Link("x", "link/passwd", TarKind::kHardlink), ""}}, "link/passwd"},
      {"hardlink_to_a_directory", {{Directory("d"), ""}, {Link("x", "d", TarKind::kHardlink), ""}}, "x"},
      {"hardlink_below_itself",
       {{Entry("d/f"), ""}, {Link("d", "d/f", TarKind::kHardlink), ""}}, "d"},
      {"hardlink_below_a_file", {{Entry("f"), ""}, {Link("x", "f/y", TarKind::kHardlink), ""}}, "f/y"},
      {"below_a_file", {{Entry("f"), ""}, {Entry("f/x"), ""}}, "f"},
      {"root_replaced", {{Link("./", "/tmp"), ""}}, "./"},
  };
}

class Refuses : public ::testing::TestWithParam<Hostile> {};
INSTANTIATE_TEST_SUITE_P(All, Refuses, ::testing::ValuesIn(HostileArchives()),
                         [](const auto& param) { return param.param.name; });

TEST_P(Refuses, AndNamesTheEntry) {
  for (const Form form : {Form::kDirectory, Form::kErofs}) {
    Layer layer(form);
    const auto unpacked = layer.Unpack(GetParam().items);
    ASSERT_FALSE(unpacked.ok());
    EXPECT_EQ(unpacked.error().code(), Code::kInvalidArgument) << unpacked.error().Message();
    EXPECT_THAT(unpacked.error().Message(), ::testing::HasSubstr("'" + GetParam().entry + "'"));
    EXPECT_NE(::access("/tmp/x", F_OK), 0);
  }
}

TEST_P(Unpack, CountsAndBoundsWhatItWrites) {
  UnpackOptions options;
  options.limits.max_total = 100;
  EXPECT_EQ(layer_.Unpack({{Entry("a"), std::string(60, 'x')}}, options)->bytes, 60U);
  Layer other(GetParam().top);
  const auto bomb = other.Unpack({{Entry("b"), std::string(60, 'x')}, {Entry("c"), std::string(60, 'x')}}, options);
  ASSERT_FALSE(bomb.ok());
  EXPECT_EQ(bomb.error().code(), Code::kResourceExhausted);
}

TEST_P(Unpack, RemembersLinksIntoLowerLayersAndImpliedDirectories) {
  ASSERT_OK_AND_ASSIGN(
      const Unpacked unpacked,
      layer_.Unpack(
          {{Link("x/new", "usr/old", TarKind::kHardlink), ""}, {Entry("a/b/c"), ""}, {Directory("a"), ""}}));
  ASSERT_EQ(unpacked.links.size(), 1U);
  EXPECT_EQ(unpacked.links[0].target, "usr/old");
  EXPECT_THAT(unpacked.implied, ::testing::ElementsAre("a/b", "x"));
}

TEST_P(Unpack, SettlesAgainstTheLayersBelow) {
  Layer bottom = Below();
  Layer middle = Below();
  TarEntry old = Entry("usr/old", TarKind::kFile, 04711);
  old.uid = 7;
  TarEntry usr = Directory("usr", 0751);
  usr.uid = 8;
  ASSERT_OK(bottom.Unpack({{usr, ""}, {old, "from below"}, {Entry("etc/hidden"), ""}}));
  ASSERT_OK(middle.Unpack({{Directory("etc"), ""}, {Entry("etc/.wh.hidden"), ""}}));
  ASSERT_OK_AND_ASSIGN(const Unpacked unpacked, layer_.Begin({{Link("new", "usr/old", TarKind::kHardlink), ""}}));
  const std::vector<const Layer*> lowers{&middle, &bottom};
  const std::string old_bytes = "from below";
  EXPECT_EQ(layer_.Settle(lowers, unpacked).value(), old_bytes.size());
  EXPECT_EQ(layer_.Read("new"), "from below");
  EXPECT_EQ(layer_.Stat("new").st_ino, layer_.Stat("usr/old").st_ino);
  EXPECT_EQ(layer_.Stat("usr/old").st_mode, S_IFREG | 04711U);
  EXPECT_EQ(layer_.Stat("usr/old").st_uid, 7U);
  EXPECT_EQ(layer_.Stat("usr").st_mode, S_IFDIR | 0751U);
  EXPECT_EQ(layer_.Stat("usr").st_uid, 8U);
  Layer other(GetParam().top);
  ASSERT_OK(other.Begin({}));
  const auto hidden = other.Settle(lowers, {0, {{"n", "etc/hidden"}}, {}});
  ASSERT_FALSE(hidden.ok());
  EXPECT_THAT(hidden.error().Message(), ::testing::HasSubstr("'etc/hidden'"));
}

TEST_P(Unpack, ALinkIntoALowerLayerGivesWayToALaterEntry) {
  Layer bottom = Below();
  ASSERT_OK(bottom.Unpack({{Entry("old"), "from below"}, {Entry("gone"), "kept by a link"}}));
  ASSERT_OK_AND_ASSIGN(const Unpacked unpacked,
                       layer_.Begin({{Link("a", "old", TarKind::kHardlink), ""},
                                      {Entry("a"), "mine"},
                                      {Link("b", "gone", TarKind::kHardlink), ""},
                                      {Link("b", "old", TarKind::kHardlink), ""},
                                      {Link("c", "gone", TarKind::kHardlink), ""},
                                      {Entry(".wh.gone"), ""},
                                      {Entry(".wh.c"), ""}}));
  ASSERT_OK(layer_.Settle({&bottom}, unpacked));
  EXPECT_EQ(layer_.Read("a"), "mine");
  EXPECT_EQ(layer_.Read("b"), "from below");
  EXPECT_EQ(layer_.Read("c"), "kept by a link");
  EXPECT_TRUE(S_ISCHR(layer_.Stat("gone").st_mode));
}

TEST_P(Unpack, CopiesNoMoreFromBelowThanItMay) {
  Layer bottom = Below();
  ASSERT_OK(bottom.Unpack({{Entry("a"), "12345"}, {Entry("b"), "12345"}}));
  ASSERT_OK_AND_ASSIGN(const Unpacked unpacked,
                       layer_.Begin({{Link("to-a", "a", TarKind::kHardlink), ""},
                                      {Link("to-a-too", "a", TarKind::kHardlink), ""},
                                      {Link("to-b", "b", TarKind::kHardlink), ""}}));
  Layer other(GetParam().top);
  ASSERT_OK(other.Begin({}));
  const auto too_large = other.Settle({&bottom}, unpacked, 9);
  ASSERT_FALSE(too_large.ok());
  EXPECT_EQ(too_large.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(too_large.error().Message(), ::testing::HasSubstr("'to-b' to 'b'"));
  EXPECT_EQ(layer_.Settle({&bottom}, unpacked, 10).value(), 10U);
}

TEST_P(Unpack, CopiesASparseFileFromBelowWithItsHoles) {
  constexpr off_t kSize = off_t{1} << 40;  // no disk here takes it
  Layer bottom;
  ASSERT_OK(bottom.Unpack({{Entry("sparse"), "start"}}));
  {
    ASSERT_OK_AND_ASSIGN(const os::UniqueFd file, os::OpenAt({AT_FDCWD}, bottom / "sparse", O_WRONLY));
    ASSERT_EQ(::pwrite(file.get(), "middle", 6, kSize / 2), 6);
    ASSERT_EQ(::ftruncate(file.get(), kSize), 0);
  }
  ASSERT_OK_AND_ASSIGN(const Unpacked unpacked, layer_.Begin({{Link("new", "sparse", TarKind::kHardlink), ""}}));
  ASSERT_OK_AND_ASSIGN(const std::uint64_t copied,
                       layer_.Settle({&bottom}, unpacked, 1U << 20));
  EXPECT_LE(copied, 1U << 20);
  EXPECT_EQ(layer_.Stat("new").st_size, kSize);
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd file, os::OpenAt({AT_FDCWD}, layer_ / "new", O_RDONLY));
  char text[6] = {};
  ASSERT_EQ(::pread(file.get(), text, sizeof text, kSize / 2), 6);
  EXPECT_EQ(std::string(text, 6), "middle");
}

TEST_P(Unpack, RefusesToHideALowerLayersSymlinkByAnImpliedDirectory) {
  Layer bottom = Below();
  ASSERT_OK(bottom.Unpack({{Link("lib", "usr/lib"), ""}}));
  ASSERT_OK_AND_ASSIGN(const Unpacked unpacked, layer_.Begin({{Entry("lib/x"), ""}}));
  const auto settled = layer_.Settle({&bottom}, unpacked);
  ASSERT_FALSE(settled.ok());
  EXPECT_THAT(settled.error().Message(), ::testing::HasSubstr("'lib'"));
}

}  // namespace
}  // namespace estiba::image
