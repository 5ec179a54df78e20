#include "codec/toml.h"

#include <algorithm>
#include <sstream>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

namespace estiba::codec {
namespace {

constexpr std::size_t kMaxBytes = 1U << 20;
constexpr unsigned kMaxDepth = 32;

Error TooDeep(unsigned line) {
  return Error(Code::kInvalidArgument, "line " + std::to_string(line) + ": nested too deeply");
}

template <typename T>
std::string Written(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

Result<TomlValue> Convert(const toml::node& node, unsigned depth);

Status ConvertTable(const toml::table& table, unsigned depth, TomlValue& out) {
  for (const auto& [key, value] : table) {
    TomlValue member = TRY(Convert(value, depth + 1));
    // Where the key stands: a table's own source begins at its header, a value's behind the '='.
    if (key.source().begin.line != 0) member.line = key.source().begin.line;
    out.members.push_back({std::string(key.str()), std::move(member)});
  }
  std::ranges::sort(out.members, {}, [](const TomlMember& member) {
    return std::pair(member.second.line, std::string_view(member.first));
  });
  return Ok();
}

Result<TomlValue> Convert(const toml::node& node, unsigned depth) {
  TomlValue out;
  out.line = node.source().begin.line;
  if (depth > kMaxDepth) return TooDeep(out.line);
  switch (node.type()) {
    case toml::node_type::table:
      out.kind = TomlValue::Kind::kTable;
      TRY(ConvertTable(*node.as_table(), depth, out));
      break;
    case toml::node_type::array:
      out.kind = TomlValue::Kind::kArray;
      for (const toml::node& item : *node.as_array()) {
        TomlValue value = TRY(Convert(item, depth + 1));
        out.items.push_back(std::move(value));
      }
      break;
    case toml::node_type::string:
      out.kind = TomlValue::Kind::kString;
      out.text = node.as_string()->get();
      break;
    case toml::node_type::integer:
      out.kind = TomlValue::Kind::kInteger;
      out.integer = node.as_integer()->get();
      break;
    case toml::node_type::floating_point:
      out.kind = TomlValue::Kind::kFloat;
      out.number = node.as_floating_point()->get();
      break;
    case toml::node_type::boolean:
      out.kind = TomlValue::Kind::kBoolean;
      out.boolean = node.as_boolean()->get();
      break;
    default:
      out.kind = TomlValue::Kind::kTime;
      if (node.is_date()) out.text = Written(node.as_date()->get());
      if (node.is_time()) out.text = Written(node.as_time()->get());
      if (node.is_date_time()) out.text = Written(node.as_date_time()->get());
      break;
  }
  return out;
}

}  // namespace

const TomlValue* TomlValue::Find(std::string_view key) const {
  const auto found =
      std::ranges::find(members, key, &TomlMember::first);
  return found == members.end() ? nullptr : &found->second;
}

std::string_view KindName(TomlValue::Kind kind) {
  switch (kind) {
    case TomlValue::Kind::kTable: return "table";
    case TomlValue::Kind::kArray: return "array";
    case TomlValue::Kind::kString: return "string";
    case TomlValue::Kind::kInteger: return "integer";
    case TomlValue::Kind::kFloat: return "number";
    case TomlValue::Kind::kBoolean: return "boolean";
    case TomlValue::Kind::kTime: return "time";
  }
  return "value";
}

Result<TomlValue> ParseToml(std::string_view text) {
  if (text.size() > kMaxBytes) return Error(Code::kOutOfRange, "the document is larger than 1 MiB");
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Error(Code::kInvalidArgument, "line " + std::to_string(error.source().begin.line) + ": " +
                                             std::string(error.description()));
  }
  TomlValue root = TRY(Convert(parsed.table(), 0));
  root.line = 1;
  return root;
}

}  // namespace estiba::codec
