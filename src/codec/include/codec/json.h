#pragma once
// JSON as an ordered value tree. Integers keep their sign and width apart from doubles, so that 64-bit limits
// and timestamps survive a round trip.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace estiba::codec {

class Json {
 public:
  enum class Kind : unsigned char { kNull, kBool, kInt, kUint, kDouble, kString, kArray, kObject };
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;  // in the order of insertion, keys unique

  Json() noexcept;
  Json(std::nullptr_t) noexcept;  // NOLINT(google-explicit-constructor)
  template <typename T>
    requires std::same_as<T, bool>
  Json(T value) noexcept : Json(Tag{}, value) {}  // NOLINT(google-explicit-constructor)
  template <typename T>
    requires(std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>)
  Json(T value) noexcept  // NOLINT(google-explicit-constructor)
      : Json(Tag{},
             static_cast<std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>(value)) {}
  Json(double value) noexcept;                   // NOLINT(google-explicit-constructor)
  Json(const char* value);                       // NOLINT(google-explicit-constructor)
  Json(std::string_view value);                  // NOLINT(google-explicit-constructor)
  Json(std::string value) noexcept;              // NOLINT(google-explicit-constructor)
  Json(const std::vector<std::string>& values);  // NOLINT(google-explicit-constructor)
  Json(Array values) noexcept;                   // NOLINT(google-explicit-constructor)
  Json(Object members) noexcept;                 // NOLINT(google-explicit-constructor)
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  static Json MakeArray();
  static Json MakeObject();
  // {{"Id", id}, {"Warnings", warnings}}; keys must differ.
  static Json MakeObject(std::initializer_list<Member> members);

  Kind kind() const { return static_cast<Kind>(value_.index()); }
  bool IsNull() const { return kind() == Kind::kNull; }
  bool IsArray() const { return kind() == Kind::kArray; }
  bool IsObject() const { return kind() == Kind::kObject; }
  bool IsString() const { return kind() == Kind::kString; }
  bool IsNumber() const { return kind() >= Kind::kInt && kind() <= Kind::kDouble; }

  // Nothing when the value is of another kind, or does not fit.
  std::optional<bool> IfBool() const;
  std::optional<std::int64_t> IfInt() const;
  std::optional<std::uint64_t> IfUint() const;
  std::optional<double> IfDouble() const;  // any number
  const std::string* IfString() const;
  const Array* IfArray() const;
  Array* IfArray();
  const Object* IfObject() const;
  Object* IfObject();

  // Elements of an array, members of an object, else 0.
  std::size_t size() const;
  bool empty() const { return size() == 0; }

  // The member of that name; null when missing or when this is no object.
  const Json* Find(std::string_view key) const;
  Json* Find(std::string_view key);
  // Follows keys from object to object.
  const Json* FindPath(std::initializer_list<std::string_view> keys) const;
  // String of the member, or "" / the number, or 0 / the flag, or false: for answers we made ourselves.
  std::string GetString(std::string_view key) const;
  std::int64_t GetInt(std::string_view key) const;
  bool GetBool(std::string_view key) const;

  // Replaces or appends the member; a null becomes an object first. Returns the stored value. Aborts on other
  // kinds.
  Json& Set(std::string_view key, Json value);
  // As Set when the caller knows the key is new (no search).
  Json& Add(std::string key, Json value);
  void Remove(std::string_view key);
  // Appends to an array; a null becomes an array first.
  Json& Append(Json value);

  // One line without blanks; with `indent` blanks a level, as Go's MarshalIndent. '<', '>' and '&' stay as
  // they are; invalid UTF-8 becomes U+FFFD.
  std::string Dump(int indent = 0) const;

  friend bool operator==(const Json& a, const Json& b);

 private:
  // Out of line: the variant's members are complete only there.
  struct Tag {};
  Json(Tag, bool value) noexcept;
  Json(Tag, std::int64_t value) noexcept;
  Json(Tag, std::uint64_t value) noexcept;
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object> value_;
};

struct Json::Member {
  std::string key;
  Json value;
  friend bool operator==(const Member& a, const Member& b) = default;
};

struct JsonLimits {
  std::size_t depth = 64;
  std::size_t bytes = 64U << 20;
  bool unique_keys = false;  // of duplicate keys not the last wins, but they are refused
};

// The whole text is one value. kInvalidArgument with the byte offset.
Result<Json> ParseJson(std::string_view text, const JsonLimits& limits = {});
// `text` as a quoted JSON string.
std::string QuoteJson(std::string_view text);

}  // namespace estiba::codec
