#include "erofs/reader.h"

#include <random>

#include "tests/image.h"

namespace estiba::erofs {
namespace {

class ReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Metadata metadata;
    metadata.attributes = {{"user.a", "1"}};
    ASSERT_OK_AND_ASSIGN(const Writer::Directory dir, image_.writer().AddDirectory(Writer::kRoot, "dir"));
    ASSERT_OK(image_.writer().Describe(dir, metadata));
    ASSERT_OK(image_.writer().AddFile(dir, "file", metadata, 9000, ContentOf(std::string(9000, 'x'))));
    ASSERT_OK(image_.writer().AddFile(dir, "sparse", metadata, 1U << 20, ContentOf({{100'000, "x"}})));
    ASSERT_OK(image_.writer().AddSymlink(dir, "link", metadata, "file"));
    for (int i = 0; i < 300; ++i)
      ASSERT_OK(image_.writer().AddFile(Writer::kRoot, "f" + std::to_string(i), metadata, 3, ContentOf("abc")));
    ASSERT_OK(image_.Finish());
  }
  Image image_;
};

// Everything that a reader can be asked, a bounded number of times.
void ReadAll(const Reader& reader) {
  std::vector<Reader::Number> todo = {reader.root()};
  std::string buffer;
  for (std::size_t i = 0; i < todo.size() && i < 2000; ++i) {
    const Reader::Number number = todo[i];
    const auto inode = reader.Get(number);
    (void)reader.AttributesOf(number).ok();
    (void)reader.LinkOf(number).ok();
    if (!inode.ok()) continue;
    std::uint64_t at = 0;
    for (int pieces = 0; pieces < 100; ++pieces) {
      const auto piece = reader.Read(number, at, buffer, 1U << 16);
      if (!piece.ok() || piece->bytes.empty()) break;
      ASSERT_GE(piece->offset, at);
      ASSERT_LE(piece->offset + piece->bytes.size(), inode->size);
      at = piece->offset + piece->bytes.size();
    }
    (void)reader.Find(number, "file").ok();
    (void)reader
        .List(number,
              [&](std::string_view, Reader::Number child, Kind) {
                todo.push_back(child);
                return todo.size() < 4000 ? Ok() : Status(Error(Code::kAborted, "enough"));
              })
        .ok();
  }
}

TEST_F(ReaderTest, FindsWhatIsThereAndNothingElse) {
  ASSERT_OK_AND_ASSIGN(const Reader reader, Reader::Open(image_.file()));
  ASSERT_OK_AND_ASSIGN(const auto dir, reader.Find(reader.root(), "dir"));
  ASSERT_TRUE(dir.has_value());
  ASSERT_OK_AND_ASSIGN(const auto link, reader.Find(*dir, "link"));
  EXPECT_EQ(reader.LinkOf(*link).value(), "file");
  EXPECT_EQ(reader.AttributeOf(*dir, "user.a")->value(), "1");
  EXPECT_FALSE(reader.AttributeOf(*dir, "user.b")->has_value());
  for (const char* name : {"", "a", "f", "f3000", "zzz"}) EXPECT_FALSE(reader.Find(reader.root(), name)->has_value());
  EXPECT_FALSE(reader.Find(*link, "x").ok());
}

TEST_F(ReaderTest, ADamagedSuperblockIsToldOf) {
  for (const off_t offset : {1024, 1030, 1060, 2000, 4095}) {
    char before = 0;
    ASSERT_EQ(::pread(image_.file(), &before, 1, offset), 1);
    const char after = static_cast<char>(before ^ 0x5A);
    ASSERT_EQ(::pwrite(image_.file(), &after, 1, offset), 1);
    const auto reader = Reader::Open(image_.file());
    ASSERT_FALSE(reader.ok());
    EXPECT_EQ(reader.error().code(), Code::kDataLoss);
    ASSERT_EQ(::pwrite(image_.file(), &before, 1, offset), 1);
  }
  EXPECT_TRUE(Reader::Open(image_.file()).ok());
}

TEST_F(ReaderTest, AnImageCutShortIsToldOf) {
  struct stat info {};
  ASSERT_EQ(::fstat(image_.file(), &info), 0);
  for (const off_t size : {off_t{0}, off_t{100}, off_t{4095}, off_t{4096}, info.st_size - 1}) {
    ASSERT_EQ(::ftruncate(image_.file(), size), 0);
    EXPECT_FALSE(Reader::Open(image_.file()).ok()) << size;
  }
}

TEST_F(ReaderTest, DamageAnywhereElseIsSurvived) {
  struct stat info {};
  ASSERT_EQ(::fstat(image_.file(), &info), 0);
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const auto offset = static_cast<off_t>(4096 + random() % static_cast<unsigned>(info.st_size - 4096));
    const char byte = static_cast<char>(random());
    ASSERT_EQ(::pwrite(image_.file(), &byte, 1, offset), 1);
    ASSERT_OK_AND_ASSIGN(const Reader reader, Reader::Open(image_.file()));
    ReadAll(reader);
  }
}

}  // namespace
}  // namespace estiba::erofs
