#pragma once
// A table of a TOML document being read: every key must be asked for, the first complaint stays.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/toml.h"

namespace estiba::engine {

class TomlTable {
 public:
  TomlTable(const codec::TomlValue& value, std::string file, std::optional<Error>* error, std::string prefix = "")
      : value_(&value), file_(std::move(file)), prefix_(std::move(prefix)), error_(error) {}

  void Read(const char* key, std::string* out);
  void Read(const char* key, std::vector<std::string>* out);
  void ReadInt(const char* key, int* out, std::int64_t min, std::int64_t max);
  // A number, or a text with a unit: 10485760, "10MiB", "10m".
  void ReadSize(const char* key, std::int64_t* out, std::int64_t min, std::int64_t max);
  void ReadDuration(const char* key, std::chrono::nanoseconds* out);  // "720h", not below 0
  void ReadBool(const char* key, bool* out);
  void ReadBool(const char* key, std::optional<bool>* out);  // unset where nothing is said
  void ReadPath(const char* key, std::string* out);  // absolute, no final '/'
  void Table(const char* key, const std::function<void(TomlTable)>& read);
  void EachTable(const char* key, const std::function<void(TomlTable)>& read);

  void Fail(const char* key, const std::string& why);
  // Refuses keys nobody asked for.
  void Finish();

 private:
  const codec::TomlValue* Take(const char* key, codec::TomlValue::Kind kind);
  void FailAt(unsigned line, const std::string& what);

  const codec::TomlValue* value_;
  std::string file_;
  std::string prefix_;
  std::set<std::string> known_;
  std::optional<Error>* error_;
};

// "10m", "10MiB", "1g", "512" → bytes; units are powers of 1024, as docker's -m has them.
Result<std::int64_t> ParseSize(std::string_view text);

}  // namespace estiba::engine
