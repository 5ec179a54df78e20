#include <memory>
#include <string>

#include <zstd.h>

#include "decompress.h"

namespace estiba::codec {
namespace {

constexpr int kMaxWindowLog = 27;

struct FreeStream {
  void operator()(ZSTD_DCtx* context) const noexcept { ::ZSTD_freeDCtx(context); }
};

class ZstdDecompressor final : public Decompressor {
 public:
  explicit ZstdDecompressor(ByteRoom& room) : room_(room), context_(::ZSTD_createDCtx()) {
    if (context_ != nullptr) ::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  }

  Status Write(std::string_view bytes) override {
    if (context_ == nullptr) return Error(Code::kResourceExhausted, "start a zstd stream");
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    bool full = false;
    while (in.pos < in.size || full) {
      const std::span<char> room = TRY(room_.Room());
      ZSTD_outBuffer out{room.data(), room.size(), 0};
      const std::size_t left = ::ZSTD_decompressStream(context_.get(), &out, &in);
      if (::ZSTD_isError(left) != 0)
        return Error(Code::kDataLoss, std::string("decompress zstd stream: ") + ::ZSTD_getErrorName(left));
      TRY(room_.Filled(out.pos));
      // 0: a frame has ended and everything of it is out.
      inside_ = left != 0;
      full = inside_ && out.pos == out.size;
      begun_ = true;
    }
    return Ok();
  }

  Status Finish() override {
    if (inside_ || !begun_) return Error(Code::kDataLoss, "zstd stream is cut short");
    return Ok();
  }

 private:
  ByteRoom& room_;
  std::unique_ptr<ZSTD_DCtx, FreeStream> context_;
  bool inside_ = false;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<Decompressor> MakeZstdDecompressor(ByteRoom& room) {
  return std::make_unique<ZstdDecompressor>(room);
}

}  // namespace estiba::codec
