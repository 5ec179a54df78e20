#include "codec/stream.h"

#include <utility>

#include "decompress.h"

namespace estiba::codec {
namespace {

class Plain final : public Decompressor {
 public:
  explicit Plain(ByteSink sink) : sink_(std::move(sink)) {}
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

Result<Compression> DetectCompression(std::string_view head) {
  if (head.starts_with("\x1F\x8B")) return Compression::kGzip;
  if (head.starts_with("\x28\xB5\x2F\xFD") || IsZstdSkippable(head)) return Compression::kZstd;
  if (head.starts_with("BZh")) return Error(Code::kNotImplemented, "archives compressed with bzip2 are not supported");
  if (head.starts_with("\xFD" "7zX"))
    return Error(Code::kNotImplemented, "archives compressed with xz are not supported");
  return Compression::kNone;
}

std::unique_ptr<Decompressor> MakeDecompressor(Compression format, ByteSink sink) {
  switch (format) {
    case Compression::kGzip: return MakeGzipDecompressor(std::move(sink));
    case Compression::kZstd: return MakeZstdDecompressor(std::move(sink));
    case Compression::kNone: break;
  }
  return std::make_unique<Plain>(std::move(sink));
}

}  // namespace estiba::codec
