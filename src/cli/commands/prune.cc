#include "commands/prune.h"

#include "commands/list.h"
#include "text/units.h"

namespace estiba::cli {

using codec::Json;

bool MayPrune(const Options& options, const std::string& what) {
  return options.On("force") ||
         Confirm("WARNING! This will remove " + what + "\nAre you sure you want to continue?");
}

Result<std::int64_t> PruneOne(Api* engine, const Prunable& kind, const std::vector<std::string>& filters) {
  http::Query query;
  AddFilters(filters, &query);
  const Json report = TRY(engine->Post(std::string(kind.path), query));
  const Json* deleted = report.Find(kind.member);
  if (deleted != nullptr && deleted->IsArray() && !deleted->empty()) {
    std::string text = "Deleted " + std::string(kind.title) + ":\n";
    for (const Json& item : *deleted->IfArray()) {
      if (const auto* name = item.IfString()) text += *name + "\n";
      if (const std::string tag = item.GetString("Untagged"); !tag.empty()) text += "untagged: " + tag + "\n";
      if (const std::string id = item.GetString("Deleted"); !id.empty()) text += "deleted: " + id + "\n";
    }
    Print(text + "\n");
  }
  return report.GetInt("SpaceReclaimed");
}

void PrintReclaimed(std::int64_t bytes) {
  PrintLine("Total reclaimed space: " + HumanSize(static_cast<double>(bytes)));
}

}  // namespace estiba::cli
