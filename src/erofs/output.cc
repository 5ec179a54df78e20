#include "output.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "format.h"

namespace estiba::erofs {
namespace {

constexpr std::uint64_t kRecordBlocks = 16;
constexpr std::size_t kStartDisk = 1U << 20;

}  // namespace

Result<std::uint32_t> Room::TakeBlocks(std::uint64_t count) {
  if (count > kMaxBlocks - next_)
    return Error(Code::kResourceExhausted, "an EROFS image of 4096-byte blocks holds at most 16 TiB");
  const auto first = static_cast<std::uint32_t>(next_);
  next_ += count;
  return first;
}

Result<std::uint64_t> Room::TakeRecord(std::uint64_t size) {
  const auto place = [size](std::uint64_t at) {
    at = RoundUp(at, kSlot);
    const std::uint64_t inside = std::min<std::uint64_t>(size, kBlock);
    // A longer one may go on in the next block, but its inode is not torn.
    const std::uint64_t whole = size <= kBlock ? inside : sizeof(DiskInode);
    return at % kBlock + whole <= kBlock ? at : RoundUp(at, kBlock);
  };
  std::uint64_t at = place(record_);
  if (at + size > record_end_) {
    const bool adjacent = record_end_ == next_ * kBlock;
    if (!adjacent) at = record_end_ = next_ * kBlock;
    const std::uint64_t blocks = std::max(kRecordBlocks, BlocksOf(at + size - record_end_));
    TRY(TakeBlocks(blocks));
    record_end_ += blocks * kBlock;
  }
  record_ = at + size;
  return at;
}

std::uint64_t Room::Close() {
  if (record_end_ == next_ * kBlock) next_ = std::max<std::uint64_t>(1, BlocksOf(record_));
  return next_;
}

Status WriteFully(int file, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::Errno(n < 0 ? errno : EIO, "write the image");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return Ok();
}

Status Gathered::Write(std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t end = start_ + bytes_.size();
  // Small steps forward are alignment: zeros.
  if (!bytes_.empty() && offset >= end && offset - end < kBlock) {
    bytes_.resize(bytes_.size() + (offset - end));
  } else if (!bytes_.empty()) {
    TRY(Out());
  }
  if (bytes_.empty()) start_ = offset;
  if (bytes_.empty() && bytes.size() >= capacity_) return WriteFully(file_, offset, bytes);
  if (bytes_.capacity() < capacity_) bytes_.reserve(capacity_ + kBlock);
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), capacity_ - std::min(capacity_, bytes_.size()));
    bytes_.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (bytes_.size() >= capacity_) TRY(Out());
  }
  return Ok();
}

Status Gathered::Out() {
  TRY(WriteFully(file_, start_, bytes_));
  // The disk starts now, so that syncfs has less to wait for. Only a hint, whose failure means nothing.
  if (bytes_.size() >= kStartDisk)
    ::sync_file_range(file_, static_cast<off64_t>(start_), static_cast<off64_t>(bytes_.size()), SYNC_FILE_RANGE_WRITE);
  start_ += bytes_.size();
  bytes_.clear();
  return Ok();
}

Status Gathered::Flush() {
  TRY(Out());
  bytes_ = {};
  return Ok();
}

}  // namespace estiba::erofs
