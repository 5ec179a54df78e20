#include "pipe.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace estiba::image {

Piece::Piece(Piece&& other) noexcept
    : pool_(other.pool_), bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

Piece& Piece::operator=(Piece&& other) noexcept {
  Drop();
  pool_ = other.pool_;
  bytes_ = std::move(other.bytes_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void Piece::Drop() noexcept {
  if (bytes_ != nullptr) pool_->Return(std::move(bytes_));
  size_ = 0;
}

Piece PiecePool::Get() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Piece piece(this, std::move(free_.back()));
      free_.pop_back();
      return piece;
    }
  }
  return {this, std::make_unique_for_overwrite<char[]>(kPieceBytes)};
}

void PiecePool::Return(std::unique_ptr<char[]> bytes) noexcept {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(bytes));
}

Status BytePipe::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::span<char> room = TRY(Room());
    const std::size_t taken = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), taken);
    TRY(Filled(taken));
    bytes.remove_prefix(taken);
  }
  return Ok();
}

Result<std::span<char>> BytePipe::Room() {
  if (filling_.room().empty()) filling_ = pool_.Get();
  return filling_.room();
}

Status BytePipe::Filled(std::size_t bytes) {
  filling_.Fill(bytes);
  return filling_.full() ? Give(std::move(filling_)) : Ok();
}

Status BytePipe::Give(Piece piece) {
  std::unique_lock lock(mutex_);
  less_.wait(lock, [&] { return reader_closed_ || pieces_.size() < capacity_; });
  if (reader_closed_) return Error(Code::kCancelled, "the reader has gone");
  pieces_.push_back(std::move(piece));
  more_.notify_one();
  return Ok();
}

void BytePipe::CloseWriter(const Status& ended) {
  const std::lock_guard lock(mutex_);
  // Without waiting for room: it is the last.
  if (!filling_.bytes().empty() && !reader_closed_) pieces_.push_back(std::move(filling_));
  writer_closed_ = true;
  if (!ended.ok()) why_ = ended.error().Clone();
  more_.notify_one();
}

Result<Piece> BytePipe::Take() {
  std::unique_lock lock(mutex_);
  more_.wait(lock, [&] { return writer_closed_ || !pieces_.empty(); });
  if (pieces_.empty()) {
    if (why_) return why_->Clone();
    return Piece();
  }
  Piece piece = std::move(pieces_.front());
  pieces_.pop_front();
  less_.notify_one();
  return piece;
}

Result<std::string_view> BytePipe::Read() {
  reading_ = Piece();  // back to the pool before we wait
  reading_ = TRY(Take());
  return reading_.bytes();
}

void BytePipe::CloseReader() {
  const std::lock_guard lock(mutex_);
  reader_closed_ = true;
  pieces_.clear();
  less_.notify_one();
}

Status Drain(BytePipe& from) {
  while (true) {
    const std::string_view piece = TRY(from.Read());
    if (piece.empty()) return Ok();
  }
}

}  // namespace estiba::image
