#pragma once

#include <cstddef>
#include <cstdint>

namespace estiba::http {

// Boost.Beast 1.81 (basic_parser.ipp, parse_chunk_header) asserts that it sees five bytes at least when it comes
// back to a last chunk that was incomplete; "0\r\n" and one byte more would end the process. What follows outside
// a chunk's content is never shorter than "0\r\n\r\n": the parser gets nothing until so much is there.
class ChunkGuard {
 public:
  void OnHeader(std::uint64_t size) { left_ = size; }
  void OnContent(std::size_t bytes) { left_ -= bytes; }
  bool MustWait(std::size_t available) const { return left_ == 0 && available < kLastChunk; }

 private:
  static constexpr std::size_t kLastChunk = 5;
  std::uint64_t left_ = 0;  // of the chunk under way
};

}  // namespace estiba::http
