#include "config_reader.h"

#include "base/duration.h"
#include "base/parse.h"
#include "base/text.h"

namespace estiba::engine {

using Kind = codec::TomlValue::Kind;

void TomlTable::FailAt(unsigned line, const std::string& what) {
  if (error_->has_value()) return;
  error_->emplace(Code::kInvalidArgument, file_ + ":" + std::to_string(line) + ": " + what);
}

void TomlTable::Fail(const char* key, const std::string& why) {
  const codec::TomlValue* value = value_->Find(key);
  FailAt(value != nullptr ? value->line : value_->line, prefix_ + key + ": " + why);
}

const codec::TomlValue* TomlTable::Take(const char* key, Kind kind) {
  known_.insert(key);
  const codec::TomlValue* value = value_->Find(key);
  if (value == nullptr) return nullptr;
  if (value->kind == kind) return value;
  Fail(key, "expected " + std::string(codec::KindName(kind)) + ", got " + std::string(codec::KindName(value->kind)));
  return nullptr;
}

void TomlTable::Read(const char* key, std::string* out) {
  if (const auto* value = Take(key, Kind::kString)) *out = value->text;
}

void TomlTable::Read(const char* key, std::vector<std::string>* out) {
  const auto* value = Take(key, Kind::kArray);
  if (value == nullptr) return;
  out->clear();
  for (const codec::TomlValue& item : value->items) {
    if (item.kind != Kind::kString) return FailAt(item.line, prefix_ + key + ": expected a list of strings");
    out->push_back(item.text);
  }
}

void TomlTable::ReadInt(const char* key, int* out, std::int64_t min, std::int64_t max) {
  std::int64_t value = *out;
  ReadSize(key, &value, min, max);
  *out = static_cast<int>(value);
}

void TomlTable::ReadSize(const char* key, std::int64_t* out, std::int64_t min, std::int64_t max) {
  known_.insert(key);
  const codec::TomlValue* value = value_->Find(key);
  if (value == nullptr) return;
  std::int64_t number = value->integer;
  if (value->kind == Kind::kString) {
    auto parsed = ParseSize(value->text);
    if (!parsed.ok()) return Fail(key, parsed.error().Message());
    number = parsed.value();
  } else if (value->kind != Kind::kInteger) {
    return Fail(key, "expected a number, got " + std::string(codec::KindName(value->kind)));
  }
  if (number < min || number > max) {
    return Fail(key, std::to_string(number) + " is not between " + std::to_string(min) + " and " + std::to_string(max));
  }
  *out = number;
}

void TomlTable::ReadDuration(const char* key, std::chrono::nanoseconds* out) {
  const codec::TomlValue* value = Take(key, Kind::kString);
  if (value == nullptr) return;
  const auto parsed = ParseGoDuration(value->text);
  if (!parsed.ok()) return Fail(key, parsed.error().Message());
  if (parsed->count() < 0) return Fail(key, "must not be below 0");
  *out = *parsed;
}

void TomlTable::ReadBool(const char* key, bool* out) {
  const codec::TomlValue* value = Take(key, Kind::kBoolean);
  if (value != nullptr) *out = value->boolean;
}

void TomlTable::ReadBool(const char* key, std::optional<bool>* out) {
  const codec::TomlValue* value = Take(key, Kind::kBoolean);
  if (value != nullptr) *out = value->boolean;
}

void TomlTable::ReadPath(const char* key, std::string* out) {
  std::string path;
  Read(key, &path);
  if (path.empty()) return;
  if (path[0] != '/') return Fail(key, "must be an absolute path, not '" + path + "'");
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  *out = std::move(path);
}

void TomlTable::Table(const char* key, const std::function<void(TomlTable)>& read) {
  if (const auto* value = Take(key, Kind::kTable)) read(TomlTable(*value, file_, error_, prefix_ + key + "."));
}

void TomlTable::EachTable(const char* key, const std::function<void(TomlTable)>& read) {
  const auto* value = Take(key, Kind::kArray);
  if (value == nullptr) return;
  for (const codec::TomlValue& item : value->items) {
    if (item.kind != Kind::kTable) return FailAt(item.line, prefix_ + key + ": expected a list of tables");
    read(TomlTable(item, file_, error_, prefix_ + key + "."));
  }
}

void TomlTable::Finish() {
  for (const auto& [key, value] : value_->members) {
    if (!known_.contains(key)) FailAt(value.line, "unknown key '" + prefix_ + key + "'");
  }
}

Result<std::int64_t> ParseSize(std::string_view text) {
  const std::string lower = ToLower(Trim(text));
  const std::size_t digits = std::min(lower.find_first_not_of("0123456789"), lower.size());
  std::string unit(Trim(std::string_view(lower).substr(digits)));
  const std::uint64_t number = TRY(ParseUint(std::string_view(lower).substr(0, digits), std::uint64_t{1} << 60));
  if (unit.ends_with("ib")) {
    unit.resize(unit.size() - 2);
  } else if (unit.ends_with("b")) {
    unit.resize(unit.size() - 1);
  }
  const std::string_view units = "kmgt";
  const std::size_t power = unit.empty() ? 0 : units.find(unit) + 1;
  if (unit.size() > 1 || (!unit.empty() && power == 0) || number > (std::uint64_t{1} << (60 - 10 * power))) {
    return Error(Code::kInvalidArgument, "'" + std::string(text) + "' is not a size, like 64m or 1GiB");
  }
  return static_cast<std::int64_t>(number << (10 * power));
}

}  // namespace estiba::engine
