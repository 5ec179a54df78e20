#pragma once
// Members of one table of a configuration file, by their kind.

#include <string>
#include <vector>

#include "base/result.h"
#include "codec/toml.h"

namespace estiba::sources {

class Table {
 public:
  using Kind = codec::TomlValue::Kind;
  Table(const codec::TomlValue& value, const std::string& file) : value_(value), file_(file) {}

  // "FILE:LINE: what"
  Error Complain(unsigned line, const std::string& what) const;
  Error Complain(const std::string& what) const { return Complain(value_.line, what); }

  // Null when it is missing; of another kind is an error.
  Result<const codec::TomlValue*> Take(const char* key, Kind kind) const;
  Result<std::string> Text(const char* key) const;
  Result<bool> Flag(const char* key) const;
  // A text, or a list of texts.
  Result<std::vector<std::string>> Texts(const char* key) const;
  // The tables of [[key]].
  Result<std::vector<Table>> Tables(const char* key) const;
  const codec::TomlValue& value() const { return value_; }
  const std::string& file() const { return file_; }

 private:
  const codec::TomlValue& value_;
  const std::string& file_;
};

}  // namespace estiba::sources
