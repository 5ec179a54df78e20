#pragma once
// --env, --env-file, --label, --label-file and other key=value options.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace estiba::cli {

// Value of a variable of our own environment; null when unset. Given, so that tests need not change theirs.
using Lookup = const char* (*)(const char* name);

// "A=b" as it is; "A" with our own value, or as "A" (which takes the image's away) when we have none.
Result<std::string> ParseEnv(const std::string& text, Lookup lookup);
// Lines of a file: '#' starts a comment line; "A" alone takes our value or is left out. `name` is for errors.
Result<std::vector<std::string>> ParseEnvFile(std::string_view content, const std::string& name,
                                              Lookup lookup);
// As ParseEnvFile, where "a" alone is "a" with an empty value.
Result<std::vector<std::string>> ParseLabelFile(std::string_view content, const std::string& name);

// --env-file files, then --env values.
Result<std::vector<std::string>> ReadEnvironment(const std::vector<std::string>& files,
                                                 const std::vector<std::string>& values, Lookup lookup);
Result<std::map<std::string, std::string>> ReadLabels(const std::vector<std::string>& files,
                                                      const std::vector<std::string>& values);
// {"a=b", "c"} → {"a": "b", "c": ""}.
std::map<std::string, std::string> PairsToMap(const std::vector<std::string>& values);

}  // namespace estiba::cli
