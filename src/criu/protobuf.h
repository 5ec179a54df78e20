#pragma once
// Protocol buffers' wire format, as much of it as CRIU's messages use: varints, and bytes with a length.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace estiba::criu {

class ProtoWriter {
 public:
  void Number(std::uint32_t field, std::int64_t value);  // int32, uint32, bool, enum
  void Bytes(std::uint32_t field, std::string_view bytes);  // string, message
  std::string Take() { return std::move(out_); }

 private:
  void Varint(std::uint64_t value);
  std::string out_;
};

struct ProtoField {
  std::uint32_t number = 0;
  std::uint64_t value = 0;   // of a varint
  std::string_view bytes{};  // of one with a length
  bool is_bytes = false;

  std::int32_t Int() const { return static_cast<std::int32_t>(value); }
};

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view bytes) : rest_(bytes) {}
  // The next field, nothing at the end; kDataLoss when it is cut. Fixed-width fields are passed over.
  Result<std::optional<ProtoField>> Next();

 private:
  Result<std::uint64_t> Varint();
  Result<std::string_view> Take(std::uint64_t size);
  std::string_view rest_;
};

}  // namespace estiba::criu
