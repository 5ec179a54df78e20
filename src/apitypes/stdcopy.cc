#include "apitypes/stdcopy.h"

#include <algorithm>

namespace estiba::apitypes {

Status Demultiplexer::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (left_ > 0) {
      const std::size_t take = std::min(left_, bytes.size());
      left_ -= take;
      TRY(sink_(static_cast<Stream>(header_[0]), bytes.substr(0, take)));
      bytes.remove_prefix(take);
      if (left_ == 0) header_used_ = 0;
      continue;
    }
    header_[header_used_++] = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
    if (header_used_ < kHeaderSize) continue;
    if (header_[0] > static_cast<unsigned char>(Stream::kSystemError))
      return Error(Code::kDataLoss, "unrecognized input header: " + std::to_string(int{header_[0]}));
    left_ = (std::size_t{header_[4]} << 24) | (std::size_t{header_[5]} << 16) |
            (std::size_t{header_[6]} << 8) | std::size_t{header_[7]};
    if (left_ == 0) header_used_ = 0;
  }
  return Ok();
}

Status Demultiplexer::Finish() const {
  if (left_ == 0 && header_used_ == 0) return Ok();
  return Error(Code::kDataLoss, "the stream ended in the middle of a frame");
}

}  // namespace estiba::apitypes
