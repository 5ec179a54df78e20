#include "pipe.h"

#include <utility>

namespace estiba::image {

Status BytePipe::Write(std::string_view bytes) {
  if (bytes.empty()) return Ok();  // an empty piece would mean the end
  std::string piece(bytes);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return reader_closed_ || held_ < capacity_; });
  if (reader_closed_) return Error(Code::kCancelled, "the reader has gone");
  held_ += piece.size();
  pieces_.push_back(std::move(piece));
  changed_.notify_all();
  return Ok();
}

void BytePipe::CloseWriter(std::optional<Error> why) {
  const std::lock_guard lock(mutex_);
  writer_closed_ = true;
  why_ = std::move(why);
  changed_.notify_all();
}

Result<std::string_view> BytePipe::Read() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return writer_closed_ || !pieces_.empty(); });
  if (pieces_.empty()) {
    if (why_) return why_->Clone();
    return std::string_view();
  }
  current_ = std::move(pieces_.front());
  pieces_.pop_front();
  held_ -= current_.size();
  changed_.notify_all();
  return std::string_view(current_);
}

void BytePipe::CloseReader() {
  const std::lock_guard lock(mutex_);
  reader_closed_ = true;
  pieces_.clear();
  held_ = 0;
  changed_.notify_all();
}

}  // namespace estiba::image
