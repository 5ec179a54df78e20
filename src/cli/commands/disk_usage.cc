// system df.

#include <algorithm>

#include "commands/commands.h"
#include "commands/list.h"
#include "commands/rows.h"
#include "text/table.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kFlags[] = {
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'v', "verbose", Kind::kBool, "", "Show detailed information on space usage"},
};
constexpr Column kColumns[] = {
    {"Active", "ACTIVE"}, {"Reclaimable", "RECLAIMABLE"}, {"Size", "SIZE"}, {"TotalCount", "TOTAL"},
    {"Type", "TYPE"},
};

std::string Size(std::int64_t bytes) { return HumanSize(static_cast<double>(bytes), 4); }

struct Usage {
  std::string_view type;
  std::int64_t count = 0;
  std::int64_t active = 0;
  std::int64_t size = 0;
  std::int64_t reclaimable = 0;

  Json Row() const {
    std::string reclaim = Size(reclaimable);
    if (size > 0) reclaim += " (" + std::to_string(reclaimable * 100 / size) + "%)";
    return Json::MakeObject({{"Active", std::to_string(active)},
                             {"Reclaimable", reclaim},
                             {"Size", Size(size)},
                             {"TotalCount", std::to_string(count)},
                             {"Type", type}});
  }
};

template <typename Each>
void ForEach(const Json* list, Each each) {
  if (list == nullptr || !list->IsArray()) return;
  for (const Json& item : *list->IfArray()) each(item);
}

// What images have alone counts as used while a container stands on them; what they share is taken for reclaimable, as
// docker does.
Usage OfImages(const Json& df) {
  Usage usage{"Images"};
  usage.size = df.GetInt("LayersSize");
  usage.reclaimable = usage.size;
  ForEach(df.Find("Images"), [&](const Json& image) {
    ++usage.count;
    if (image.GetInt("Containers") <= 0) return;
    ++usage.active;
    usage.reclaimable -= image.GetInt("Size") - image.GetInt("SharedSize");
  });
  usage.reclaimable = std::max<std::int64_t>(usage.reclaimable, 0);
  return usage;
}

bool IsActive(const Json& container) {
  const std::string state = container.GetString("State");
  return state == "running" || state == "paused" || state == "restarting";
}

void Count(Usage& usage, bool active, std::int64_t bytes) {
  bytes = std::max<std::int64_t>(bytes, 0);
  ++usage.count;
  usage.size += bytes;
  (active ? usage.active : usage.reclaimable) += active ? 1 : bytes;
}

std::int64_t UsageNumber(const Json& volume, const char* member) {
  const Json* usage = volume.Find("UsageData");
  return usage == nullptr ? 0 : usage->GetInt(member);
}

std::vector<Json> SummaryRows(const Json& df) {
  Usage containers{"Containers"};
  ForEach(df.Find("Containers"),
          [&](const Json& item) { Count(containers, IsActive(item), item.GetInt("SizeRw")); });
  Usage volumes{"Local Volumes"};
  ForEach(df.Find("Volumes"), [&](const Json& item) {
    Count(volumes, UsageNumber(item, "RefCount") > 0, UsageNumber(item, "Size"));
  });
  Usage cache{"Build Cache"};
  ForEach(df.Find("BuildCache"), [&](const Json& item) {
    const Json* used = item.Find("InUse");
    Count(cache, used != nullptr && used->IfBool().value_or(false), item.GetInt("Size"));
  });
  std::vector<Json> rows{OfImages(df).Row(), containers.Row(), volumes.Row(), cache.Row()};
  if (const Json* blobs = df.Find("Blobs")) {
    Usage usage{"Image Blobs", blobs->GetInt("Count"), blobs->GetInt("Count"), blobs->GetInt("Size"),
                blobs->GetInt("Reclaimable")};
    rows.push_back(usage.Row());
  }
  return rows;
}

Json VerboseRows(const Json& df) {
  const WallTime now = WallNow();
  Json images = Json::MakeArray();
  ForEach(df.Find("Images"), [&](const Json& image) {
    std::vector<Json> rows;
    AddImageRows(image, /*truncate=*/true, now, &rows);
    for (Json& row : rows) images.Append(std::move(row));
  });
  Json containers = Json::MakeArray();
  ForEach(df.Find("Containers"), [&](const Json& item) { containers.Append(ContainerRow(item, true, now)); });
  Json volumes = Json::MakeArray();
  ForEach(df.Find("Volumes"), [&](const Json& volume) {
    const std::int64_t size = UsageNumber(volume, "Size");
    volumes.Append(Json::MakeObject({{"Driver", volume.GetString("Driver")},
                                     {"Labels", JoinedLabels(volume)},
                                     {"Links", std::to_string(UsageNumber(volume, "RefCount"))},
                                     {"Mountpoint", volume.GetString("Mountpoint")},
                                     {"Name", volume.GetString("Name")},
                                     {"Size", size < 0 ? "N/A" : Size(size)}}));
  });
  Json all = Json::MakeObject();
  all.Set("Images", std::move(images));
  all.Set("Containers", std::move(containers));
  all.Set("Volumes", std::move(volumes));
  all.Set("BuildCache", Json::MakeArray());
  return all;
}

struct VerboseColumn {
  const char* head;
  const char* member;
};

std::string VerboseTable(const Json* list, std::initializer_list<VerboseColumn> columns) {
  std::vector<std::vector<std::string>> rows(1);
  for (const VerboseColumn& column : columns) rows[0].emplace_back(column.head);
  ForEach(list, [&](const Json& item) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const VerboseColumn& column : columns) row.push_back(item.GetString(column.member));
  });
  return AlignRows(rows);
}

Status ShowVerbose(const Options& options, const Json& df) {
  const Json rows = VerboseRows(df);
  if (!options.Text("format").empty()) return Show(RenderObject(options.Text("format"), rows));
  Print("Images space usage:\n\n" +
        VerboseTable(rows.Find("Images"), {{"REPOSITORY", "Repository"},
                                           {"TAG", "Tag"},
                                           {"IMAGE ID", "ID"},
                                           {"CREATED", "CreatedSince"},
                                           {"SIZE", "Size"},
                                           {"SHARED SIZE", "SharedSize"},
                                           {"UNIQUE SIZE", "UniqueSize"},
                                           {"CONTAINERS", "Containers"}}));
  Print("\nContainers space usage:\n\n" +
        VerboseTable(rows.Find("Containers"), {{"CONTAINER ID", "ID"},
                                               {"IMAGE", "Image"},
                                               {"COMMAND", "Command"},
                                               {"LOCAL VOLUMES", "LocalVolumes"},
                                               {"SIZE", "Size"},
                                               {"CREATED", "RunningFor"},
                                               {"STATUS", "Status"},
                                               {"NAMES", "Names"}}));
  Print("\nLocal Volumes space usage:\n\n" +
        VerboseTable(rows.Find("Volumes"), {{"VOLUME NAME", "Name"}, {"LINKS", "Links"}, {"SIZE", "Size"}}));
  Print("\nBuild cache usage: 0B\n\n" +
        AlignRows({{"CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"}}));
  if (const Json* blobs = df.Find("Blobs"))
    Print("\nImage blobs (compressed layers and documents, kept for push and save): " +
          std::to_string(blobs->GetInt("Count")) + ", " + Size(blobs->GetInt("Size")) + "; " +
          Size(blobs->GetInt("Reclaimable")) + " of it a registry has too\n");
  return Ok();
}

Result<int> RunDf(App& app, const Options& options) {
  TRY(options.On("verbose") ? CheckFormat(options.Text("format")) : CheckListFormat(options));
  Api* engine = TRY(app.Engine());
  const Json df = TRY(engine->Get("/system/df"));
  if (options.On("verbose")) {
    TRY(ShowVerbose(options, df));
    return 0;
  }
  const ListStyle style{"{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}", kColumns,
                        "*formatter.diskUsageContext"};
  TRY(ShowRows(options, style, "Type", SummaryRows(df)));
  return 0;
}

}  // namespace

constinit const Command kSystemDf{.name = "df",
                                  .usage = "[OPTIONS]",
                                  .summary = "Show disk usage",
                                  .flags = kFlags,
                                  .max_args = 0,
                                  .run = RunDf,
                                  .details =
                                      "Images counts unpacked layers; Image Blobs what is kept of them as registries "
                                      "have it,\nso that push and save send the same bytes."};

}  // namespace estiba::cli
