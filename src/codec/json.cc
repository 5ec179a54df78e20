#include "codec/json.h"

#include <cmath>
#include <cstdlib>

namespace estiba::codec {

Json::Json() noexcept = default;
Json::Json(std::nullptr_t) noexcept {}
Json::Json(double value) noexcept : value_(value) {}
Json::Json(const char* value) : value_(std::string(value)) {}
Json::Json(std::string_view value) : value_(std::string(value)) {}
Json::Json(std::string value) noexcept : value_(std::move(value)) {}
Json::Json(const std::vector<std::string>& values) : value_(Array(values.begin(), values.end())) {}
Json::Json(Array values) noexcept : value_(std::move(values)) {}
Json::Json(Object members) noexcept : value_(std::move(members)) {}
Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json Json::MakeArray() { return Json(Array{}); }
Json Json::MakeObject() { return Json(Object{}); }
Json Json::MakeObject(std::initializer_list<Member> members) { return Json(Object(members)); }

Json::Json(Tag, bool value) noexcept : value_(value) {}
Json::Json(Tag, std::int64_t value) noexcept : value_(value) {}
// Small unsigned numbers are kept as kInt, so that equal numbers are equal values.
Json::Json(Tag, std::uint64_t value) noexcept {
  if (value <= static_cast<std::uint64_t>(INT64_MAX)) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = value;
  }
}

std::optional<bool> Json::IfBool() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  return std::nullopt;
}

std::optional<std::int64_t> Json::IfInt() const {
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  return std::nullopt;  // a kUint is above INT64_MAX by construction
}

std::optional<std::uint64_t> Json::IfUint() const {
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  const auto* value = std::get_if<std::int64_t>(&value_);
  if (value != nullptr && *value >= 0) return static_cast<std::uint64_t>(*value);
  return std::nullopt;
}

std::optional<double> Json::IfDouble() const {
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  return std::nullopt;
}

const std::string* Json::IfString() const { return std::get_if<std::string>(&value_); }
const Json::Array* Json::IfArray() const { return std::get_if<Array>(&value_); }
Json::Array* Json::IfArray() { return std::get_if<Array>(&value_); }
const Json::Object* Json::IfObject() const { return std::get_if<Object>(&value_); }
Json::Object* Json::IfObject() { return std::get_if<Object>(&value_); }

std::size_t Json::size() const {
  if (const Array* array = IfArray()) return array->size();
  if (const Object* object = IfObject()) return object->size();
  return 0;
}

const Json* Json::Find(std::string_view key) const {
  const Object* object = IfObject();
  if (object == nullptr) return nullptr;
  for (const Member& member : *object) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Json* Json::Find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).Find(key)); }

const Json* Json::FindPath(std::initializer_list<std::string_view> keys) const {
  const Json* at = this;
  for (const std::string_view key : keys) {
    at = at->Find(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string Json::GetString(std::string_view key) const {
  const Json* value = Find(key);
  const std::string* text = value == nullptr ? nullptr : value->IfString();
  return text == nullptr ? std::string() : *text;
}

std::int64_t Json::GetInt(std::string_view key) const {
  const Json* value = Find(key);
  return value == nullptr ? 0 : value->IfInt().value_or(0);
}

bool Json::GetBool(std::string_view key) const {
  const Json* value = Find(key);
  return value != nullptr && value->IfBool().value_or(false);
}

Json& Json::Set(std::string_view key, Json value) {
  if (Json* existing = Find(key)) {
    *existing = std::move(value);
    return *existing;
  }
  return Add(std::string(key), std::move(value));
}

Json& Json::Add(std::string key, Json value) {
  if (IsNull()) value_ = Object{};
  Object* object = IfObject();
  if (object == nullptr) std::abort();  // a programming error: members belong to objects
  object->push_back(Member{std::move(key), std::move(value)});
  return object->back().value;
}

void Json::Remove(std::string_view key) {
  if (Object* object = IfObject()) std::erase_if(*object, [key](const Member& m) { return m.key == key; });
}

Json& Json::Append(Json value) {
  if (IsNull()) value_ = Array{};
  Array* array = IfArray();
  if (array == nullptr) std::abort();  // a programming error: elements belong to arrays
  array->push_back(std::move(value));
  return array->back();
}

bool operator==(const Json& a, const Json& b) { return a.value_ == b.value_; }

}  // namespace estiba::codec
