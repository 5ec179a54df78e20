#include "net/address.h"

#include <optional>

#include "base/text.h"

namespace estiba::net {
namespace {

std::optional<std::uint8_t> HexDigit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

Result<Mac> ParseMac(std::string_view text) {
  const auto invalid = [&] {
    return Error(Code::kInvalidArgument, "address " + std::string(text) + ": invalid MAC address");
  };
  if (text.size() != 17 || (text[2] != ':' && text[2] != '-')) return invalid();
  Mac mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const auto high = HexDigit(text[i * 3]);
    const auto low = HexDigit(text[i * 3 + 1]);
    if (!high || !low || (i < 5 && text[i * 3 + 2] != text[2])) return invalid();
    mac.bytes[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  if (mac.bytes[0] & 1) return invalid();  // a group address cannot be an interface's
  return mac;
}

std::string ToString(const Mac& mac) {
  std::string text;
  for (const std::uint8_t byte : mac.bytes) {
    if (!text.empty()) text += ':';
    const char c = static_cast<char>(byte);
    text += Hex(std::string_view(&c, 1));
  }
  return text;
}

Mac MacFor(const Ip& address) {
  constexpr std::size_t kKept = 4;
  Mac mac;
  mac.bytes = {0x02, 0x42};
  const std::size_t from = address.Bits() / 8 - kKept;
  for (std::size_t i = 0; i < kKept; ++i) mac.bytes[2 + i] = address.bytes[from + i];
  return mac;
}

}  // namespace estiba::net
