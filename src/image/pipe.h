#pragma once
// Bytes from one thread to another, bounded, with the reason when either end gives up.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::image {

class BytePipe {
 public:
  explicit BytePipe(std::size_t capacity) : capacity_(capacity) {}

  // Waits for room. kCancelled when the reader has gone.
  Status Write(std::string_view bytes);
  // No more will come: Read() then answers an empty piece, or `why`.
  void CloseWriter(std::optional<Error> why = std::nullopt);

  // The next piece, valid until the next call; empty at the end.
  Result<std::string_view> Read();
  void CloseReader();

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  std::size_t held_ = 0;
  bool writer_closed_ = false;
  bool reader_closed_ = false;
  std::optional<Error> why_;
  std::string current_;  // the reader's
};

}  // namespace estiba::image
