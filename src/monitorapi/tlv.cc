#include "monitorapi/tlv.h"

namespace estiba::monitorapi::tlv {
namespace {

constexpr std::size_t kHeader = 6;

std::uint64_t Little(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

void AppendLittle(std::string& out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

}  // namespace

void PutField(std::string& out, std::uint16_t tag, std::string_view value) {
  AppendLittle(out, tag, 2);
  AppendLittle(out, value.size(), 4);
  out += value;
}

void PutInteger(std::string& out, std::uint16_t tag, std::uint64_t value) {
  std::size_t bytes = 1;
  while (bytes < 8 && value >> (8 * bytes) != 0) ++bytes;
  AppendLittle(out, tag, 2);
  AppendLittle(out, bytes, 4);
  AppendLittle(out, value, bytes);
}

bool TakeField(std::string_view& rest, std::uint16_t* tag, std::string_view* value) {
  if (rest.size() < kHeader) return false;
  const std::uint64_t length = Little(rest.substr(2, 4));
  if (length > rest.size() - kHeader) return false;
  *tag = static_cast<std::uint16_t>(Little(rest.substr(0, 2)));
  *value = rest.substr(kHeader, length);
  rest.remove_prefix(kHeader + length);
  return true;
}

std::uint64_t GetInteger(std::string_view value) { return value.size() > 8 ? 0 : Little(value); }

Status Check(std::string_view body) {
  std::uint16_t tag = 0;
  std::string_view value;
  while (TakeField(body, &tag, &value)) {
  }
  if (!body.empty()) return Error(Code::kDataLoss, "decode a message: a field is cut short");
  return Ok();
}

}  // namespace estiba::monitorapi::tlv
