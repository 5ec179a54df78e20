#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <bzlib.h>

#include "decompress.h"

namespace estiba::codec {
namespace {

constexpr unsigned kMostAtOnce = 1U << 30;  // the library counts in 32 bits

class Bzip2Decompressor final : public Decompressor {
 public:
  explicit Bzip2Decompressor(ByteRoom& room) : room_(room) {}
  Bzip2Decompressor(const Bzip2Decompressor&) = delete;
  Bzip2Decompressor& operator=(const Bzip2Decompressor&) = delete;
  ~Bzip2Decompressor() override { End(); }

  Status Write(std::string_view bytes) override {
    while (!bytes.empty()) {
      TRY(Begin());
      const auto offered = static_cast<unsigned>(std::min<std::size_t>(bytes.size(), kMostAtOnce));
      stream_.next_in = const_cast<char*>(bytes.data());
      stream_.avail_in = offered;
      TRY(Inflate());
      bytes.remove_prefix(offered - stream_.avail_in);
    }
    return Ok();
  }

  Status Finish() override {
    if (inside_ || !begun_) return Error(Code::kDataLoss, "bzip2 stream is cut short");
    return Ok();
  }

 private:
  // Streams may follow each other (pbzip2 writes such files).
  Status Begin() {
    if (inside_) return Ok();
    if (::BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK)
      return Error(Code::kResourceExhausted, "start a bzip2 stream");
    inside_ = begun_ = true;
    return Ok();
  }

  void End() {
    if (std::exchange(inside_, false)) ::BZ2_bzDecompressEnd(&stream_);
  }

  Status Inflate() {
    do {
      const std::span<char> room = TRY(room_.Room());
      const auto offered = static_cast<unsigned>(std::min<std::size_t>(room.size(), kMostAtOnce));
      stream_.next_out = room.data();
      stream_.avail_out = offered;
      const int code = ::BZ2_bzDecompress(&stream_);
      if (code != BZ_OK && code != BZ_STREAM_END)
        return Error(Code::kDataLoss, "decompress bzip2 stream: error " + std::to_string(code));
      TRY(room_.Filled(offered - stream_.avail_out));
      if (code == BZ_STREAM_END) {
        End();
        return Ok();
      }
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return Ok();
  }

  ByteRoom& room_;
  bz_stream stream_{};
  bool inside_ = false;
  bool begun_ = false;
};

}  // namespace

std::unique_ptr<Decompressor> MakeBzip2Decompressor(ByteRoom& room) {
  return std::make_unique<Bzip2Decompressor>(room);
}

}  // namespace estiba::codec
