#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "codec/json.h"

namespace estiba::codec {
namespace {

// Length of the well-formed UTF-8 sequence at the front of `text`, 0 if there is none (Unicode 15, table
// 3-7).
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;  // surrogates
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void AppendControl(unsigned char c, std::string* out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  switch (c) {
    case '\n': *out += "\\n"; return;
    case '\r': *out += "\\r"; return;
    case '\t': *out += "\\t"; return;
    case '\b': *out += "\\b"; return;
    case '\f': *out += "\\f"; return;
    default: break;
  }
  *out += "\\u00";
  *out += kDigits[c >> 4U];
  *out += kDigits[c & 15U];
}

void AppendString(std::string_view text, std::string* out) {
  *out += '"';
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    std::size_t length = SequenceLength(text);
    if (c < 0x20) {
      AppendControl(c, out);
    } else if (c == '"' || c == '\\') {
      *out += '\\';
      *out += static_cast<char>(c);
    } else if (c < 0x80) {
      *out += static_cast<char>(c);
    } else if (length == 0) {
      *out += "\xEF\xBF\xBD";
      length = 1;
    } else if (text.starts_with("\xE2\x80\xA8") || text.starts_with("\xE2\x80\xA9")) {
      *out += text[2] == '\xA8' ? "\\u2028" : "\\u2029";  // Go escapes them too: they end lines in JavaScript
    } else {
      out->append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  *out += '"';
}

template <typename T>
void AppendNumber(T value, std::string* out) {
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  out->append(buffer, result.ptr);
}

// The shortest that reads back as the same. Not std::to_chars: its tables would be a tenth of estiba-oci, which copies
// itself at every start. printf is there anyway, and no program of ours leaves the "C" locale.
void AppendDouble(double value, std::string* out) {
  char buffer[40];
  for (int digits = 15; digits <= 17; ++digits) {
    std::snprintf(buffer, sizeof buffer, "%.*g", digits, value);
    if (std::strtod(buffer, nullptr) == value) break;  // 17 always do
  }
  out->append(buffer);
}

class Dumper {
 public:
  explicit Dumper(int indent) : indent_(indent) {}

  void Write(const Json& value) {
    switch (value.kind()) {
      case Json::Kind::kNull: out_ += "null"; return;
      case Json::Kind::kBool: out_ += *value.IfBool() ? "true" : "false"; return;
      case Json::Kind::kInt: return AppendNumber(*value.IfInt(), &out_);
      case Json::Kind::kUint: return AppendNumber(*value.IfUint(), &out_);
      case Json::Kind::kDouble: return WriteDouble(*value.IfDouble());
      case Json::Kind::kString: return AppendString(*value.IfString(), &out_);
      case Json::Kind::kArray: return WriteArray(*value.IfArray());
      case Json::Kind::kObject: return WriteObject(*value.IfObject());
    }
  }
  std::string Take() { return std::move(out_); }

 private:
  void WriteDouble(double value) {
    if (!std::isfinite(value)) {
      out_ += "null";  // JSON has no word for it
    } else if (value == 0) {
      out_ += '0';  // "-0" would come back as the whole number 0
    } else {
      AppendDouble(value, &out_);
    }
  }

  void NewLine() {
    if (indent_ == 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent_) * depth_, ' ');
  }

  void WriteArray(const Json::Array& array) {
    if (array.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    ++depth_;
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (i != 0) out_ += ',';
      NewLine();
      Write(array[i]);
    }
    --depth_;
    NewLine();
    out_ += ']';
  }

  void WriteObject(const Json::Object& object) {
    if (object.empty()) {
      out_ += "{}";
      return;
    }
    out_ += '{';
    ++depth_;
    for (std::size_t i = 0; i < object.size(); ++i) {
      if (i != 0) out_ += ',';
      NewLine();
      AppendString(object[i].key, &out_);
      out_ += indent_ == 0 ? ":" : ": ";
      Write(object[i].value);
    }
    --depth_;
    NewLine();
    out_ += '}';
  }

  int indent_;
  std::size_t depth_ = 0;
  std::string out_;
};

}  // namespace

std::string Json::Dump(int indent) const {
  Dumper dumper(indent);
  dumper.Write(*this);
  return dumper.Take();
}

std::string QuoteJson(std::string_view text) {
  std::string out;
  AppendString(text, &out);
  return out;
}

}  // namespace estiba::codec
