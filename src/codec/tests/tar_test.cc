#include "codec/tar.h"

#include <gmock/gmock.h>

#include "tests/support.h"

namespace estiba::codec {
namespace {

ByteSource From(const std::string& bytes, std::size_t piece = 1000) {
  return [&bytes, piece, at = std::size_t{0}]() mutable -> Result<std::string_view> {
    const std::string_view next = std::string_view(bytes).substr(at, piece);
    at += next.size();
    return next;
  };
}

std::string Archive(const std::vector<std::pair<TarEntry, std::string>>& entries) {
  std::string out;
  TarWriter writer([&out](std::string_view bytes) -> Status {
    out.append(bytes);
    return Ok();
  });
  for (const auto& [entry, content] : entries) EXPECT_TRUE(writer.AddFile(entry, content).ok());
  EXPECT_TRUE(writer.Finish().ok());
  return out;
}

TarEntry Entry(std::string path, TarKind kind = TarKind::kFile) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.kind = kind;
  entry.mode = 0644;
  return entry;
}

TEST(Tar, EverythingComesBack) {
  TarEntry file = Entry("bin/tool");
  file.mode = 04755;
  file.uid = 1000;
  file.gid = 3'000'000'000U;  // beyond ustar's seven octal digits
  file.mtime_s = 1'700'000'000;
  file.mtime_ns = 123;
  file.xattrs = {{"security.capability", std::string("\1\0\0\2", 4)}, {"user.a", "b"}};
  TarEntry link = Entry("bin/other", TarKind::kHardlink);
  link.link = "bin/tool";
  TarEntry device = Entry("dev/null", TarKind::kCharDevice);
  device.device_major = 1;
  device.device_minor = 3;
  const std::string bytes = Archive({{file, "content"}, {link, ""}, {device, ""}});
  ASSERT_EQ(bytes.size() % 512, 0U);

  TarReader reader(From(bytes));
  TarEntry entry;
  ASSERT_TRUE(reader.Next(entry).value());
  EXPECT_EQ(entry.path, "bin/tool");
  EXPECT_EQ(entry.mode, 04755U);
  EXPECT_EQ(entry.uid, 1000U);
  EXPECT_EQ(entry.gid, 3'000'000'000U);
  EXPECT_EQ(entry.mtime_s, 1'700'000'000);
  EXPECT_EQ(entry.mtime_ns, 123);
  EXPECT_THAT(entry.xattrs, ::testing::UnorderedElementsAreArray(file.xattrs));
  EXPECT_EQ(reader.ReadAll(100).value(), "content");
  ASSERT_TRUE(reader.Next(entry).value());
  EXPECT_EQ(entry.kind, TarKind::kHardlink);
  EXPECT_EQ(entry.link, "bin/tool");
  ASSERT_TRUE(reader.Next(entry).value());
  EXPECT_EQ(entry.kind, TarKind::kCharDevice);
  EXPECT_EQ(entry.device_major, 1U);
  EXPECT_EQ(entry.device_minor, 3U);
  EXPECT_FALSE(reader.Next(entry).value());
}

class Names : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, Names,
                         ::testing::Values("a", std::string(100, 'x'), std::string(101, 'x'),
                                           std::string(120, 'd') + "/" + std::string(90, 'f'),
                                           std::string(200, 'd') + "/" + std::string(200, 'f'),
                                           "caf\xC3\xA9", "latin1-\xE9-\xFF", "e\xCC\x81 not composed",
                                           "lone surrogate \xED\xA0\x80", "new\nline"));

// A converter in between (libarchive has one) may not compose, replace or drop a byte.
TEST_P(Names, KeepEveryByte) {
  TarEntry link = Entry(GetParam(), TarKind::kSymlink);
  link.link = GetParam();
  const std::string bytes = Archive({{link, ""}});
  TarReader reader(From(bytes));
  TarEntry entry;
  ASSERT_TRUE(reader.Next(entry).value());
  EXPECT_EQ(entry.path, GetParam());
  EXPECT_EQ(entry.link, GetParam());
}

TEST(TarReader, AnEmptyStreamHasNoEntries) {
  TarEntry entry;
  EXPECT_FALSE(TarReader(From("")).Next(entry).value());
}

TEST(TarReader, RefusesWhatIsNoTar) {
  const std::string text(2000, 'x');
  TarEntry entry;
  EXPECT_EQ(TarReader(From(text)).Next(entry).error().code(), Code::kInvalidArgument);
}

TEST(TarReader, ReportsContentCutShort) {
  const std::string bytes = Archive({{Entry("big"), std::string(5000, 'x')}}).substr(0, 2000);
  TarReader reader(From(bytes));
  TarEntry entry;
  ASSERT_TRUE(reader.Next(entry).value());
  const auto content = reader.ReadAll(10'000);
  ASSERT_FALSE(content.ok());
  EXPECT_EQ(content.error().code(), Code::kDataLoss) << content.error().Message();
}

TEST(TarReader, KeepsItsLimits) {
  const std::string bytes = Archive({{Entry("one"), "1"}, {Entry("two"), std::string(5000, 'x')}});
  TarEntry entry;
  TarLimits few;
  few.max_entries = 1;
  TarReader by_count(From(bytes), few);
  ASSERT_TRUE(by_count.Next(entry).value());
  const auto second = by_count.Next(entry);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(second.error().Message(), ::testing::HasSubstr("'two'"));

  TarLimits small;
  small.max_total = 100;
  TarReader by_size(From(bytes), small);
  ASSERT_TRUE(by_size.Next(entry).value());
  ASSERT_TRUE(by_size.Next(entry).value());
  EXPECT_EQ(by_size.ReadAll(10'000).error().code(), Code::kResourceExhausted);
}

TEST(TarReader, PassesOnTheErrorOfItsSource) {
  TarReader reader([]() -> Result<std::string_view> { return Error(Code::kUnavailable, "connection lost"); });
  TarEntry entry;
  const auto next = reader.Next(entry);
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.error().code(), Code::kUnavailable);
}

TEST(TarWriter, RefusesMoreThanTheEntryHolds) {
  TarWriter writer([](std::string_view) { return Ok(); });
  TarEntry entry = Entry("a");
  entry.size = 1;
  ASSERT_OK(writer.Add(entry));
  EXPECT_FALSE(writer.Write("12").ok());
  EXPECT_FALSE(writer.Finish().ok());
}

}  // namespace
}  // namespace estiba::codec
