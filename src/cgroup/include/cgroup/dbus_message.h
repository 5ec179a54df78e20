#pragma once
// Messages of the D-Bus protocol: as many of its types as the systemd driver says and hears. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cgroup/variant.h"

namespace estiba::cgroup {

enum class DbusType : std::uint8_t { kCall = 1, kReturn = 2, kError = 3, kSignal = 4 };

struct DbusMessage {
  DbusType type = DbusType::kCall;
  std::uint32_t serial = 0;
  std::uint32_t reply_to = 0;  // of kReturn and kError
  std::string path, interface, member, error_name, destination;
  std::string signature;  // of the body
  std::string body;
};

// A body, value by value; each is aligned as its type wants it.
class DbusWriter {
 public:
  void Byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }
  void U32(std::uint32_t value) { Number(value, 4); }
  void String(std::string_view text);
  void Signature(std::string_view text);
  // The value alone, and as a "v".
  void Value(const Variant& value);
  void Boxed(const Variant& value);
  // An array whose items `write` puts down; `alignment` is that of an item.
  template <typename Write>
  void Array(std::size_t alignment, Write write) {
    const std::size_t at = BeginArray(alignment);
    write();
    EndArray(at, alignment);
  }
  void Align(std::size_t alignment) { bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment, '\0'); }
  std::string Take() && { return std::move(bytes_); }

 private:
  void Number(std::uint64_t value, std::size_t size);
  std::size_t BeginArray(std::size_t alignment);
  void EndArray(std::size_t at, std::size_t alignment);
  std::string bytes_;
};

inline constexpr std::size_t kMaxDbusMessage = 1U << 20;
std::string EncodeDbus(const DbusMessage& message);
// How many bytes the message at the front has; 0 as long as that cannot be told. kDataLoss when it is none of ours.
Result<std::size_t> DbusSize(std::string_view bytes);
// Exactly one message.
Result<DbusMessage> DecodeDbus(std::string_view bytes);
// The values of a body, numbers in decimal; "v" is its content. Types of one letter only.
Result<std::vector<std::string>> DbusValues(const DbusMessage& message);

}  // namespace estiba::cgroup
