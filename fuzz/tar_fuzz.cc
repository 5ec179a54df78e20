#include <cstdint>
#include <string_view>

#include "codec/tar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  std::size_t at = 0;
  estiba::codec::TarLimits limits;
  limits.max_entries = 10'000;
  limits.max_total = 1U << 24;
  estiba::codec::TarReader reader(
      [&]() -> estiba::Result<std::string_view> {
        const std::string_view piece = all.substr(at, 777);
        at += piece.size();
        return piece;
      },
      limits);
  estiba::codec::TarEntry entry;
  while (true) {
    const auto more = reader.Next(entry);
    if (!more.ok() || !*more) return 0;
    while (true) {
      const auto chunk = reader.Read();
      if (!chunk.ok()) return 0;
      if (chunk->bytes.empty()) break;
    }
  }
}
