#include "pipe.h"

#include <string>
#include <thread>

#include "tests/support.h"

namespace estiba::image {
namespace {

std::string ReadAll(BytePipe& pipe) {
  std::string out;
  while (true) {
    const auto piece = pipe.Read();
    EXPECT_TRUE(piece.ok());
    if (!piece.ok() || piece->empty()) return out;
    out += *piece;
  }
}

TEST(BytePipe, BytesComeInOrderWhateverTheSizesOfWrites) {
  PiecePool pool;
  BytePipe pipe(pool, 2);
  std::string sent;
  for (std::size_t i = 0; sent.size() < 5 * kPieceBytes; ++i)
    sent += std::string(i * 37 % 90'000, static_cast<char>(i));
  std::thread writer([&] {
    for (std::size_t at = 0, step = 1; at < sent.size(); at += step, step = step * 3 % 1'000'003)
      EXPECT_TRUE(pipe.Write(std::string_view(sent).substr(at, step)).ok());
    pipe.CloseWriter();
  });
  const std::string got = ReadAll(pipe);
  writer.join();
  EXPECT_TRUE(got == sent);
}

TEST(BytePipe, WhatIsLeftComesBeforeTheReason) {
  PiecePool pool;
  BytePipe pipe(pool, 1);
  ASSERT_TRUE(pipe.Write("last words").ok());
  pipe.CloseWriter(Error(Code::kDataLoss, "cut"));
  EXPECT_EQ(pipe.Read().value(), "last words");
  const auto end = pipe.Read();
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().code(), Code::kDataLoss);
}

TEST(BytePipe, AWriterThatWaitsForRoomHearsThatTheReaderHasGone) {
  PiecePool pool;
  BytePipe pipe(pool, 1);
  Status status = Ok();
  std::thread writer([&] {
    while (status.ok()) status = pipe.Write(std::string(kPieceBytes, 'x'));
  });
  EXPECT_TRUE(pipe.Read().ok());
  pipe.CloseReader();
  writer.join();
  EXPECT_EQ(status.error().code(), Code::kCancelled);
}

TEST(BytePipe, APieceIsHandedOnWithoutACopyAndItsMemoryComesBack) {
  PiecePool pool;
  BytePipe first(pool, 2);
  BytePipe second(pool, 2);
  ASSERT_TRUE(first.Write("moved").ok());
  first.CloseWriter();
  Piece piece = first.Take().value();
  const char* const memory = piece.bytes().data();
  ASSERT_TRUE(second.Give(std::move(piece)).ok());
  second.CloseWriter();
  const std::string_view read = second.Read().value();
  EXPECT_EQ(read, "moved");
  EXPECT_EQ(read.data(), memory);
  EXPECT_TRUE(second.Read().value().empty());
  EXPECT_EQ(pool.Get().room().data(), memory);
}

}  // namespace
}  // namespace estiba::image
