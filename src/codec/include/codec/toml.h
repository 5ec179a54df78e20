#pragma once
// TOML 1.0 to values that know their line, so that a configuration's reader can refuse an unknown key where it stands.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::codec {

struct TomlMember;

struct TomlValue {
  enum class Kind : unsigned char { kTable, kArray, kString, kInteger, kFloat, kBoolean, kTime };

  Kind kind = Kind::kTable;
  unsigned line = 0;  // where it starts, from 1
  std::string text;   // kString; kTime as written
  std::int64_t integer = 0;
  double number = 0;
  bool boolean = false;
  std::vector<TomlValue> items;     // kArray
  std::vector<TomlMember> members;  // kTable, by line

  // The member of a table, or nothing.
  const TomlValue* Find(std::string_view key) const;
};
struct TomlMember {
  std::string first;
  TomlValue second;
};
// "string", "table", … for messages.
std::string_view KindName(TomlValue::Kind kind);

// The document's table. kInvalidArgument: "line 3: …". At most 1 MiB and 32 levels deep.
Result<TomlValue> ParseToml(std::string_view text);

}  // namespace estiba::codec
