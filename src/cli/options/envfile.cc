#include "options/envfile.h"

#include "base/text.h"
#include "os/file.h"

namespace estiba::cli {
namespace {

constexpr std::size_t kMaxFile = 16U << 20;

Error Bad(const std::string& what, const std::string& name) {
  return {Code::kInvalidArgument, "poorly formatted environment: " + what + " (file '" + name + "')"};
}

// Calls f(line number, name, has value, line) for each line that says something.
template <typename F>
Status EachLine(std::string_view content, const std::string& name, F f) {
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
  std::size_t number = 0;
  for (const std::string& raw : Split(content, '\n')) {
    ++number;
    std::string_view line = raw;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty() || line[0] == '#') continue;
    if (line.find('\0') != std::string_view::npos)
      return Bad("line " + std::to_string(number) + " has a NUL byte", name);
    const auto equals = line.find('=');
    const std::string variable(line.substr(0, equals));
    if (variable.empty()) return Bad("no variable name on line '" + std::string(line) + "'", name);
    if (variable.find_first_of(" \t") != std::string::npos)
      return Bad("variable '" + variable + "' contains whitespaces", name);
    f(variable, equals != std::string_view::npos, std::string(line));
  }
  return Ok();
}

Result<std::string> ReadOne(const std::string& path) {
  auto content = os::ReadFile(path, kMaxFile);
  if (!content.ok() && content.error().code() == Code::kNotFound)
    return Error(Code::kNotFound, "open " + path + ": no such file or directory");
  return content;
}

}  // namespace

Result<std::string> ParseEnv(const std::string& text, Lookup lookup) {
  const auto equals = text.find('=');
  if (equals == 0 || text.empty())
    return Error(Code::kInvalidArgument, "invalid environment variable: " + text);
  if (equals != std::string::npos) return text;
  const char* value = lookup(text.c_str());
  return value == nullptr ? text : text + "=" + value;
}

Result<std::vector<std::string>> ParseEnvFile(std::string_view content, const std::string& name,
                                              Lookup lookup) {
  std::vector<std::string> variables;
  TRY(EachLine(content, name, [&](const std::string& variable, bool has_value, std::string line) {
    if (has_value) {
      variables.push_back(std::move(line));
    } else if (const char* value = lookup(variable.c_str())) {
      variables.push_back(variable + "=" + value);
    }
  }));
  return variables;
}

Result<std::vector<std::string>> ParseLabelFile(std::string_view content, const std::string& name) {
  std::vector<std::string> labels;
  TRY(EachLine(content, name,
               [&](const std::string&, bool, std::string line) { labels.push_back(std::move(line)); }));
  return labels;
}

Result<std::vector<std::string>> ReadEnvironment(const std::vector<std::string>& files,
                                                 const std::vector<std::string>& values, Lookup lookup) {
  std::vector<std::string> all;
  for (const std::string& file : files) {
    const auto content = TRY(ReadOne(file));
    auto variables = TRY(ParseEnvFile(content, file, lookup));
    for (auto& variable : variables) all.push_back(std::move(variable));
  }
  for (const std::string& value : values) {
    auto variable = TRY(ParseEnv(value, lookup));
    all.push_back(std::move(variable));
  }
  return all;
}

std::map<std::string, std::string> PairsToMap(const std::vector<std::string>& values) {
  std::map<std::string, std::string> map;
  for (const std::string& value : values) {
    const auto equals = value.find('=');
    map[value.substr(0, equals)] = equals == std::string::npos ? "" : value.substr(equals + 1);
  }
  return map;
}

Result<std::map<std::string, std::string>> ReadLabels(const std::vector<std::string>& files,
                                                      const std::vector<std::string>& values) {
  std::vector<std::string> all;
  for (const std::string& file : files) {
    const auto content = TRY(ReadOne(file));
    auto labels = TRY(ParseLabelFile(content, file));
    for (auto& label : labels) all.push_back(std::move(label));
  }
  for (const std::string& value : values) {
    if (value.empty() || value[0] == '=')
      return Error(Code::kInvalidArgument, "invalid label: '" + value + "'");
    all.push_back(value);
  }
  return PairsToMap(all);
}

}  // namespace estiba::cli
