#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <lzma.h>

#include "decompress.h"

namespace estiba::codec {
namespace {

constexpr std::uint64_t kMaxMemory = 256U << 20;  // `xz -9` makes what takes 65 MiB

class XzDecompressor final : public Decompressor {
 public:
  explicit XzDecompressor(ByteRoom& room) : room_(room) {
    ready_ = ::lzma_stream_decoder(&stream_, kMaxMemory, LZMA_CONCATENATED) == LZMA_OK;
  }
  XzDecompressor(const XzDecompressor&) = delete;
  XzDecompressor& operator=(const XzDecompressor&) = delete;
  ~XzDecompressor() override { ::lzma_end(&stream_); }

  Status Write(std::string_view bytes) override {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    stream_.avail_in = bytes.size();
    while (stream_.avail_in > 0) TRY(Inflate(LZMA_RUN));
    return Ok();
  }

  Status Finish() override {
    while (!ended_) TRY(Inflate(LZMA_FINISH));
    return Ok();
  }

 private:
  Status Inflate(lzma_action action) {
    if (!ready_) return Error(Code::kResourceExhausted, "start an xz stream");
    const std::span<char> room = TRY(room_.Room());
    stream_.next_out = reinterpret_cast<std::uint8_t*>(room.data());
    stream_.avail_out = room.size();
    const lzma_ret code = ::lzma_code(&stream_, action);
    if (code == LZMA_BUF_ERROR) return Error(Code::kDataLoss, "xz stream is cut short");
    if (code != LZMA_OK && code != LZMA_STREAM_END)
      return Error(Code::kDataLoss, "decompress xz stream: error " + std::to_string(static_cast<int>(code)));
    ended_ = code == LZMA_STREAM_END;
    return room_.Filled(room.size() - stream_.avail_out);
  }

  ByteRoom& room_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ready_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Decompressor> MakeXzDecompressor(ByteRoom& room) {
  return std::make_unique<XzDecompressor>(room);
}

}  // namespace estiba::codec
