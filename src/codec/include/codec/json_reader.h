#pragma once
// Typed fields out of a Json object. A missing or null member leaves the target as it is; a member of the
// wrong kind is an error that names its path ("HostConfig.Memory: expected a number, got a string"). The
// first error sticks and stops later reads, so a decoder is a plain list of Read() calls ending in Finish().

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace estiba::codec {

class Reader {
 public:
  enum class Keys : unsigned char {
    kExact,
    kFoldCase,  // "image" also finds "Image", as Go's decoder does (ASCII)
  };

  // `value` must outlive the reader. `path` is the prefix for errors, "" at the top.
  explicit Reader(const Json& value, std::string path = "", Keys keys = Keys::kExact);
  Reader(Reader&&) noexcept = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  bool Has(std::string_view key) const;  // present and not null
  // The member itself (null value counts as missing); marks it as read.
  const Json* Take(std::string_view key);

  void Read(std::string_view key, bool* out);
  void Read(std::string_view key, std::int64_t* out);
  void Read(std::string_view key, std::uint64_t* out);
  void Read(std::string_view key, std::int32_t* out);
  void Read(std::string_view key, std::uint32_t* out);
  void Read(std::string_view key, std::uint16_t* out);
  void Read(std::string_view key, double* out);
  void Read(std::string_view key, std::string* out);
  void Read(std::string_view key, std::vector<std::string>* out);
  void Read(std::string_view key, std::vector<std::uint32_t>* out);
  void Read(std::string_view key, std::map<std::string, std::string>* out);
  void Read(std::string_view key, Json* out);
  template <typename T>
  void Read(std::string_view key, std::optional<T>* out) {
    if (!Has(key)) return Touch(key);
    T value{};
    Read(key, &value);
    if (ok()) *out = std::move(value);
  }
  // A list of strings, or one string standing for a list of one (Docker's Cmd and Entrypoint).
  void ReadStringOrList(std::string_view key, std::vector<std::string>* out);
  // As Read, and missing, null or empty is an error.
  void Require(std::string_view key, std::string* out);

  // f(Reader&) for the member object, if there is one.
  template <typename F>
  void Object(std::string_view key, F f) {
    if (const Json* value = TakeKind(key, Json::Kind::kObject)) {
      Reader child = Child(*value, key);
      f(child);
    }
  }
  // f(Reader&) for each object of the member array; a null element is skipped.
  template <typename F>
  void EachObject(std::string_view key, F f) {
    const Json* list = TakeKind(key, Json::Kind::kArray);
    for (std::size_t i = 0; list != nullptr && i < list->size() && ok(); ++i) {
      const Json& item = (*list->IfArray())[i];
      if (item.IsNull()) continue;
      Reader child = Child(item, std::string(key) + "[" + std::to_string(i) + "]");
      f(child);
    }
  }
  // f(name, Reader&) for each member of the member object; a null value reads as an empty object.
  template <typename F>
  void EachMember(std::string_view key, F f) {
    const Json* map = TakeKind(key, Json::Kind::kObject);
    for (std::size_t i = 0; map != nullptr && i < map->size() && ok(); ++i) {
      const Json::Member& member = (*map->IfObject())[i];
      Reader child = Child(member.value, std::string(key) + "." + member.key);
      f(member.key, child);
    }
  }

  // Members nobody asked for that hold something (not null), in order.
  std::vector<std::string> Unread() const;
  const std::string& path() const { return path_; }
  const Json& value() const { return *value_; }

  bool ok() const;
  // Records kInvalidArgument "<path>.<key>: <what>" unless an error is there already.
  void Fail(std::string_view key, std::string_view what);
  void Fail(Error error);
  // The first error of this reader and its children.
  Status Finish();

 private:
  struct State;
  Reader(const Json& value, std::string path, Keys keys, std::shared_ptr<State> state);
  Reader Child(const Json& value, std::string_view name) const;
  const Json* TakeKind(std::string_view key, Json::Kind kind);
  void Touch(std::string_view key);
  std::optional<std::size_t> IndexOf(std::string_view key) const;
  void Mismatch(std::string_view key, std::string_view expected, const Json& got);
  template <typename T>
  void ReadInteger(std::string_view key, T* out);

  const Json* value_;
  std::string path_;
  Keys keys_;
  std::shared_ptr<State> state_;
  std::vector<bool> read_;
};

}  // namespace estiba::codec
