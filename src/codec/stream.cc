#include "codec/stream.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "decompress.h"

namespace estiba::codec {
namespace {

class Plain final : public Decompressor {
 public:
  explicit Plain(ByteRoom& room) : room_(room) {}
  Status Write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const std::span<char> room = TRY(room_.Room());
      const std::size_t taken = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), taken);
      TRY(room_.Filled(taken));
      bytes.remove_prefix(taken);
    }
    return Ok();
  }
  Status Finish() override { return Ok(); }

 private:
  ByteRoom& room_;
};

// A buffer whose content goes to a sink as it comes.
class SinkRoom final : public ByteRoom {
 public:
  explicit SinkRoom(ByteSink sink) : sink_(std::move(sink)), buffer_(kBuffer) {}
  Result<std::span<char>> Room() override { return std::span<char>(buffer_); }
  Status Filled(std::size_t bytes) override { return bytes == 0 ? Ok() : sink_({buffer_.data(), bytes}); }

 private:
  static constexpr std::size_t kBuffer = 256U << 10;
  ByteSink sink_;
  std::vector<char> buffer_;
};

class IntoSink final : public Decompressor {
 public:
  IntoSink(Compression format, ByteSink sink) : room_(std::move(sink)), stream_(MakeDecompressor(format, room_)) {}
  Status Write(std::string_view bytes) override { return stream_->Write(bytes); }
  Status Finish() override { return stream_->Finish(); }

 private:
  SinkRoom room_;
  std::unique_ptr<Decompressor> stream_;
};

class PlainIntoSink final : public Decompressor {
 public:
  explicit PlainIntoSink(ByteSink sink) : sink_(std::move(sink)) {}
  Status Write(std::string_view bytes) override { return sink_(bytes); }
  Status Finish() override { return Ok(); }

 private:
  ByteSink sink_;
};

bool IsZstdSkippable(std::string_view head) {
  return head.size() >= 4 && (static_cast<unsigned char>(head[0]) & 0xF0U) == 0x50 &&
         head.substr(1, 3) == std::string_view("\x2A\x4D\x18");
}

}  // namespace

Compression DetectCompression(std::string_view head) {
  if (head.starts_with("\x1F\x8B")) return Compression::kGzip;
  if (head.starts_with("\x28\xB5\x2F\xFD") || IsZstdSkippable(head)) return Compression::kZstd;
  // Bzip2's first block, or an empty stream's end, follows the level.
  if (head.starts_with("BZh") && head.size() >= 5 && (head[4] == '\x31' || head[4] == '\x17'))
    return Compression::kBzip2;
  if (head.starts_with(std::string_view("\xFD" "7zXZ", 5))) return Compression::kXz;
  return Compression::kNone;
}

std::unique_ptr<Decompressor> MakeDecompressor(Compression format, ByteSink sink) {
  if (format == Compression::kNone) return std::make_unique<PlainIntoSink>(std::move(sink));
  return std::make_unique<IntoSink>(format, std::move(sink));
}

std::unique_ptr<Decompressor> MakeDecompressor(Compression format, ByteRoom& room) {
  switch (format) {
    case Compression::kGzip: return MakeGzipDecompressor(room);
    case Compression::kZstd: return MakeZstdDecompressor(room);
    case Compression::kBzip2: return MakeBzip2Decompressor(room);
    case Compression::kXz: return MakeXzDecompressor(room);
    case Compression::kNone: break;
  }
  return std::make_unique<Plain>(room);
}

}  // namespace estiba::codec
