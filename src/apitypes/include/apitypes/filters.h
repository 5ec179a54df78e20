#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace estiba::apitypes {

// The `filters` parameter: JSON {"label":{"a=b":true}} or the older {"label":["a=b"]}.
class Filters {
 public:
  // "" is no filter. kInvalidArgument for anything else that is not one of the two forms.
  static Result<Filters> Parse(const std::string& json);

  bool empty() const { return values_.empty(); }
  bool Has(std::string_view key) const;
  // The values of a key; empty when it was not given.
  const std::set<std::string>& Get(std::string_view key) const;
  void Add(const std::string& key, const std::string& value);
  // kInvalidArgument "invalid filter 'x'" when a key is none of `known`.
  Status Allow(std::initializer_list<std::string_view> known) const;
  // True when the key was not given, or one of its values equals `value`.
  bool Exact(std::string_view key, std::string_view value) const;
  // As Exact, for "key=value" and "key" values against a map: all given must match (label, label!=).
  bool Labels(std::string_view key, const std::map<std::string, std::string>& labels) const;
  // The flag of a key like dangling=true; `otherwise` when not given.
  Result<bool> Flag(std::string_view key, bool otherwise) const;
  // The moment that "until" names; nothing when it was not given.
  Result<std::optional<WallTime>> Until(WallTime now) const;
  std::string ToJson() const;

 private:
  std::map<std::string, std::set<std::string>, std::less<>> values_;
};

// Docker's reading of a boolean parameter: "", "0", "no", "false", "none" are false, everything else is true.
bool ParseFlag(std::string_view value);

}  // namespace estiba::apitypes
