#include "erofs/writer.h"

#include <random>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/image.h"
#include "tests/model.h"

namespace estiba::erofs {
namespace {

Metadata Plain(std::uint32_t mode = 0644) {
  Metadata out;
  out.mode = mode;
  return out;
}

struct stat StatAt(const os::DetachedMount& mount, const char* path) {
  struct stat info {};
  EXPECT_EQ(::fstatat(mount.fd(), path, &info, AT_SYMLINK_NOFOLLOW), 0) << path;
  return info;
}

std::string ReadAt(const os::DetachedMount& mount, const char* path) {
  const auto text = os::ReadFileAt({mount.fd()}, path);
  return text.ok() ? *text : text.error().Message();
}

class WriterTest : public ::testing::Test {
 protected:
  // Finishes the image and has it checked.
  void Finish() {
    ASSERT_OK(image_.Finish());
    EXPECT_EQ(image_.Check(), "");
  }
  Result<Reader> Read() { return Reader::Open(image_.file()); }
  Writer& writer() { return image_.writer(); }
  Image image_;
};

TEST_F(WriterTest, AnEmptyImageIsARootDirectory) {
  Finish();
  ASSERT_OK_AND_ASSIGN(const Reader reader, Read());
  ASSERT_OK_AND_ASSIGN(const Reader::Inode root, reader.Get(reader.root()));
  EXPECT_EQ(root.kind, Kind::kDirectory);
  EXPECT_EQ(root.links, 2U);
  EXPECT_EQ(root.metadata.mode, 0755U);
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image_.Mount());
  EXPECT_EQ(StatAt(mount, ".").st_mode, S_IFDIR | 0755U);
}

TEST_F(WriterTest, TheSameCallsGiveTheSameBytes) {
  Image other;
  for (Image* image : {&image_, &other}) {
    Writer* writer = &image->writer();
    ASSERT_OK_AND_ASSIGN(const Writer::Directory dir, writer->AddDirectory(Writer::kRoot, "dir"));
    ASSERT_OK(writer->AddFile(dir, "file", Plain(), 5000, ContentOf(std::string(5000, 'x'))));
    ASSERT_OK(image->Finish());
  }
  EXPECT_EQ(os::ReadFile(image_.path()).value(), os::ReadFile(other.path()).value());
  Image third;
  ASSERT_OK(third.Finish("another identity"));
  Image fourth;
  ASSERT_OK(fourth.Finish());
  EXPECT_NE(os::ReadFile(third.path()).value(), os::ReadFile(fourth.path()).value());
}

TEST_F(WriterTest, OwnersOfThirtyTwoBitsAndTimesOfNanoseconds) {
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  Metadata metadata = Plain(06755);
  metadata.uid = 0xFFFFFFFE;
  metadata.gid = 0x80000000;
  metadata.mtime_s = -86400;
  metadata.mtime_ns = 999'999'999;
  ASSERT_OK(writer().AddFile(Writer::kRoot, "file", metadata, 0, ContentOf("")));
  Finish();
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image_.Mount());
  const struct stat info = StatAt(mount, "file");
  EXPECT_EQ(info.st_mode, S_IFREG | 06755U);
  EXPECT_EQ(info.st_uid, 0xFFFFFFFEU);
  EXPECT_EQ(info.st_gid, 0x80000000U);
  EXPECT_EQ(info.st_mtim.tv_sec, -86400);
  EXPECT_EQ(info.st_mtim.tv_nsec, 999'999'999);
}

TEST_F(WriterTest, TheLastOfTwoEntriesWinsAndLinksAreCounted) {
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  ASSERT_OK(writer().AddFile(Writer::kRoot, "a", Plain(), 5, ContentOf("first")));
  ASSERT_OK(writer().AddLink(Writer::kRoot, "b", Writer::kRoot, "a"));
  ASSERT_OK(writer().AddLink(Writer::kRoot, "c", Writer::kRoot, "b"));
  ASSERT_OK(writer().AddFile(Writer::kRoot, "a", Plain(), 6, ContentOf("second")));
  ASSERT_OK_AND_ASSIGN(const Writer::Directory old, writer().AddDirectory(Writer::kRoot, "d"));
  ASSERT_OK_AND_ASSIGN(const Writer::Directory deep, writer().AddDirectory(old, "deep"));
  ASSERT_OK(writer().AddLink(deep, "e", Writer::kRoot, "b"));
  ASSERT_OK_AND_ASSIGN(const Writer::Directory fresh, writer().AddDirectory(Writer::kRoot, "d"));
  ASSERT_OK(writer().AddSymlink(fresh, "l", Plain(), "../a"));
  writer().Remove(Writer::kRoot, "nothing of that name");
  EXPECT_FALSE(writer().Find(fresh, "deep").has_value());
  const auto missing = writer().AddLink(Writer::kRoot, "x", fresh, "deep");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), Code::kNotFound);
  Finish();
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image_.Mount());
  EXPECT_EQ(ReadAt(mount, "a"), "second");
  EXPECT_EQ(ReadAt(mount, "b"), "first");
  EXPECT_EQ(StatAt(mount, "a").st_nlink, 1U);
  EXPECT_EQ(StatAt(mount, "b").st_nlink, 2U);
  EXPECT_EQ(StatAt(mount, "b").st_ino, StatAt(mount, "c").st_ino);
  EXPECT_EQ(ReadAt(mount, "d/l"), "second");
  EXPECT_NE(::faccessat(mount.fd(), "d/deep", F_OK, 0), 0);
}

TEST_F(WriterTest, NamesThatNoDirectoryHasAreRefused) {
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                  std::string("nul\0", 4), std::string(256, 'n')}) {
    EXPECT_FALSE(writer().AddDirectory(Writer::kRoot, name).ok()) << name;
  }
  ASSERT_OK(writer().AddDirectory(Writer::kRoot, std::string(255, 'n')));
  ASSERT_OK(writer().AddDirectory(Writer::kRoot, "latin\xE9"));
  // What sorts before the dots.
  for (const char* name : {"!", " ", "-", "+x", "...", ".a"}) ASSERT_OK(writer().AddDirectory(Writer::kRoot, name));
  Finish();
  ASSERT_OK_AND_ASSIGN(const Reader reader, Read());
  const std::string longest(255, 'n');
  for (const std::string_view name : {"!", "...", longest.c_str(), "latin\xE9"})
    EXPECT_TRUE(reader.Find(reader.root(), name)->has_value()) << name;
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image_.Mount());
  for (const char* name : {"!", " ", "-", "+x", "...", ".a", "latin\xE9"})
    EXPECT_EQ(StatAt(mount, name).st_mode, S_IFDIR | 0755U) << name;
}

TEST_F(WriterTest, LinksOfAnyLength) {
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  for (const std::size_t size : {1U, 59U, 4031U, 4032U, 4033U, 4095U})
    ASSERT_OK(writer().AddSymlink(Writer::kRoot, "l" + std::to_string(size), Plain(), std::string(size, 't')));
  EXPECT_FALSE(writer().AddSymlink(Writer::kRoot, "long", Plain(), std::string(4096, 't')).ok());
  Finish();
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image_.Mount());
  for (const std::size_t size : {1U, 59U, 4031U, 4032U, 4033U, 4095U}) {
    std::string target(5000, '\0');
    const ssize_t n = ::readlinkat(mount.fd(), ("l" + std::to_string(size)).c_str(), target.data(), target.size());
    EXPECT_EQ(n, static_cast<ssize_t>(size));
  }
}

TEST_F(WriterTest, AttributesAsLargeAsTheKernelHasThem) {
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  Metadata metadata = Plain();
  metadata.attributes = {{"user.large", std::string(65535, 'v')},
                         {"user." + std::string(250, 'n'), "x"},
                         {"security.capability", std::string("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00"
                                                             "\x00\x00\x00\x00\x00\x00\x00", 20)},
                         {"trusted.overlay.opaque", "y"},
                         {"user.twice", "first"},
                         {"user.twice", "second"},
                         {"user.empty", ""}};
  ASSERT_OK(writer().AddFile(Writer::kRoot, "file", metadata, 9000, ContentOf(std::string(9000, 'c'))));
  ASSERT_OK_AND_ASSIGN(const Writer::Directory dir, writer().AddDirectory(Writer::kRoot, "dir"));
  ASSERT_OK(writer().Describe(dir, metadata));
  for (const char* name : {"system.other", "user.", "other", ""}) {
    metadata.attributes = {{name, "x"}};
    EXPECT_FALSE(writer().AddFile(Writer::kRoot, "refused", metadata, 0, ContentOf("")).ok()) << name;
  }
  Finish();
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image_.Mount());
  for (const char* path : {"file", "dir"}) {
    const std::string full = "/proc/self/fd/" + std::to_string(mount.fd()) + "/" + path;
    std::string value(1U << 16, '\0');
    EXPECT_EQ(::lgetxattr(full.c_str(), "user.large", value.data(), value.size()), 65535);
    EXPECT_EQ(::lgetxattr(full.c_str(), ("user." + std::string(250, 'n')).c_str(), value.data(), value.size()), 1);
    EXPECT_EQ(::lgetxattr(full.c_str(), "security.capability", value.data(), value.size()), 20);
    EXPECT_EQ(::lgetxattr(full.c_str(), "trusted.overlay.opaque", value.data(), value.size()), 1);
    EXPECT_EQ(::lgetxattr(full.c_str(), "user.twice", value.data(), value.size()), 6);
    EXPECT_EQ(::lgetxattr(full.c_str(), "user.empty", value.data(), value.size()), 0);
  }
  EXPECT_EQ(ReadAt(mount, "file"), std::string(9000, 'c'));
}

TEST_F(WriterTest, TheRootHasRoomForSomeAttributes) {
  ASSERT_OK(writer().SetAttribute(Writer::kRoot, "user.some", std::string(2800, 'v')));
  for (int i = 0; i < 500; ++i) ASSERT_OK(writer().AddDirectory(Writer::kRoot, "d" + std::to_string(i)));
  Finish();
  ASSERT_OK_AND_ASSIGN(const Reader reader, Read());
  EXPECT_EQ(reader.AttributeOf(reader.root(), "user.some")->value().size(), 2800U);
  EXPECT_TRUE(reader.Find(reader.root(), "d499")->has_value());
  Image other;
  ASSERT_OK(other.writer().SetAttribute(Writer::kRoot, "user.many", std::string(3000, 'v')));
  EXPECT_FALSE(other.Finish().ok());
}

TEST_F(WriterTest, SparseFilesKeepTheirHoles) {
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  constexpr std::uint64_t kSize = std::uint64_t{5} << 40;
  ASSERT_OK(writer().AddFile(Writer::kRoot, "huge", Plain(), kSize,
                             ContentOf({{0, "start"}, {kSize / 2 + 17, "middle"}, {kSize - 3, "end"}})));
  ASSERT_OK(writer().AddFile(Writer::kRoot, "hole", Plain(), 1U << 20, ContentOf("")));
  ASSERT_OK(writer().AddFile(Writer::kRoot, "tail", Plain(), (1U << 20) + 5, ContentOf(std::string(10000, 'x'))));
  Finish();
  struct stat file {};
  ASSERT_EQ(::fstat(image_.file(), &file), 0);
  EXPECT_LT(file.st_blocks * 512, 4 << 20);
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image_.Mount());
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd huge, os::OpenAt({mount.fd()}, "huge", O_RDONLY));
  std::string text(6, '\0');
  ASSERT_EQ(::pread(huge.get(), text.data(), 6, kSize / 2 + 17), 6);
  EXPECT_EQ(text, "middle");
  ASSERT_EQ(::pread(huge.get(), text.data(), 6, kSize - 3), 3);
  EXPECT_EQ(text.substr(0, 3), "end");
  EXPECT_GT(::lseek(huge.get(), 0, SEEK_HOLE), 0);
  EXPECT_GT(::lseek(huge.get(), 64 << 20, SEEK_DATA), static_cast<off_t>(kSize / 4));
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd hole, os::OpenAt({mount.fd()}, "hole", O_RDONLY));
  EXPECT_EQ(::lseek(hole.get(), 0, SEEK_DATA), -1);
  EXPECT_EQ(StatAt(mount, "tail").st_size, (1 << 20) + 5);
  EXPECT_EQ(ReadAt(mount, "tail"), std::string(10000, 'x') + std::string((1U << 20) + 5 - 10000, '\0'));
}

TEST_F(WriterTest, ContentThatIsNotAsAnnouncedIsRefused) {
  EXPECT_FALSE(writer().AddFile(Writer::kRoot, "a", Plain(), 3, ContentOf("four")).ok());
  EXPECT_FALSE(writer().AddFile(Writer::kRoot, "b", Plain(), 30, ContentOf({{10, "x"}, {5, "x"}})).ok());
  EXPECT_FALSE(writer().AddFile(Writer::kRoot, "c", Plain(), 30, ContentOf({{31, "x"}})).ok());
  EXPECT_FALSE(writer().AddFile(Writer::kRoot, "d", Plain(), std::uint64_t{1} << 62, ContentOf("x")).ok());
  Finish();
}

TEST_F(WriterTest, AHundredThousandEntriesInOneDirectory) {
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    const std::string name = "name-" + std::to_string(std::int64_t{i} * 7919 % kCount);
    ASSERT_OK(writer().AddFile(Writer::kRoot, name, Plain(), 3, ContentOf("abc")));
  }
  Finish();
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image_.Mount());
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, os::ListDirectory({mount.fd()}, "."));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kCount));
  for (int i = 0; i < kCount; i += 997) EXPECT_EQ(ReadAt(mount, ("name-" + std::to_string(i)).c_str()), "abc");
  ASSERT_OK_AND_ASSIGN(const Reader reader, Read());
  EXPECT_EQ(reader.inodes(), static_cast<std::uint64_t>(kCount) + 1);
  for (int i = 0; i < kCount; i += 997)
    EXPECT_TRUE(reader.Find(reader.root(), "name-" + std::to_string(i))->has_value());
}

// Builds a random tree in an image and in a model at once.
class RandomTree {
 public:
  RandomTree(Writer& writer, unsigned seed) : writer_(writer), random_(seed) {
    directories_.emplace_back("", Writer::kRoot);
    ModelNode& root = model_[""];
    root.kind = Kind::kDirectory;
    root.metadata.mode = 0755;
  }

  Status Grow(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) TRY(Step());
    for (const auto& [path, directory] : directories_) {
      if (!model_.contains(path) || model_[path].id != directory) continue;
      model_[path].metadata = AnyMetadata();
      if (path.empty()) model_[path].metadata.attributes.clear();  // it has less room for them
      TRY(writer_.Describe(directory, model_[path].metadata));
    }
    CountLinks();
    return Ok();
  }
  const Model& model() const { return model_; }

 private:
  std::uint64_t Pick(std::uint64_t below) { return random_() % below; }

  std::string AnyName() {
    static constexpr std::string_view kAlphabet = "abcdeABC.-_ !~\xE9\xC3";
    std::string out;
    const std::uint64_t size = Pick(20) == 0 ? 200 + Pick(55) : 1 + Pick(3);
    for (std::uint64_t i = 0; i < size; ++i) out += kAlphabet[Pick(kAlphabet.size())];
    return out == "." || out == ".." ? "dots" : out;
  }

  Metadata AnyMetadata() {
    Metadata out;
    out.mode = static_cast<std::uint32_t>(Pick(010000));
    out.uid = static_cast<std::uint32_t>(Pick(2) == 0 ? 0 : Pick(0xFFFFFFFE));
    out.gid = static_cast<std::uint32_t>(Pick(0xFFFFFFFE));
    out.mtime_s = static_cast<std::int64_t>(Pick(1U << 31));
    out.mtime_ns = static_cast<std::uint32_t>(Pick(1'000'000'000));
    for (std::uint64_t i = Pick(8); i > 5; --i)
      out.attributes.emplace_back("user.a" + std::to_string(i), std::string(Pick(i == 7 ? 5000 : 20), 'v'));
    return out;
  }

  std::string AnyBytes(std::uint64_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }

  ModelNode AnyFile() {
    ModelNode node;
    const std::uint64_t sizes[] = {0, 1 + Pick(100), 3900 + Pick(300), 4096, 4096 * (1 + Pick(4)), Pick(100'000)};
    node.size = sizes[Pick(std::size(sizes))];
    if (Pick(4) == 0) {  // with holes
      node.size = Pick(2) == 0 ? Pick(200'000) : Pick(std::uint64_t{1} << (Pick(20) == 0 ? 32 : 25));
      std::uint64_t at = Pick(3) == 0 ? 0 : Pick(10'000);
      for (std::uint64_t i = Pick(6); i > 0 && at < node.size; --i) {
        const std::uint64_t size = std::min(node.size - at, 1 + Pick(9000));
        node.pieces[at] = AnyBytes(size);
        at += size + (Pick(2) == 0 ? Pick(5000) : Pick(node.size));
      }
    } else if (node.size > 0) {
      node.pieces[0] = AnyBytes(node.size);
    }
    return node;
  }

  // What was at the path, and below it, is gone.
  void Forget(const std::string& path) {
    model_.erase(path);
    std::erase_if(model_, [&](const auto& one) { return one.first.starts_with(path + "/"); });
    std::erase_if(directories_,
                  [&](const auto& one) { return one.first == path || one.first.starts_with(path + "/"); });
  }

  Status Step() {
    const auto [parent, directory] = directories_[Pick(directories_.size())];
    const std::string name = AnyName();
    const std::string path = parent.empty() ? name : parent + "/" + name;
    const std::uint64_t what = Pick(20);
    if (what == 0) {
      writer_.Remove(directory, name);
      Forget(path);
      return Ok();
    }
    if (what < 3 && !model_.empty()) return Link(directory, name, path);
    Forget(path);
    ModelNode node;
    node.metadata = AnyMetadata();
    if (what < 8) {
      node.kind = Kind::kDirectory;
      const Writer::Directory made = TRY(writer_.AddDirectory(directory, name));
      directories_.emplace_back(path, made);
      node.id = made;
    } else if (what < 10) {
      node.kind = Kind::kSymlink;
      node.target = AnyName();
      node.metadata.attributes.clear();
      TRY(writer_.AddSymlink(directory, name, node.metadata, node.target));
      node.metadata.mode = 0777;
    } else if (what == 10) {
      node.metadata.attributes.clear();  // the kernel has none of the user's on those
      node.kind = Pick(2) == 0 ? Kind::kCharDevice : Kind::kBlockDevice;
      node.device = {static_cast<std::uint32_t>(Pick(1U << 12)), static_cast<std::uint32_t>(Pick(1U << 20))};
      TRY(writer_.AddDevice(directory, name, node.metadata, node.kind, node.device));
    } else if (what == 11) {
      node.kind = Kind::kFifo;
      node.metadata.attributes.clear();
      TRY(writer_.AddFifo(directory, name, node.metadata));
    } else {
      const Metadata metadata = node.metadata;
      node = AnyFile();
      node.metadata = metadata;
      TRY(writer_.AddFile(directory, name, node.metadata, node.size,
                          ContentOf(Pieces(node.pieces.begin(), node.pieces.end()))));
    }
    if (node.kind != Kind::kDirectory) node.id = kFirstFile + next_++;
    model_[path] = std::move(node);
    return Ok();
  }

  Status Link(Writer::Directory directory, const std::string& name, const std::string& path) {
    const auto chosen = std::next(model_.begin(), static_cast<std::ptrdiff_t>(Pick(model_.size())));
    const auto& [target, node] = *chosen;
    const std::size_t slash = target.rfind('/');
    const std::string holder = slash == std::string::npos ? "" : target.substr(0, slash);
    if (node.kind == Kind::kDirectory || target == path || target.starts_with(path + "/")) return Ok();
    const auto parent = std::ranges::find(directories_, holder, [](const auto& one) { return one.first; });
    TRY(writer_.AddLink(directory, name, parent->second, target.substr(slash == std::string::npos ? 0 : slash + 1)));
    ModelNode copy = node;
    Forget(path);
    model_[path] = std::move(copy);
    return Ok();
  }

  void CountLinks() {
    std::map<std::uint64_t, std::uint32_t> counts;
    for (const auto& [path, node] : model_) ++counts[node.id];
    for (auto& [path, node] : model_) {
      if (node.kind != Kind::kDirectory) node.links = counts[node.id];
    }
  }

  static constexpr std::uint64_t kFirstFile = std::uint64_t{1} << 40;
  Writer& writer_;
  std::mt19937_64 random_;
  Model model_;
  std::vector<std::pair<std::string, Writer::Directory>> directories_;
  std::uint64_t next_ = 0;
};

class RandomImages : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomImages, ::testing::Range(0U, 24U));

TEST_P(RandomImages, AreToTheKernelTheCheckerAndTheReaderWhatWasWritten) {
  Image image;
  RandomTree tree(image.writer(), GetParam());
  ASSERT_OK(tree.Grow(20 + GetParam() * GetParam()));
  ASSERT_OK(image.Finish());
  EXPECT_EQ(image.Check(), "");
  const Listing wanted = ListModel(tree.model());
  ASSERT_OK_AND_ASSIGN(const Reader reader, Reader::Open(image.file()));
  ASSERT_OK_AND_ASSIGN(const Listing read, ListRead(reader, tree.model()));
  EXPECT_EQ(Difference(read, wanted), "");
  REQUIRE(CanMount(), "root and EROFS in the kernel");
  ASSERT_OK_AND_ASSIGN(const os::DetachedMount mount, image.Mount());
  ASSERT_OK_AND_ASSIGN(const Listing mounted, ListMounted({mount.fd()}, tree.model()));
  EXPECT_EQ(Difference(mounted, wanted), "");
}

}  // namespace
}  // namespace estiba::erofs
