#include "commands/commands.h"
#include "commands/list.h"
#include "commands/port_list.h"
#include "commands/rows.h"
#include "text/escape.h"
#include "text/table.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kFlags[] = {
    {'a', "all", Kind::kBool, "", "Show all containers (default shows just running)"},
    {'f', "filter", Kind::kFilter, "filter", "Filter output based on conditions provided"},
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'n', "last", Kind::kInt, "int", "Show n last created containers (includes all states) (default -1)"},
    {'l', "latest", Kind::kBool, "", "Show the latest created container (includes all states)"},
    {'\0', "no-trunc", Kind::kBool, "", "Don't truncate output"},
    {'q', "quiet", Kind::kBool, "", "Only display container IDs"},
    {'s', "size", Kind::kBool, "", "Display total file sizes"},
};

// In the order of `--format json`.
constexpr Column kColumns[] = {
    {"Command", "COMMAND"}, {"CreatedAt", "CREATED AT"}, {"ID", "CONTAINER ID"},
    {"Image", "IMAGE"},     {"Labels", "LABELS"},        {"LocalVolumes", "LOCAL VOLUMES"},
    {"Mounts", "MOUNTS"},   {"Names", "NAMES"},          {"Networks", "NETWORKS"},
    {"Ports", "PORTS"},     {"RunningFor", "CREATED"},   {"Size", "SIZE"},
    {"State", "STATE"},     {"Status", "STATUS"},
};

constexpr std::string_view kTable =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
constexpr std::string_view kTableWithSize =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}";

std::string JoinNames(const Json& container) {
  std::string names;
  const Json* list = container.Find("Names");
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const std::string* name = (*list->IfArray())[i].IfString();
    if (name == nullptr) continue;
    if (!names.empty()) names += ',';
    names += name->starts_with('/') ? name->substr(1) : *name;
  }
  return names;
}

std::string JoinNetworks(const Json& container) {
  std::string text;
  const Json* networks = container.FindPath({"NetworkSettings", "Networks"});
  if (networks == nullptr || !networks->IsObject()) return text;
  for (const auto& network : *networks->IfObject()) text += (text.empty() ? "" : ",") + network.key;
  return text;
}

// Names of volumes, sources of binds; and how many are volumes.
std::pair<std::string, int> JoinMounts(const Json& container, bool truncate) {
  std::string text;
  int volumes = 0;
  const Json* mounts = container.Find("Mounts");
  for (std::size_t i = 0; mounts != nullptr && i < mounts->size(); ++i) {
    const Json& mount = (*mounts->IfArray())[i];
    std::string name = mount.GetString("Name");
    if (!name.empty() && mount.GetString("Driver") == "local") ++volumes;
    if (name.empty()) name = mount.GetString("Source");
    if (truncate) name = Ellipsis(name, 15);
    text += (text.empty() ? "" : ",") + name;
  }
  return {text, volumes};
}

std::string SizeColumn(const Json& container) {
  const auto rw = container.GetInt("SizeRw");
  const auto whole = container.GetInt("SizeRootFs");
  std::string text = HumanSize(static_cast<double>(rw), 3);
  if (whole > 0) text += " (virtual " + HumanSize(static_cast<double>(whole), 3) + ")";
  return text;
}

// A name the image no longer has is shown as its id.
std::string ImageColumn(const Json& container, bool truncate) {
  const std::string image = container.GetString("Image");
  if (image.empty()) return "<no image>";
  std::string id = container.GetString("ImageID");
  if (truncate && image == id) {
    if (id.starts_with("sha256:")) id.erase(0, 7);
    return id.substr(0, 12);
  }
  const auto at = image.find('@');
  return truncate && at != std::string::npos ? image.substr(0, at) : image;
}

Result<int> RunPs(App& app, const Options& options) {
  http::Query query;
  const std::int64_t last = options.On("latest") ? 1 : options.Int("last", -1);
  const bool size = options.On("size") || options.Text("format").find(".Size") != std::string::npos;
  if (options.On("all")) query.Add("all", "1");
  if (last > 0) query.Add("limit", std::to_string(last));
  if (size) query.Add("size", "1");
  const List list{.path = "/containers/json",
                  .style = {options.On("size") ? kTableWithSize : kTable, kColumns,
                            "*formatter.ContainerContext", "Label", "labels"}};
  const auto add = [truncate = !options.On("no-trunc"), now = WallNow()](const Json& container,
                                                                         std::vector<Json>* rows) {
    rows->push_back(ContainerRow(container, truncate, now));
  };
  return RunList(app, options, list, std::move(query), options.List("filter"), add);
}

}  // namespace

Json ContainerRow(const Json& container, bool truncate, WallTime now) {
  const WallTime created{std::chrono::seconds(container.GetInt("Created"))};
  std::string command = container.GetString("Command");
  if (truncate) command = Ellipsis(command, 20);
  const std::string id = container.GetString("Id");
  const auto [mounts, volumes] = JoinMounts(container, truncate);
  Json row = Json::MakeObject({
      {"Command", GoQuote(command)},
      {"CreatedAt", GoTime(created)},
      {"ID", truncate ? id.substr(0, 12) : id},
      {"Image", ImageColumn(container, truncate)},
      {"Labels", JoinedLabels(container)},
      {"LocalVolumes", std::to_string(volumes)},
      {"Mounts", mounts},
      {"Names", JoinNames(container)},
      {"Networks", JoinNetworks(container)},
      {"Ports", PortList(container.Find("Ports"))},
      {"RunningFor", HumanDuration(now - created) + " ago"},
      {"Size", SizeColumn(container)},
      {"State", container.GetString("State")},
      {"Status", container.GetString("Status")},
  });
  if (const Json* labels = container.Find("Labels")) row.Set("labels", *labels);
  return row;
}

constinit const Command kPs{
    .name = "ps",
    .usage = "[OPTIONS]",
    .summary = "List containers",
    .flags = kFlags,
    .max_args = 0,
    .run = RunPs,
    .details =
        "Filters: ancestor, before, exited, expose, health, id, label, name, network, publish, since, "
        "status,\n"
        "volume; given as KEY=VALUE.",
};

}  // namespace estiba::cli
