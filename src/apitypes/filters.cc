#include "apitypes/filters.h"

#include <algorithm>

#include "base/timestamp.h"
#include "codec/json.h"

namespace estiba::apitypes {
namespace {

const std::set<std::string> kNone;

Error Invalid(const std::string& json) {
  return Error(Code::kInvalidArgument, "invalid filters '" + json + "': expected {\"key\":[\"value\"]}");
}

}  // namespace

Result<Filters> Filters::Parse(const std::string& json) {
  Filters filters;
  if (json.empty()) return filters;
  const codec::Json root =
      TRY_CTX(codec::ParseJson(json, {.depth = 4, .bytes = 1U << 20}), "invalid filters");
  if (!root.IsObject()) return Invalid(json);
  for (const auto& [key, values] : *root.IfObject()) {
    std::set<std::string>& wanted = filters.values_[key];
    if (const auto* list = values.IfArray()) {
      for (const codec::Json& value : *list) {
        if (!value.IsString()) return Invalid(json);
        wanted.insert(*value.IfString());
      }
    } else if (const auto* map = values.IfObject()) {
      for (const auto& [value, on] : *map) {
        if (!on.IfBool().has_value()) return Invalid(json);
        if (*on.IfBool()) wanted.insert(value);
      }
    } else {
      return Invalid(json);
    }
  }
  return filters;
}

bool Filters::Has(std::string_view key) const { return !Get(key).empty(); }

const std::set<std::string>& Filters::Get(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? kNone : found->second;
}

void Filters::Add(const std::string& key, const std::string& value) { values_[key].insert(value); }

Status Filters::Allow(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, values] : values_) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Error(Code::kInvalidArgument, "invalid filter '" + key + "'");
    }
  }
  return Ok();
}

bool Filters::Exact(std::string_view key, std::string_view value) const {
  const auto& wanted = Get(key);
  return wanted.empty() || wanted.contains(std::string(value));
}

bool Filters::Labels(std::string_view key, const std::map<std::string, std::string>& labels) const {
  const auto& wanted = Get(key);
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& want) {
    const std::size_t equals = want.find('=');
    const auto found = labels.find(want.substr(0, equals));
    if (found == labels.end()) return false;
    return equals == std::string::npos || found->second == want.substr(equals + 1);
  });
}

Result<bool> Filters::Flag(std::string_view key, bool otherwise) const {
  const auto& wanted = Get(key);
  if (wanted.empty()) return otherwise;
  const bool yes = wanted.contains("1") || wanted.contains("true");
  const bool no = wanted.contains("0") || wanted.contains("false");
  if (yes == no) {
    return Error(Code::kInvalidArgument, "invalid filter '" + std::string(key) + "=" + *wanted.begin() + "'");
  }
  return yes;
}

Result<std::optional<WallTime>> Filters::Until(WallTime now) const {
  const auto& wanted = Get("until");
  if (wanted.empty()) return std::optional<WallTime>();
  if (wanted.size() > 1) return Error(Code::kInvalidArgument, "more than one until filter specified");
  return std::optional(TRY_CTX(ParseTimestamp(*wanted.begin(), now), "filter 'until'"));
}

std::string Filters::ToJson() const {
  codec::Json json = codec::Json::MakeObject();
  for (const auto& [key, values] : values_) {
    codec::Json& map = json.Add(key, codec::Json::MakeObject());
    for (const std::string& value : values) map.Add(value, true);
  }
  return json.Dump();
}

bool ParseFlag(std::string_view value) {
  std::string lower(value);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return !(lower.empty() || lower == "0" || lower == "no" || lower == "false" || lower == "none");
}

}  // namespace estiba::apitypes
