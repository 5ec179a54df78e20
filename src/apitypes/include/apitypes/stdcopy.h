#pragma once
// Docker's multiplexed stream: frames of {stream, 0, 0, 0, length as 4 bytes big-endian} and that many bytes.

#include <array>
#include <cstddef>
#include <functional>
#include <string_view>

#include "base/result.h"

namespace estiba::apitypes {

enum class Stream : unsigned char { kStdin = 0, kStdout = 1, kStderr = 2, kSystemError = 3 };

class Demultiplexer {
 public:
  using Sink = std::function<Status(Stream stream, std::string_view bytes)>;
  explicit Demultiplexer(Sink sink) : sink_(std::move(sink)) {}

  // Takes bytes as they come, cut anywhere. A frame's payload is handed on as it arrives.
  Status Feed(std::string_view bytes);
  // At the end of the connection: an error when a frame is not whole.
  Status Finish() const;

 private:
  static constexpr std::size_t kHeaderSize = 8;
  Sink sink_;
  std::array<unsigned char, kHeaderSize> header_{};
  std::size_t header_used_ = 0;
  std::size_t left_ = 0;  // of the current frame's payload
};

}  // namespace estiba::apitypes
