#pragma once
// What every list command does: --filter, --format and -q around a table.

#include <functional>
#include <string>
#include <vector>

#include "command.h"
#include "format.h"

namespace estiba::cli {

struct List {
  std::string_view path;         // what the engine is asked
  std::string_view member = {};  // of the answer that holds the list; "" when it is the answer
  ListStyle style;
  std::string_view quiet = "ID";  // the column -q shows
  bool by_name = false;           // sorted by column Name; else as the engine sorts
};

// Adds the rows of one element of the list.
using RowMaker = std::function<void(const codec::Json& item, std::vector<codec::Json>* rows)>;

// Asks for the list and shows it. `filters` are --filter's, with what a command adds of its own.
Result<int> RunList(App& app, const Options& options, const List& list, http::Query query,
                    const std::vector<std::string>& filters, const RowMaker& add);

// Adds --filter values as the API takes them: {"key":{"value":true}}.
void AddFilters(const std::vector<std::string>& filters, http::Query* query);
// An error in --format, told before the engine is asked.
Status CheckListFormat(const Options& options);
// Prints rows as --format and -q say.
Status ShowRows(const Options& options, const ListStyle& style, std::string_view quiet,
                const std::vector<codec::Json>& rows);

// The texts of a JSON list, which may be null.
std::vector<std::string> Strings(const codec::Json* list);
// "a=1,b=2" of the object's member Labels.
std::string JoinedLabels(const codec::Json& object);

}  // namespace estiba::cli
