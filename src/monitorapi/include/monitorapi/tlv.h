#pragma once
// Fields of a message or record: tag (2 bytes), length (4), value; little-endian, nested messages inside
// values. Append-only: a tag keeps its meaning for ever, new ones are added, unknown ones are skipped,
// missing ones leave the default. A type says its fields once: template <class V> void Fields(V& v) { v(1,
// id); v(2, name); }

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace estiba::monitorapi::tlv {

void PutField(std::string& out, std::uint16_t tag, std::string_view value);
void PutInteger(std::string& out, std::uint16_t tag, std::uint64_t value);
// The next field of `rest`, taken off it; false at the end or when what is left is malformed.
bool TakeField(std::string_view& rest, std::uint16_t* tag, std::string_view* value);
// 1 to 8 bytes; 0 from anything else.
std::uint64_t GetInteger(std::string_view value);
// kDataLoss unless `body` is a whole sequence of fields.
Status Check(std::string_view body);

template <class T>
concept Scalar = std::integral<T> || std::is_enum_v<T>;

template <class T>
std::string Encode(const T& message);
template <class T>
void Fill(std::string_view body, T& message, int depth);

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  template <Scalar T>
  void operator()(std::uint16_t tag, const T& value) {
    PutInteger(out_, tag, static_cast<std::uint64_t>(value));
  }
  void operator()(std::uint16_t tag, const std::string& value) { PutField(out_, tag, value); }
  template <class T>
  void operator()(std::uint16_t tag, const std::vector<T>& values) {
    for (const auto& value : values) (*this)(tag, value);
  }
  template <class T>
    requires std::is_class_v<T>
  void operator()(std::uint16_t tag, const T& message) {
    PutField(out_, tag, Encode(message));
  }

 private:
  std::string& out_;
};

// One field on its way into a message: the member with its tag takes it.
class Reader {
 public:
  Reader(std::uint16_t tag, std::string_view value, int depth) : tag_(tag), value_(value), depth_(depth) {}
  template <Scalar T>
  void operator()(std::uint16_t tag, T& value) {
    if (tag == tag_) value = static_cast<T>(GetInteger(value_));
  }
  void operator()(std::uint16_t tag, std::string& value) {
    if (tag == tag_) value = value_;
  }
  template <class T>
  void operator()(std::uint16_t tag, std::vector<T>& values) {
    if (tag == tag_) (*this)(tag, values.emplace_back());
  }
  template <class T>
    requires std::is_class_v<T>
  void operator()(std::uint16_t tag, T& message) {
    if (tag == tag_) Fill(value_, message, depth_ + 1);
  }

 private:
  std::uint16_t tag_;
  std::string_view value_;
  int depth_;
};

template <class T>
std::string Encode(const T& message) {
  std::string out;
  Writer writer(out);
  const_cast<T&>(message).Fields(writer);
  return out;
}

template <class T>
void Fill(std::string_view body, T& message, int depth) {
  constexpr int kMaxDepth = 4;
  if (depth > kMaxDepth) return;
  std::uint16_t tag = 0;
  std::string_view value;
  while (TakeField(body, &tag, &value)) {
    Reader reader(tag, value, depth);
    message.Fields(reader);
  }
}

template <class T>
Result<T> Decode(std::string_view body) {
  TRY(Check(body));
  T message;
  Fill(body, message, 0);
  return message;
}

}  // namespace estiba::monitorapi::tlv
