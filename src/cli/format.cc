#include "format.h"

#include <unistd.h>

#include "term/terminal.h"
#include "text/escape.h"
#include "text/table.h"

namespace estiba::cli {
namespace {

using codec::Json;

// "\t" and "\n" as they come from a shell's single quotes.
std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '\\' && (next == 't' || next == 'n')) {
      out += next == 't' ? '\t' : '\n';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Docker sorts the members, as Go's maps are written.
Json VisibleRow(const ListStyle& style, const Json& row) {
  Json visible = Json::MakeObject();
  for (const Column& column : style.columns)
    if (const Json* value = row.Find(column.name)) visible.Set(column.name, *value);
  return visible;
}

Error BadTemplate(const Error& error) {
  return {Code::kInvalidArgument, "template parsing error: " + error.Message()};
}

TemplateOptions OptionsFor(const ListStyle& style, const Json& row) {
  TemplateOptions options;
  options.type_name = style.type_name;
  if (style.method.empty()) return options;
  options.method = [&style, &row](std::string_view name,
                                  const std::vector<std::string>& args) -> Result<std::string> {
    if (name != style.method || args.size() != 1)
      return Error(Code::kInvalidArgument,
                   "can't evaluate field " + std::string(name) + " in type " + std::string(style.type_name));
    const Json* map = row.Find(style.method_map);
    return map == nullptr ? std::string() : map->GetString(args[0]);
  };
  return options;
}

// Columns that are fixed widths in every row line up; control characters from labels or commands do nothing.
std::string ForOutput(std::string text) { return IsTerminal(STDOUT_FILENO) ? EscapeControls(text) : text; }

Result<std::string> Heads(const ListStyle& style, const Template& row_template) {
  Json heads = Json::MakeObject();
  for (const Column& column : style.columns) heads.Set(column.name, column.head);
  TemplateOptions options;
  options.header = true;
  options.type_name = style.type_name;
  options.method = [](std::string_view, const std::vector<std::string>& args) -> Result<std::string> {
    // A label's head is the last part of its name: "com.example.team" is TEAM.
    std::string head = args.empty() ? "" : args[0].substr(args[0].rfind('.') + 1);
    for (char& c : head)
      c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : (c == '-' || c == '_' ? ' ' : c);
    return head;
  };
  return row_template.Execute(heads, options);
}

}  // namespace

Status CheckFormat(std::string_view format) {
  if (format.empty() || format == "json" || format == "table") return Ok();
  auto parsed = Template::Parse(format);
  if (!parsed.ok()) return BadTemplate(parsed.error());
  return Ok();
}

Result<std::string> RenderList(const ListStyle& style, std::string_view format,
                               const std::vector<Json>& rows) {
  std::string out;
  if (format == "json") {
    for (const Json& row : rows) out += VisibleRow(style, row).Dump() + "\n";
    return out;
  }
  const bool table = format.empty() || format == "table" || format.starts_with("table ");
  std::string text(format);
  if (table) text = format.size() > 6 ? std::string(format.substr(6)) : std::string(style.table);
  auto parsed = Template::Parse(Unescape(text));
  if (!parsed.ok()) return BadTemplate(parsed.error());
  if (table) {
    auto heads = Heads(style, *parsed);
    if (!heads.ok()) return BadTemplate(heads.error());
    out += *heads + "\n";
  }
  for (const Json& row : rows) {
    const Json visible = VisibleRow(style, row);
    auto line = parsed->Execute(visible, OptionsFor(style, row));
    if (!line.ok()) return BadTemplate(line.error());
    out += *line + "\n";
  }
  if (!table) return out;
  return ForOutput(AlignColumns(out));
}

Result<std::string> RenderObject(std::string_view format, const Json& object) {
  if (format == "json") return object.Dump() + "\n";
  auto parsed = Template::Parse(format);
  if (!parsed.ok()) return BadTemplate(parsed.error());
  auto text = parsed->Execute(object);
  if (!text.ok()) return BadTemplate(text.error());
  return *text + "\n";
}

}  // namespace estiba::cli
