#pragma once
// Where the parts of an image go, and their way into the file.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::erofs {

// The room of an image. Data takes whole blocks; inodes share metadata blocks, which are taken several at a time so
// that what a directory walk reads lies together.
class Room {
 public:
  // Block 0 belongs to the superblock and the root.
  // The first of `count` blocks in a row; kResourceExhausted.
  Result<std::uint32_t> TakeBlocks(std::uint64_t count);
  // The offset of an inode with what stands beside it. One of a block or less lies within one block, as inline data
  // must.
  Result<std::uint64_t> TakeRecord(std::uint64_t size);
  // Blocks used, after the last metadata block lost what nobody took.
  std::uint64_t Close();

 private:
  std::uint64_t next_ = 1;       // block
  std::uint64_t record_ = 0;     // offset
  std::uint64_t record_end_ = 0;
};

// Bytes gathered for one large write, as long as they follow each other.
class Gathered {
 public:
  Gathered(int file, std::size_t capacity) : file_(file), capacity_(capacity) {}
  Status Write(std::uint64_t offset, std::string_view bytes);
  // Also gives up the memory.
  Status Flush();

 private:
  Status Out();
  int file_;
  std::size_t capacity_;
  std::uint64_t start_ = 0;
  std::string bytes_;
};

Status WriteFully(int file, std::uint64_t offset, std::string_view bytes);

}  // namespace estiba::erofs
