#pragma once
// YAML 1.1 and 1.2 to values that know their line. In estiba::codec_yaml (links libyaml).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::codec {

struct YamlMember;

// What a scalar stands for is its reader's to say, who knows what has to be there: `version: 1.10` may be text.
struct YamlValue {
  enum class Kind : unsigned char { kScalar, kSequence, kMapping };

  Kind kind = Kind::kScalar;
  unsigned line = 0;   // where it starts, from 1
  std::string text;    // kScalar
  bool plain = false;  // kScalar: written without quotes, so it may be no text
  std::vector<YamlValue> items;     // kSequence
  std::vector<YamlMember> members;  // kMapping, in the file's order, keys unique

  // Nothing at all, or a plain "null" or "~".
  bool IsNull() const;
  // A plain true, false, yes, no, on or off.
  std::optional<bool> IfBool() const;
  // The member of a mapping, or nothing.
  const YamlValue* Find(std::string_view key) const;
};
struct YamlMember {
  std::string key;
  YamlValue value;
};
// "scalar", "sequence", … for messages.
std::string_view KindName(YamlValue::Kind kind);

// The one document of the text; of no document a null. An alias is a copy of what it names. kInvalidArgument ("line 3:
// …") also for what is YAML but has no place in a file of settings: several documents, keys that are no scalars or come
// twice, tags of other types. At most 1 MiB, 32 levels, and, with what aliases copy, 100,000 values and 4 MiB of text.
Result<YamlValue> ParseYaml(std::string_view text);

}  // namespace estiba::codec
