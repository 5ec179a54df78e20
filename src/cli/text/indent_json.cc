#include "text/indent_json.h"

#include <cstddef>

namespace estiba::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// The string that starts at `at`, with its quotes.
std::string_view StringAt(std::string_view json, std::size_t at) {
  std::size_t end = at + 1;
  while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2 : 1;
  return json.substr(at, end + 1 - at);
}

bool IsEmptyAt(std::string_view json, std::size_t open) {
  const std::size_t next = json.find_first_not_of(kBlanks, open + 1);
  return next != std::string_view::npos && (json[next] == '}' || json[next] == ']');
}

}  // namespace

std::string IndentJson(std::string_view json, std::string_view indent) {
  std::string out;
  std::size_t depth = 0;
  const auto line = [&] {
    out += '\n';
    for (std::size_t i = 0; i < depth; ++i) out += indent;
  };
  bool empty = false;  // the object or array that was opened last has nothing in it
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (kBlanks.find(c) != std::string_view::npos) continue;
    if (c == '"') {
      const std::string_view text = StringAt(json, at);
      out += text;
      at += text.size() - 1;
      continue;
    }
    if ((c == '}' || c == ']') && !empty) {
      if (depth > 0) --depth;
      line();
    }
    out += c;
    if (c == '}' || c == ']') empty = false;
    if (c == ':') out += ' ';
    if (c == ',') line();
    if (c != '{' && c != '[') continue;
    empty = IsEmptyAt(json, at);
    if (empty) continue;
    ++depth;
    line();
  }
  return out;
}

}  // namespace estiba::cli
