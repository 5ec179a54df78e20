// Compressed streams: whatever the pieces, the outcome is the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "codec/stream.h"

namespace {

constexpr std::size_t kMaxOutput = 1U << 22;

std::string Inflate(std::string_view bytes, std::size_t piece, bool* good) {
  std::string out;
  *good = false;
  const auto format = estiba::codec::DetectCompression(bytes);
  const auto stream = estiba::codec::MakeDecompressor(format, [&out](std::string_view more) -> estiba::Status {
    if (out.size() + more.size() > kMaxOutput) return estiba::Error(estiba::Code::kResourceExhausted, "enough");
    out.append(more);
    return estiba::Ok();
  });
  for (std::size_t i = 0; i < bytes.size(); i += piece) {
    if (!stream->Write(bytes.substr(i, piece)).ok()) return out;
  }
  *good = stream->Finish().ok();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  bool whole = false;
  bool split = false;
  const std::string a = Inflate(bytes, size + 1, &whole);
  const std::string b = Inflate(bytes, 3, &split);
  if (whole != split || (whole && a != b)) std::abort();
  return 0;
}
