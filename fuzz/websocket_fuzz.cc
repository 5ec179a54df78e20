// Frames of a WebSocket's client: read whole and byte by byte they must say the same, and never more than was sent.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/websocket.h"

namespace {

using estiba::http::Opcode;
using estiba::http::WebSocketReader;

struct Outcome {
  std::string data, controls;
  std::uint16_t violation = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome Read(std::string_view bytes, std::size_t piece) {
  WebSocketReader reader;
  Outcome outcome;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    for (const auto& event : reader.Feed(part)) {
      if (event.opcode == Opcode::kBinary) {
        outcome.data += event.bytes;
      } else {
        outcome.controls += std::to_string(static_cast<int>(event.opcode)) + event.bytes + std::to_string(event.code);
        if (event.bytes.size() > 125) std::abort();
      }
    }
  }
  outcome.violation = reader.violation();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Outcome whole = Read(bytes, size == 0 ? 1 : size);
  if (whole.data.size() > size || !(whole == Read(bytes, 1))) std::abort();
  return 0;
}
