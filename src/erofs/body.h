#pragma once
// The content of one file on its way into an image: blocks in a row with the last bytes beside the inode, or, when it
// has holes, chunks.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format.h"
#include "output.h"

namespace estiba::erofs {

class Body {
 public:
  // `beside`: bytes that the inode and its attributes take.
  Body(Room& room, Gathered& data, std::uint64_t size, std::uint64_t beside);

  Status Write(std::uint64_t offset, std::string_view bytes);
  // The rest is a hole.
  Status Finish();

  // Once finished: the fields of the inode, and what follows its attributes.
  Layout layout() const { return layout_; }
  std::uint32_t where() const { return where_; }
  const std::string& tail() const { return tail_; }

 private:
  Status WriteInRow(std::string_view bytes);
  Status WriteInChunks(std::uint64_t offset, std::string_view bytes);
  bool SameChunk(std::uint64_t before, std::uint64_t after) const { return before / chunk_ == after / chunk_; }
  Status StartChunks();
  Status Skip(std::uint64_t to);

  Room& room_;
  Gathered& data_;
  const std::uint64_t size_;
  std::uint64_t in_row_;   // where the inline tail begins, or the size
  bool inline_tail_;
  std::uint64_t chunk_;    // bytes
  unsigned chunk_bits_ = 0;
  std::uint64_t end_ = 0;  // of what came
  std::uint64_t blocks_ = 0;
  std::uint32_t first_ = 0;
  std::optional<std::vector<std::uint32_t>> chunks_;
  Layout layout_ = Layout::kPlain;
  std::uint32_t where_ = kHole;
  std::string tail_;
};

}  // namespace estiba::erofs
