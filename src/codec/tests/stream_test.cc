#include "codec/stream.h"

#include <bzlib.h>
#include <lzma.h>
#include <zstd.h>

#include "tests/support.h"

namespace estiba::codec {
namespace {

ByteSink Into(std::string& out) {
  return [&out](std::string_view bytes) -> Status {
    out.append(bytes);
    return Ok();
  };
}

// Bytes that compress, but not to nothing.
std::string Sample(std::size_t size) {
  std::string text;
  unsigned state = 7;
  while (text.size() < size) {
    state = state * 1664525U + 1013904223U;
    text += "word" + std::to_string(state >> 20) + " ";
  }
  return text;
}

std::string Gzip(const std::string& text) {
  std::string out;
  GzipWriter writer(Into(out));
  EXPECT_TRUE(writer.Write(text).ok());
  EXPECT_TRUE(writer.Finish().ok());
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(::ZSTD_compressBound(text.size()), '\0');
  out.resize(::ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

Result<std::string> Unpack(const std::string& packed, std::size_t piece) {
  std::string out;
  const Compression format = DetectCompression(packed);
  const auto stream = MakeDecompressor(format, Into(out));
  for (std::size_t i = 0; i < packed.size(); i += piece) TRY(stream->Write(std::string_view(packed).substr(i, piece)));
  TRY(stream->Finish());
  return out;
}

std::string Bzip2(const std::string& text) {
  std::string out(text.size() + text.size() / 100 + 600, '\0');
  auto size = static_cast<unsigned>(out.size());
  EXPECT_EQ(::BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(text.data()),
                                       static_cast<unsigned>(text.size()), 9, 0, 0),
            BZ_OK);
  out.resize(size);
  return out;
}

std::string Xz(const std::string& text) {
  std::string out(::lzma_stream_buffer_bound(text.size()), '\0');
  std::size_t size = 0;
  EXPECT_EQ(::lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr,
                                      reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                                      reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size()),
            LZMA_OK);
  out.resize(size);
  return out;
}

class InPieces : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, InPieces, ::testing::Values(1, 2, 7, 4096, 1U << 20));

TEST_P(InPieces, GzipComesBack) {
  const std::string text = Sample(700'000);
  EXPECT_TRUE(Unpack(Gzip(text), GetParam()).value() == text);
}

TEST_P(InPieces, GzipHasMembersAndPadding) {
  const std::string a = Sample(100'000);
  const std::string packed = Gzip(a) + Gzip("") + Gzip("b") + std::string(100, '\0');
  EXPECT_TRUE(Unpack(packed, GetParam()).value() == a + "b");
}

TEST_P(InPieces, Bzip2AndXzHaveStreams) {
  const std::string a = Sample(100'000);
  EXPECT_TRUE(Unpack(Bzip2(a) + Bzip2("b"), GetParam()).value() == a + "b");
  EXPECT_TRUE(Unpack(Xz(a) + Xz("b"), GetParam()).value() == a + "b");
}

TEST_P(InPieces, ZstdHasFramesAndSkippableOnes) {
  const std::string a = Sample(700'000);
  const std::string skippable("\x50\x2A\x4D\x18\x03\0\0\0abc", 11);
  EXPECT_TRUE(Unpack(skippable + Zstd(a) + skippable + Zstd("b"), GetParam()).value() == a + "b");
}

TEST_P(InPieces, CutShortIsDataLoss) {
  for (const std::string& packed : {Gzip(Sample(5000)), Zstd(Sample(5000)), Bzip2(Sample(5000)), Xz(Sample(5000))}) {
    for (const std::size_t left : {packed.size() - 1, packed.size() - 9, packed.size() / 2, std::size_t{5}}) {
      const auto cut = Unpack(packed.substr(0, left), GetParam());
      ASSERT_FALSE(cut.ok()) << left;
      EXPECT_EQ(cut.error().code(), Code::kDataLoss);
    }
  }
}

TEST(Gzip, ReportsAWrongChecksum) {
  std::string packed = Gzip("some text");
  packed[packed.size() - 6] ^= 1;
  EXPECT_EQ(Unpack(packed, 4096).error().code(), Code::kDataLoss);
}

TEST(Gzip, RefusesGarbageAfterAMember) { EXPECT_FALSE(Unpack(Gzip("a") + "garbage that is no gzip", 4096).ok()); }

TEST(Gzip, GivesTheSameBytesForTheSameInput) { EXPECT_EQ(Gzip("x"), Gzip("x")); }

TEST(DetectCompression, KnowsFormatsByTheirFirstBytes) {
  EXPECT_EQ(DetectCompression("BZh91AY"), Compression::kBzip2);
  EXPECT_EQ(DetectCompression("BZhello, a file of this name"), Compression::kNone);
  EXPECT_EQ(DetectCompression(std::string_view("\xFD" "7zXZ\0", 6)), Compression::kXz);
  EXPECT_EQ(DetectCompression("file.txt"), Compression::kNone);
  EXPECT_EQ(DetectCompression(""), Compression::kNone);
}

TEST(Decompressor, StopsWhenItsSinkFails) {
  const auto stream = MakeDecompressor(Compression::kGzip, [](std::string_view) -> Status {
    return Error(Code::kResourceExhausted, "full");
  });
  EXPECT_EQ(stream->Write(Gzip("text")).error().code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace estiba::codec
