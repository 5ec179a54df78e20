#include "body.h"

#include <algorithm>

namespace estiba::erofs {
namespace {

// Of a file with holes; larger files have larger chunks.
constexpr std::uint64_t kMaxChunks = 1U << 18;
constexpr unsigned kMaxChunkBits = 31;
// A longer rest of a file that has blocks is better read with them.
constexpr std::uint64_t kMaxTail = kBlock / 2;

}  // namespace

Body::Body(Room& room, Gathered& data, std::uint64_t size, std::uint64_t beside)
    : room_(room), data_(data), size_(size), in_row_(size / kBlock * kBlock), chunk_(kBlock) {
  const std::uint64_t tail = size % kBlock;
  inline_tail_ = tail != 0 && beside + tail <= kBlock && (in_row_ == 0 || tail <= kMaxTail);
  if (!inline_tail_) in_row_ = size;
  while (chunk_bits_ < kMaxChunkBits && (size - std::min<std::uint64_t>(size, 1)) / chunk_ >= kMaxChunks) {
    ++chunk_bits_;
    chunk_ *= 2;
  }
}

Status Body::Write(std::uint64_t offset, std::string_view bytes) {
  if (offset < end_ || bytes.size() > size_ - std::min(size_, offset))
    return Error(Code::kInvalidArgument, "its content does not have the size and order that was announced");
  if (offset > end_) TRY(Skip(offset));
  TRY(chunks_ ? WriteInChunks(offset, bytes) : WriteInRow(bytes));
  end_ = offset + bytes.size();
  return Ok();
}

// A hole up to `to`.
Status Body::Skip(std::uint64_t to) {
  if (chunks_) return Ok();
  const bool small = end_ >= in_row_ || (end_ > 0 && SameChunk(end_ - 1, to - (to == size_ ? 1 : 0)));
  if (!small) return StartChunks();
  const std::string zeros(kBlock, '\0');
  while (end_ < to) {
    const std::uint64_t n = std::min<std::uint64_t>(to - end_, kBlock);
    TRY(WriteInRow(std::string_view(zeros).substr(0, n)));
    end_ += n;
  }
  return Ok();
}

Status Body::WriteInRow(std::string_view bytes) {
  std::uint64_t at = end_;
  if (at < in_row_) {
    const std::string_view row = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), in_row_ - at));
    const std::uint64_t needed = BlocksOf(at + row.size());
    if (needed > blocks_) {
      const std::uint32_t taken = TRY(room_.TakeBlocks(needed - blocks_));
      if (blocks_ == 0) first_ = taken;
      blocks_ = needed;
    }
    TRY(data_.Write(first_ * kBlock + at, row));
    bytes.remove_prefix(row.size());
  }
  tail_.append(bytes);
  return Ok();
}

// What came in a row so far are the first chunks; the last of them is filled up with zeros.
Status Body::StartChunks() {
  if (size_ > kMaxChunks * chunk_)
    return Error(Code::kResourceExhausted, "a file of " + std::to_string(size_) + " bytes is too large");
  chunks_.emplace((size_ + chunk_ - 1) / chunk_, kHole);
  const std::uint64_t per_chunk = chunk_ / kBlock;
  const std::uint64_t count = (blocks_ + per_chunk - 1) / per_chunk;
  for (std::uint64_t i = 0; i < count; ++i)
    (*chunks_)[i] = static_cast<std::uint32_t>(first_ + i * per_chunk);
  const std::uint64_t whole = std::min(count * per_chunk, BlocksOf(size_));
  if (whole > blocks_) TRY(room_.TakeBlocks(whole - blocks_));
  return Ok();
}

Status Body::WriteInChunks(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::uint64_t index = offset / chunk_;
    const std::uint64_t inside = offset % chunk_;
    std::uint32_t& block = (*chunks_)[index];
    if (block == kHole) block = TRY(room_.TakeBlocks(BlocksOf(std::min(chunk_, size_ - index * chunk_))));
    const std::string_view part = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), chunk_ - inside));
    TRY(data_.Write(block * kBlock + inside, part));
    bytes.remove_prefix(part.size());
    offset += part.size();
  }
  return Ok();
}

Status Body::Finish() {
  if (end_ < size_) TRY(Skip(size_));
  if (chunks_) {
    layout_ = Layout::kChunks;
    where_ = chunk_bits_;
    tail_.assign(reinterpret_cast<const char*>(chunks_->data()), chunks_->size() * sizeof(std::uint32_t));
    return Ok();
  }
  layout_ = inline_tail_ ? Layout::kInline : Layout::kPlain;
  if (blocks_ > 0) where_ = first_;
  return Ok();
}

}  // namespace estiba::erofs
