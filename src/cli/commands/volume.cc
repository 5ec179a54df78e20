#include "apitypes/volume.h"

#include "commands/commands.h"
#include "format.h"
#include "options/envfile.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kCreateFlags[] = {
    {'d', "driver", Kind::kString, "string", "Specify volume driver name (default \"local\")"},
    {'\0', "label", Kind::kList, "list", "Set metadata for a volume"},
    {'\0', "name", Kind::kString, "string", ""},  // the older way to give the name
    {'o', "opt", Kind::kList, "map", "Set driver specific options"},
};
constexpr Flag kLsFlags[] = {
    {'f', "filter", Kind::kList, "filter", "Provide filter values (e.g. \"dangling=true\")"},
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'q', "quiet", Kind::kBool, "", "Only display volume names"},
};
constexpr Flag kRmFlags[] = {{'f', "force", Kind::kBool, "", "Force the removal of one or more volumes"}};
constexpr Flag kPruneFlags[] = {
    {'a', "all", Kind::kBool, "", "Remove all unused volumes, not just anonymous ones"},
    {'\0', "filter", Kind::kList, "filter", "Provide filter values (e.g. \"label=<label>\")"},
    {'f', "force", Kind::kBool, "", "Do not prompt for confirmation"},
};
constexpr Column kColumns[] = {
    {"Availability", "AVAILABILITY"},
    {"Driver", "DRIVER"},
    {"Group", "GROUP"},
    {"Labels", "LABELS"},
    {"Links", "LINKS"},
    {"Mountpoint", "MOUNTPOINT"},
    {"Name", "VOLUME NAME"},
    {"Scope", "SCOPE"},
    {"Size", "SIZE"},
    {"Status", "STATUS"},
};

Result<int> RunCreate(App& app, const Options& options) {
  apitypes::VolumeCreate create;
  create.name = options.args().empty() ? options.Text("name") : options.arg(0);
  create.driver = options.Text("driver", "local");
  create.driver_opts = PairsToMap(options.List("opt"));
  create.labels = PairsToMap(options.List("label"));
  Api* engine = TRY(app.Engine());
  const Json volume = TRY(engine->Post("/volumes/create", {}, create.ToJson()));
  PrintLine(volume.GetString("Name"));
  return 0;
}

Json MakeRow(const Json& volume) {
  std::string labels;
  if (const Json* map = volume.Find("Labels"); map != nullptr && map->IsObject())
    for (const auto& label : *map->IfObject())
      labels += (labels.empty() ? "" : ",") + label.key + "=" +
                (label.value.IfString() != nullptr ? *label.value.IfString() : "");
  Json row = Json::MakeObject({{"Availability", "N/A"},
                               {"Driver", volume.GetString("Driver")},
                               {"Group", "N/A"},
                               {"Labels", labels},
                               {"Links", "N/A"},
                               {"Mountpoint", volume.GetString("Mountpoint")},
                               {"Name", volume.GetString("Name")},
                               {"Scope", volume.GetString("Scope")},
                               {"Size", "N/A"},
                               {"Status", "N/A"}});
  if (const Json* map = volume.Find("Labels")) row.Set("labels", *map);
  return row;
}

Result<int> RunLs(App& app, const Options& options) {
  const std::string format = options.Text("format");
  TRY(CheckFormat(format.starts_with("table ") ? format.substr(6) : format));
  http::Query query;
  if (const auto filters = TRY(EncodeFilters(options.List("filter"))); !filters.empty())
    query.Add("filters", filters);
  Api* engine = TRY(app.Engine());
  const Json answer = TRY(engine->Get("/volumes", query));
  std::vector<Json> rows;
  const Json* list = answer.Find("Volumes");
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i)
    rows.push_back(MakeRow((*list->IfArray())[i]));
  std::sort(rows.begin(), rows.end(),
            [](const Json& a, const Json& b) { return a.GetString("Name") < b.GetString("Name"); });
  if (options.On("quiet") && format.empty()) {
    for (const Json& row : rows) PrintLine(row.GetString("Name"));
    return 0;
  }
  const ListStyle style{"{{.Driver}}\t{{.Name}}", kColumns, "*formatter.volumeContext", "Label", "labels"};
  TRY(Show(RenderList(style, format, rows)));
  return 0;
}

Result<int> RunRm(App& app, const Options& options) {
  http::Query query;
  if (options.On("force")) query.Add("force", "1");
  Api* engine = TRY(app.Engine());
  return ForEachArg(engine, options, [&](Api* api, const std::string& name) -> Status {
    TRY(api->Delete("/volumes/" + http::PercentEncode(name), query));
    return Ok();
  });
}

Result<int> RunPrune(App& app, const Options& options) {
  const std::string what = options.On("all") ? "all local volumes" : "anonymous local volumes";
  if (!options.On("force") &&
      !Confirm("WARNING! This will remove " + what +
               " not used by at least one container.\nAre you sure you want to continue?"))
    return 0;
  std::vector<std::string> filters = options.List("filter");
  if (options.On("all")) filters.emplace_back("all=true");
  http::Query query;
  if (const auto encoded = TRY(EncodeFilters(filters)); !encoded.empty()) query.Add("filters", encoded);
  Api* engine = TRY(app.Engine());
  const Json report = TRY(engine->Post("/volumes/prune", query));
  if (const Json* deleted = report.Find("VolumesDeleted"); deleted != nullptr && !deleted->empty()) {
    PrintLine("Deleted Volumes:");
    for (const Json& name : *deleted->IfArray())
      if (name.IfString() != nullptr) PrintLine(*name.IfString());
    PrintLine("");
  }
  PrintLine("Total reclaimed space: " + HumanSize(static_cast<double>(report.GetInt("SpaceReclaimed"))));
  return 0;
}

}  // namespace

constinit const Command kVolumeCreate{.name = "create",
                                      .usage = "[OPTIONS] [VOLUME]",
                                      .summary = "Create a volume",
                                      .flags = kCreateFlags,
                                      .max_args = 1,
                                      .run = RunCreate};
constinit const Command kVolumeLs{.name = "ls",
                                  .usage = "[OPTIONS]",
                                  .summary = "List volumes",
                                  .flags = kLsFlags,
                                  .max_args = 0,
                                  .run = RunLs};
constinit const Command kVolumeRm{.name = "rm",
                                  .usage = "[OPTIONS] VOLUME [VOLUME...]",
                                  .summary = "Remove one or more volumes",
                                  .flags = kRmFlags,
                                  .min_args = 1,
                                  .run = RunRm,
                                  .details = "A volume that a container uses cannot be removed."};
constinit const Command kVolumePrune{.name = "prune",
                                     .usage = "[OPTIONS]",
                                     .summary = "Remove unused local volumes",
                                     .flags = kPruneFlags,
                                     .max_args = 0,
                                     .run = RunPrune};

}  // namespace estiba::cli
