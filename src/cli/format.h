#pragma once
// How lists and objects are written: a table, JSON, or a --format template.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "codec/json.h"
#include "templates/template.h"

namespace estiba::cli {

struct Column {
  std::string_view name;  // the template's field
  std::string_view head;  // of the table
};

struct ListStyle {
  std::string_view table;           // row template of the default table
  std::span<const Column> columns;  // every field a template may name
  std::string_view type_name;       // for errors about fields there are not
  std::string_view method = {};  // name of a method with one argument (`.Label "key"`), and what it looks up
  std::string_view method_map = {};  // hidden member of the row: an object
};

// `format` as given to --format: "", "table", "table TEMPLATE", "json", or a template for each row. Rows are
// objects with a member for each column, and possibly `method_map`.
Result<std::string> RenderList(const ListStyle& style, std::string_view format,
                               const std::vector<codec::Json>& rows);

// One object for --format of inspect, info, version: "json" or a template. A line end follows.
Result<std::string> RenderObject(std::string_view format, const codec::Json& object);
// Parses once, so that a bad template fails before anything is asked of the engine.
Status CheckFormat(std::string_view format);

}  // namespace estiba::cli
