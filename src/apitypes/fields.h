#pragma once
// One description of a struct serves both directions: `Describe(archive, value)` names each member once, in
// the API's order. The archive is a Writer (struct to JSON) or a Loader (JSON to struct).
//   f("Key", v)       always written
//   f.Omit("Key", v)  left out when empty, zero, false or unset (Go's omitempty)
//   f.Null("Key", v)  null when empty

#include <concepts>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apitypes/host_config.h"
#include "codec/json.h"
#include "codec/json_reader.h"

namespace estiba::apitypes {

template <typename T>
concept Plain = std::same_as<T, bool> || std::integral<T> || std::floating_point<T> ||
                std::same_as<T, std::string> || std::same_as<T, codec::Json>;

class Writer {
 public:
  template <typename T>
  void operator()(const char* key, const T& value) {
    json_.Add(key, Encode(value));
  }
  template <typename T>
  void Omit(const char* key, const T& value) {
    if (!IsEmpty(value)) (*this)(key, value);
  }
  template <typename T>
  void Null(const char* key, const T& value) {
    json_.Add(key, IsEmpty(value) ? codec::Json() : Encode(value));
  }
  void StringOrList(const char* key, const std::optional<std::vector<std::string>>& value) {
    (*this)(key, value);
  }
  // A list of nothing is written as null, as the API does for exposed ports that are not published.
  void Ports(const char* key, const PortMap& ports);
  // f(Archive&) for an object of its own.
  template <typename F>
  void Inside(const char* key, F f) {
    Writer child;
    f(child);
    json_.Add(key, child.Take());
  }
  codec::Json Take() { return std::move(json_); }

  template <Plain T>
  static codec::Json Encode(const T& value) {
    return codec::Json(value);
  }
  template <typename T>
  static codec::Json Encode(const std::vector<T>& values) {
    codec::Json list = codec::Json::MakeArray();
    for (const T& value : values) list.Append(Encode(value));
    return list;
  }
  static codec::Json Encode(const std::set<std::string>& values) {
    codec::Json map = codec::Json::MakeObject();
    for (const std::string& value : values) map.Add(value, codec::Json::MakeObject());
    return map;
  }
  template <typename T>
  static codec::Json Encode(const std::map<std::string, T>& values) {
    codec::Json map = codec::Json::MakeObject();
    for (const auto& [key, value] : values) map.Add(key, Encode(value));
    return map;
  }
  template <typename T>
  static codec::Json Encode(const std::optional<T>& value) {
    return value.has_value() ? Encode(*value) : codec::Json();
  }
  template <typename T>
    requires requires(Writer& writer, T& value) { Describe(writer, value); }
  static codec::Json Encode(const T& value) {
    Writer writer;
    Describe(writer, const_cast<T&>(value));  // a Writer only reads
    return writer.Take();
  }

 private:
  template <typename T>
  static bool IsEmpty(const T& value) {
    if constexpr (requires { value.has_value(); }) {
      return !value.has_value();
    } else if constexpr (requires { value.empty(); }) {
      return value.empty();
    } else {
      return value == T{};
    }
  }
  codec::Json json_ = codec::Json::MakeObject();
};

class Loader {
 public:
  explicit Loader(codec::Reader& reader) : reader_(reader) {}

  template <typename T>
  void operator()(const char* key, T& value) {
    Load(key, value);
  }
  template <typename T>
  void Omit(const char* key, T& value) {
    Load(key, value);
  }
  template <typename T>
  void Null(const char* key, T& value) {
    Load(key, value);
  }
  void StringOrList(const char* key, std::optional<std::vector<std::string>>& value);
  void Ports(const char* key, PortMap& ports);
  template <typename F>
  void Inside(const char* key, F f) {
    reader_.Object(key, [&](codec::Reader& child) {
      Loader loader(child);
      f(loader);
    });
  }
  codec::Reader& reader() { return reader_; }

 private:
  template <typename T>
  void Load(const char* key, T& value) {
    if constexpr (requires(codec::Reader& r) { r.Read(key, &value); }) {
      reader_.Read(key, &value);
    } else {
      reader_.Object(key, [&](codec::Reader& child) { LoadObject(child, value); });
    }
  }
  template <typename T>
  static void LoadObject(codec::Reader& reader, T& value) {
    Loader loader(reader);
    Describe(loader, value);
  }
  template <typename T>
    requires(!Plain<T>)
  void Load(const char* key, std::vector<T>& values) {
    if (!reader_.Has(key)) return;
    values.clear();
    reader_.EachObject(key, [&](codec::Reader& child) { LoadObject(child, values.emplace_back()); });
  }
  void Load(const char* key, std::vector<std::uint64_t>& values);
  void Load(const char* key, std::vector<std::vector<std::string>>& values);
  void Load(const char* key, std::set<std::string>& values) {
    reader_.EachMember(key, [&](const std::string& name, codec::Reader&) { values.insert(name); });
  }
  template <typename T>
    requires(!Plain<T>)
  void Load(const char* key, std::map<std::string, T>& values) {
    reader_.EachMember(
        key, [&](const std::string& name, codec::Reader& child) { LoadObject(child, values[name]); });
  }
  void Load(const char* key, std::map<std::string, std::uint64_t>& values);
  template <typename T>
    requires(!Plain<T> && requires(Loader& loader, T& inner) { Describe(loader, inner); })
  void Load(const char* key, std::optional<T>& value) {
    reader_.Object(key, [&](codec::Reader& child) { LoadObject(child, value.emplace()); });
  }

  codec::Reader& reader_;
};

template <typename T>
codec::Json Write(const T& value) {
  return Writer::Encode(value);
}

template <typename T>
Result<T> Load(const codec::Json& json) {
  codec::Reader reader(json, "", codec::Reader::Keys::kFoldCase);
  T value;
  Loader loader(reader);
  Describe(loader, value);
  TRY(reader.Finish());
  return value;
}

}  // namespace estiba::apitypes
