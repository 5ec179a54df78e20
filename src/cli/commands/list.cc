#include "commands/list.h"

#include <algorithm>

#include "apitypes/filters.h"
#include "base/text.h"

namespace estiba::cli {

using codec::Json;

void AddFilters(const std::vector<std::string>& filters, http::Query* query) {
  if (filters.empty()) return;
  apitypes::Filters encoded;
  for (const std::string& filter : filters) {
    const auto equals = filter.find('=');  // there is one: Kind::kFilter. "label!=x" is the key "label!"
    encoded.Add(ToLower(Trim(filter.substr(0, equals))), std::string(Trim(filter.substr(equals + 1))));
  }
  query->Add("filters", encoded.ToJson());
}

Status CheckListFormat(const Options& options) {
  const std::string format = options.Text("format");
  return CheckFormat(format.starts_with("table ") ? std::string_view(format).substr(6) : format);
}

Status ShowRows(const Options& options, const ListStyle& style, std::string_view quiet,
                const std::vector<Json>& rows) {
  const std::string format = options.Text("format");
  if (!options.On("quiet") || (!format.empty() && format != "table"))
    return Show(RenderList(style, format, rows));
  std::string text;
  for (const Json& row : rows) text += row.GetString(quiet) + "\n";
  Print(text);
  return Ok();
}

Result<int> RunList(App& app, const Options& options, const List& list, http::Query query,
                    const std::vector<std::string>& filters, const RowMaker& add) {
  TRY(CheckListFormat(options));
  AddFilters(filters, &query);
  Api* engine = TRY(app.Engine());
  const Json answer = TRY(engine->Get(std::string(list.path), query));
  const Json* items = list.member.empty() ? &answer : answer.Find(list.member);
  std::vector<Json> rows;
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) add((*items->IfArray())[i], &rows);
  if (list.by_name)
    std::ranges::sort(rows,
                      [](const Json& a, const Json& b) { return a.GetString("Name") < b.GetString("Name"); });
  TRY(ShowRows(options, list.style, list.quiet, rows));
  return 0;
}

std::vector<std::string> Strings(const Json* list) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; list != nullptr && list->IsArray() && i < list->size(); ++i)
    if (const auto* text = (*list->IfArray())[i].IfString()) texts.push_back(*text);
  return texts;
}

std::string JoinedLabels(const Json& object) {
  const Json* labels = object.Find("Labels");
  if (labels == nullptr || !labels->IsObject()) return "";
  std::vector<std::string> pairs;
  for (const auto& label : *labels->IfObject())
    pairs.push_back(label.key + "=" + (label.value.IfString() != nullptr ? *label.value.IfString() : ""));
  return Join(pairs, ",");
}

}  // namespace estiba::cli
