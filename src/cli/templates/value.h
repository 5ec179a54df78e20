#pragma once
// A template's value at run time and how Go prints it.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/json.h"

namespace estiba::cli::tmpl {

struct Value {
  codec::Json json;
  bool missing = false;  // Go's "no value": no such key in a map
  bool is_map = false;   // an object (or null) that stands for a Go map, whose missing keys are no error
  bool pointer = false;  // a null that stands for a Go pointer
};

// As fmt.Fprint: "[a b]", "map[a:1 b:2]", "<no value>".
std::string Print(const Value& value);
// Go's truth: not false, 0, "", null, or empty.
bool Truth(const Value& value);

// The functions. `header`: see TemplateOptions.
Result<Value> Call(std::string_view name, const std::vector<Value>& args, bool header);
bool IsFunction(std::string_view name);

// Members that Docker's types declare as maps, so that a missing key is "<no value>".
bool IsMapName(std::string_view name);
// Members that Docker leaves out when they are unset, though its types have them.
bool IsOptionalName(std::string_view name);

}  // namespace estiba::cli::tmpl
