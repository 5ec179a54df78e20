#include "explain_json.h"

namespace estiba::plan {
namespace {

// Length of the well-formed UTF-8 sequence at the start, 0 when there is none (RFC 3629).
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  std::size_t length = lead < 0x80                   ? 1
                       : lead >= 0xc2 && lead < 0xe0 ? 2
                       : (lead & 0xf0) == 0xe0       ? 3
                       : lead < 0xf5                 ? 4
                                                     : 0;
  if (lead >= 0x80 && lead < 0xc2) length = 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // longer than needed
  if (lead == 0xed && byte(1) > 0x9f) return 0;  // surrogates
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // above U+10FFFF
  return length;
}

}  // namespace

std::string JsonString(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty()) {
    const char c = text[0];
    const auto byte = static_cast<unsigned char>(c);
    const std::size_t length = SequenceLength(text);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else if (length == 0) {
      out += "\\ufffd";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
  return out;
}

void JsonWriter::Separate() {
  if (!first_) out_ += ',';
  first_ = false;
}

void JsonWriter::Key(std::string_view name) {
  Separate();
  out_ += JsonString(name);
  out_ += ':';
}

void JsonWriter::BeginObject() {
  out_ += '{';
  first_ = true;
}

void JsonWriter::BeginObject(std::string_view name) {
  Key(name);
  BeginObject();
}

void JsonWriter::BeginItem() {
  Separate();
  BeginObject();
}

void JsonWriter::EndObject() {
  out_ += '}';
  first_ = false;
}

void JsonWriter::BeginArray(std::string_view name) {
  Key(name);
  out_ += '[';
  first_ = true;
}

void JsonWriter::EndArray() {
  out_ += ']';
  first_ = false;
}

void JsonWriter::Member(std::string_view name, std::string_view value) {
  Key(name);
  out_ += JsonString(value);
}

void JsonWriter::Member(std::string_view name, const std::vector<std::string>& values) {
  BeginArray(name);
  for (const std::string& value : values) {
    Separate();
    out_ += JsonString(value);
  }
  EndArray();
}

void JsonWriter::Member(std::string_view name, std::int64_t value) {
  Key(name);
  out_ += std::to_string(value);
}

void JsonWriter::StepObject(const Step& step, const std::string& description, std::int64_t nanoseconds) {
  BeginItem();
  Member("op", OpName(step.op));
  Member("where", WhereName(step.where));
  Member("does", description);
  Member("operands", step.text);
  BeginArray("numbers");
  for (const std::uint64_t number : step.numbers) {
    Separate();
    out_ += std::to_string(number);
  }
  EndArray();
  Member("why", step.why);
  if (nanoseconds >= 0) Member("nanoseconds", nanoseconds);
  EndObject();
}

}  // namespace estiba::plan
