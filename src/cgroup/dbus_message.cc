#include "cgroup/dbus_message.h"

#include <cstring>

namespace estiba::cgroup {
namespace {

constexpr char kLittleEndian = 'l';
constexpr std::uint8_t kProtocol = 1;
constexpr std::size_t kFixedHeader = 16;  // with the length of the fields
constexpr unsigned kDeepestVariant = 4;

enum Field : std::uint8_t {
  kPath = 1, kInterface = 2, kMember = 3, kErrorName = 4, kReplySerial = 5, kDestination = 6, kSignature = 8,
};

std::size_t AlignmentOf(char type) {
  switch (type) {
    case 'y': case 'g': case 'v': return 1;
    case 'n': case 'q': return 2;
    case 'x': case 't': case '(': return 8;
    default: return 4;
  }
}

std::size_t SizeOf(char type) { return type == 'b' ? 4 : AlignmentOf(type); }

class Reader {
 public:
  explicit Reader(std::string_view bytes, std::size_t at = 0) : bytes_(bytes), at_(at) {}

  std::size_t at() const { return at_; }
  bool AtEnd() const { return at_ >= bytes_.size(); }
  static Error Cut() { return Error(Code::kDataLoss, "a cut D-Bus message"); }

  Status Align(std::size_t alignment) {
    const std::size_t next = (at_ + alignment - 1) / alignment * alignment;
    if (next > bytes_.size()) return Cut();
    at_ = next;
    return Ok();
  }
  Result<std::uint64_t> Number(std::size_t size) {
    TRY(Align(size));
    if (bytes_.size() - at_ < size) return Cut();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[at_ + i])) << (8 * i);
    at_ += size;
    return value;
  }
  // `prefix`: bytes of the length before it, 4 for strings and 1 for signatures.
  Result<std::string> Text(std::size_t prefix) {
    const std::uint64_t size = TRY(Number(prefix));
    if (size >= bytes_.size() - at_) return Cut();  // and the zero byte behind it
    if (bytes_[at_ + size] != '\0') return Error(Code::kDataLoss, "a D-Bus string without an end");
    std::string text(bytes_.substr(at_, size));
    at_ += size + 1;
    return text;
  }
  Result<std::string> Value(char type, unsigned depth = 0) {
    switch (type) {
      case 's': case 'o': return Text(4);
      case 'g': return Text(1);
      case 'v': break;
      case 'n': case 'i': case 'x': {
        const std::uint64_t number = TRY(Number(SizeOf(type)));
        const unsigned unused = 64 - 8 * static_cast<unsigned>(SizeOf(type));
        return std::to_string(static_cast<std::int64_t>(number << unused) >> unused);
      }
      case 'y': case 'b': case 'q': case 'u': case 't': {
        const std::uint64_t number = TRY(Number(SizeOf(type)));
        return std::to_string(number);
      }
      default: return Error(Code::kDataLoss, std::string("a D-Bus value of type '") + type + "'");
    }
    const std::string inner = TRY(Text(1));
    if (inner.size() != 1 || depth >= kDeepestVariant)
      return Error(Code::kDataLoss, "a D-Bus variant of '" + inner + "'");
    return Value(inner[0], depth + 1);
  }

 private:
  std::string_view bytes_;
  std::size_t at_;
};

Status ReadField(Reader& in, DbusMessage& message) {
  TRY(in.Align(8));
  const std::uint64_t code = TRY(in.Number(1));
  const std::string type = TRY(in.Text(1));
  if (type.size() != 1) return Error(Code::kDataLoss, "a D-Bus header field of type '" + type + "'");
  std::string value = TRY(in.Value(type[0]));
  switch (code) {
    case kPath: message.path = std::move(value); break;
    case kInterface: message.interface = std::move(value); break;
    case kMember: message.member = std::move(value); break;
    case kErrorName: message.error_name = std::move(value); break;
    case kDestination: message.destination = std::move(value); break;
    case kSignature: message.signature = std::move(value); break;
    case kReplySerial:
      if (type != "u") return Error(Code::kDataLoss, "a D-Bus serial of type '" + type + "'");
      message.reply_to = static_cast<std::uint32_t>(std::stoul(value));
      break;
    default: break;  // the specification wants unknown ones ignored
  }
  return Ok();
}

}  // namespace

void DbusWriter::Number(std::uint64_t value, std::size_t size) {
  Align(size);
  for (std::size_t i = 0; i < size; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xff);
}

void DbusWriter::String(std::string_view text) {
  U32(static_cast<std::uint32_t>(text.size()));
  bytes_ += text;
  bytes_ += '\0';
}

void DbusWriter::Signature(std::string_view text) {
  Byte(static_cast<std::uint8_t>(text.size()));
  bytes_ += text;
  bytes_ += '\0';
}

std::size_t DbusWriter::BeginArray(std::size_t alignment) {
  U32(0);
  const std::size_t at = bytes_.size();
  Align(alignment);
  return at;
}

// The length leaves out the padding before the first item.
void DbusWriter::EndArray(std::size_t at, std::size_t alignment) {
  const std::size_t first = (at + alignment - 1) / alignment * alignment;
  const auto size = static_cast<std::uint32_t>(bytes_.size() - first);
  for (std::size_t i = 0; i < 4; ++i) bytes_[at - 4 + i] = static_cast<char>(size >> (8 * i) & 0xff);
}

void DbusWriter::Value(const Variant& value) {
  switch (value.type[0]) {
    case 's': case 'o': return String(value.text);
    case 'g': return Signature(value.text);
    case 'a':
      return Array(AlignmentOf(value.type[1]), [&] {
        for (const Variant& item : value.items) Value(item);
      });
    case '(':
      Align(8);
      for (const Variant& item : value.items) Value(item);
      return;
    default: return Number(value.number, SizeOf(value.type[0]));
  }
}

void DbusWriter::Boxed(const Variant& value) {
  Signature(value.type);
  Value(value);
}

std::string EncodeDbus(const DbusMessage& message) {
  DbusWriter out;
  out.Byte(kLittleEndian);
  out.Byte(static_cast<std::uint8_t>(message.type));
  out.Byte(0);
  out.Byte(kProtocol);
  out.U32(static_cast<std::uint32_t>(message.body.size()));
  out.U32(message.serial);
  const auto field = [&](std::uint8_t code, const char* type, const std::string& text) {
    if (text.empty()) return;
    out.Align(8);
    out.Byte(code);
    out.Boxed({.type = type, .number = 0, .text = text, .items = {}});
  };
  out.Array(8, [&] {
    field(kPath, "o", message.path);
    field(kInterface, "s", message.interface);
    field(kMember, "s", message.member);
    field(kErrorName, "s", message.error_name);
    field(kDestination, "s", message.destination);
    field(kSignature, "g", message.signature);
    if (message.reply_to == 0) return;
    out.Align(8);
    out.Byte(kReplySerial);
    out.Boxed({.type = "u", .number = message.reply_to, .text = {}, .items = {}});
  });
  out.Align(8);
  return std::move(out).Take() + message.body;
}

Result<std::size_t> DbusSize(std::string_view bytes) {
  if (bytes.size() < kFixedHeader) return std::size_t{0};
  if (bytes[0] != kLittleEndian || bytes[3] != kProtocol)
    return Error(Code::kDataLoss, "not a D-Bus message of this machine");
  const std::uint64_t body = TRY(Reader(bytes, 4).Number(4));
  const std::uint64_t fields = TRY(Reader(bytes, 12).Number(4));
  if (body > kMaxDbusMessage || fields > kMaxDbusMessage) return Error(Code::kDataLoss, "a D-Bus message too long");
  return kFixedHeader + (fields + 7) / 8 * 8 + body;
}

Result<DbusMessage> DecodeDbus(std::string_view bytes) {
  const std::size_t size = TRY(DbusSize(bytes));
  if (size == 0 || size != bytes.size()) return Reader::Cut();
  DbusMessage message;
  message.type = static_cast<DbusType>(bytes[1]);
  const std::uint64_t serial = TRY(Reader(bytes, 8).Number(4));
  const std::uint64_t fields = TRY(Reader(bytes, 12).Number(4));
  message.serial = static_cast<std::uint32_t>(serial);
  const std::size_t end = kFixedHeader + fields;
  Reader in(bytes.substr(0, end), kFixedHeader);
  while (!in.AtEnd()) TRY(ReadField(in, message));
  message.body = bytes.substr((end + 7) / 8 * 8);
  return message;
}

Result<std::vector<std::string>> DbusValues(const DbusMessage& message) {
  std::vector<std::string> values;
  Reader in(message.body);
  for (const char type : message.signature) values.push_back(TRY(in.Value(type)));
  return values;
}

}  // namespace estiba::cgroup
