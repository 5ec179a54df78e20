#include "protobuf.h"

namespace estiba::criu {
namespace {

constexpr unsigned kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5;

Error Cut() { return Error(Code::kDataLoss, "a message that is cut or no protocol buffer"); }

}  // namespace

void ProtoWriter::Varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
  out_.push_back(static_cast<char>(value));
}

void ProtoWriter::Number(std::uint32_t field, std::int64_t value) {
  Varint(std::uint64_t{field} << 3 | kVarint);
  Varint(static_cast<std::uint64_t>(value));
}

void ProtoWriter::Bytes(std::uint32_t field, std::string_view bytes) {
  Varint(std::uint64_t{field} << 3 | kLength);
  Varint(bytes.size());
  out_ += bytes;
}

Result<std::uint64_t> ProtoReader::Varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return Cut();
}

Result<std::string_view> ProtoReader::Take(std::uint64_t size) {
  if (size > rest_.size()) return Cut();
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

Result<std::optional<ProtoField>> ProtoReader::Next() {
  while (!rest_.empty()) {
    const std::uint64_t key = TRY(Varint());
    ProtoField field;
    field.number = static_cast<std::uint32_t>(key >> 3);
    switch (key & 7) {
      case kVarint:
        field.value = TRY(Varint());
        return std::optional(field);
      case kLength: {
        const std::uint64_t size = TRY(Varint());
        field.bytes = TRY(Take(size));
        field.is_bytes = true;
        return std::optional(field);
      }
      case kFixed64: TRY(Take(8)); break;
      case kFixed32: TRY(Take(4)); break;
      default: return Cut();
    }
  }
  return std::optional<ProtoField>();
}

}  // namespace estiba::criu
