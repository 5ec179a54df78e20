#include "codec/base64.h"

#include <cstdint>

namespace estiba::codec {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The six bits of a character, or -1.
int SixBits(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

}  // namespace

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = (group << 8) | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += j <= have ? kAlphabet[(group >> (18 - 6 * j)) & 63U] : '=';
  }
  return out;
}

Result<std::string> DecodeBase64(std::string_view text) {
  const std::size_t digits = std::min(text.size(), text.find('='));
  const std::string_view padding = text.substr(digits);
  const bool padded = padding.empty() || (padding.size() <= 2 && text.size() % 4 == 0 &&
                                          padding.find_first_not_of('=') == std::string_view::npos);
  if (!padded || digits % 4 == 1) return Error(Code::kInvalidArgument, "base64 text has a wrong length");
  std::string out;
  out.reserve(digits / 4 * 3 + 2);
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : text.substr(0, digits)) {
    const int value = SixBits(c);
    if (value < 0) return Error(Code::kInvalidArgument, "base64 text has a character that is not base64");
    group = (group << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>((group >> bits) & 0xFFU);
  }
  return out;
}

}  // namespace estiba::codec
