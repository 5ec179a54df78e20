// images, history, rmi, tag, image prune.

#include "client/meanings.h"
#include "commands/commands.h"
#include "commands/list.h"
#include "commands/prune.h"
#include "commands/pull.h"
#include "commands/rows.h"
#include "text/table.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kImagesFlags[] = {
    {'a', "all", Kind::kBool, "", "Show all images (default hides intermediate images)"},
    {'\0', "digests", Kind::kBool, "", "Show digests"},
    {'f', "filter", Kind::kFilter, "filter", "Filter output based on conditions provided"},
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'\0', "no-trunc", Kind::kBool, "", "Don't truncate output"},
    {'q', "quiet", Kind::kBool, "", "Only show image IDs"},
};
constexpr Column kImagesColumns[] = {
    {"Containers", "CONTAINERS"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedSince", "CREATED"},
    {"Digest", "DIGEST"},
    {"ID", "IMAGE ID"},
    {"Repository", "REPOSITORY"},
    {"SharedSize", "SHARED SIZE"},
    {"Size", "SIZE"},
    {"Tag", "TAG"},
    {"UniqueSize", "UNIQUE SIZE"},
    {"VirtualSize", "SIZE"},
};
constexpr std::string_view kImagesTable = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
constexpr std::string_view kImagesDigestTable =
    "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";

std::string ShortId(std::string id) {
  if (id.starts_with("sha256:")) id.erase(0, 7);
  return id.substr(0, 12);
}

Json ImageRow(const Json& image, const std::string& name, const std::string& tag, const std::string& digest,
              bool truncate, WallTime now) {
  const WallTime created{std::chrono::seconds(image.GetInt("Created"))};
  const std::string id = image.GetString("Id");
  const std::string size = HumanSize(static_cast<double>(image.GetInt("Size")), 3);
  const std::int64_t containers = image.GetInt("Containers");
  const std::int64_t shared = image.GetInt("SharedSize");
  const auto share = [shared](std::int64_t bytes) {
    return shared < 0 ? "N/A" : HumanSize(static_cast<double>(bytes), 3);
  };
  return Json::MakeObject({{"Containers", containers < 0 ? "N/A" : std::to_string(containers)},
                           {"CreatedAt", GoTime(created)},
                           {"CreatedSince", HumanDuration(now - created) + " ago"},
                           {"Digest", digest},
                           {"ID", truncate ? ShortId(id) : id},
                           {"Repository", name},
                           {"SharedSize", share(shared)},
                           {"Size", size},
                           {"Tag", tag},
                           {"UniqueSize", share(image.GetInt("Size") - shared)},
                           {"VirtualSize", size}});
}

Result<int> RunImages(App& app, const Options& options) {
  std::vector<std::string> filters = options.List("filter");
  if (!options.args().empty()) filters.push_back("reference=" + options.arg(0));
  http::Query query;
  if (options.On("all")) query.Add("all", "1");
  const List list{.path = "/images/json",
                  .style = {options.On("digests") ? kImagesDigestTable : kImagesTable, kImagesColumns,
                            "*formatter.imageContext"}};
  const auto add = [truncate = !options.On("no-trunc"), now = WallNow()](
                       const Json& image, std::vector<Json>* rows) { AddImageRows(image, truncate, now, rows); };
  return RunList(app, options, list, std::move(query), filters, add);
}

constexpr Flag kHistoryFlags[] = {
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'H', "human", Kind::kBool, "", "Print sizes and dates in human readable format (default true)"},
    {'\0', "no-trunc", Kind::kBool, "", "Don't truncate output"},
    {'q', "quiet", Kind::kBool, "", "Only show image IDs"},
};
constexpr Column kHistoryColumns[] = {
    {"Comment", "COMMENT"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"CreatedSince", "CREATED"},
    {"ID", "IMAGE"},
    {"Size", "SIZE"},
};

Json HistoryRow(const Json& item, bool human, bool truncate, WallTime now) {
  const WallTime created{std::chrono::seconds(item.GetInt("Created"))};
  std::string by = item.GetString("CreatedBy");
  for (char& c : by)
    if (c == '\t') c = ' ';
  const std::string id = item.GetString("Id");
  const std::int64_t size = item.GetInt("Size");
  return Json::MakeObject(
      {{"Comment", item.GetString("Comment")},
       {"CreatedAt", FormatRfc3339(created)},
       {"CreatedBy", truncate ? Ellipsis(by, 45) : by},
       {"CreatedSince", human ? HumanDuration(now - created) + " ago" : FormatRfc3339(created)},
       {"ID", truncate && id != "<missing>" ? ShortId(id) : id},
       {"Size", human ? HumanSize(static_cast<double>(size), 3) : std::to_string(size)}});
}

Result<int> RunHistory(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  const std::string name = NameOfHere(engine, options.arg(0));
  const std::string path = "/images/" + http::PercentEncode(name, true) + "/history";
  const List list{.path = path,
                  .style = {"{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
                            kHistoryColumns, "*formatter.historyContext"}};
  const auto add = [human = options.On("human", true), truncate = !options.On("no-trunc"), now = WallNow()](
                       const Json& item, std::vector<Json>* rows) {
    rows->push_back(HistoryRow(item, human, truncate, now));
  };
  return RunList(app, options, list, {}, {}, add);
}

constexpr Flag kRmiFlags[] = {
    {'f', "force", Kind::kBool, "", "Force removal of the image"},
    {'\0', "no-prune", Kind::kBool, "", "Do not delete untagged parents"},
};

void PrintDeleted(const Json& items) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Json& item = (*items.IfArray())[i];
    if (const std::string id = item.GetString("Deleted"); !id.empty()) {
      PrintLine("Deleted: " + id);
    } else {
      PrintLine("Untagged: " + item.GetString("Untagged"));
    }
  }
}

Result<int> RunRmi(App& app, const Options& options) {
  http::Query query;
  if (options.On("force")) query.Add("force", "1");
  if (options.On("no-prune")) query.Add("noprune", "1");
  Api* engine = TRY(app.Engine());
  int code = 0;
  for (const std::string& name : options.args()) {
    const auto removed = engine->Delete("/images/" + http::PercentEncode(NameOfHere(engine, name), true), query);
    if (removed.ok()) {
      PrintDeleted(*removed);
      continue;
    }
    PrintError(removed.error());
    // With --force an image that is not there is only mentioned.
    if (!options.On("force") || removed.error().code() != Code::kNotFound) code = 1;
  }
  return code;
}

Result<int> RunTag(App& app, const Options& options) {
  const auto [name, tag] = SplitReference(options.arg(1));
  if (options.arg(1).find('@') != std::string::npos)
    return Error(Code::kInvalidArgument, "refusing to create a tag with a digest reference");
  http::Query query;
  query.Add("repo", name);
  query.Add("tag", tag.empty() ? "latest" : tag);
  Api* engine = TRY(app.Engine());
  const std::string source = NameOfHere(engine, options.arg(0));
  TRY(engine->Post("/images/" + http::PercentEncode(source, true) + "/tag", query));
  return 0;
}

constexpr Flag kPruneFlags[] = {
    {'a', "all", Kind::kBool, "", "Remove all unused images, not just dangling ones"},
    {'\0', "filter", Kind::kFilter, "filter", "Provide filter values (e.g. \"until=<timestamp>\")"},
    {'f', "force", Kind::kBool, "", "Do not prompt for confirmation"},
};

Result<int> RunPrune(App& app, const Options& options) {
  if (!MayPrune(options, options.On("all") ? "all images without at least one container associated to them."
                                           : "all dangling images."))
    return 0;
  std::vector<std::string> filters = options.List("filter");
  filters.emplace_back(options.On("all") ? "dangling=false" : "dangling=true");
  Api* engine = TRY(app.Engine());
  PrintReclaimed(TRY(PruneOne(engine, kImageLayers, filters)));
  return 0;
}

}  // namespace

void AddImageRows(const Json& image, bool truncate, WallTime now, std::vector<Json>* rows) {
  const auto tags = Strings(image.Find("RepoTags"));
  const auto digests = Strings(image.Find("RepoDigests"));
  std::size_t added = 0;
  for (const std::string& tag : tags) {
    if (tag == "<none>:<none>") continue;
    const auto [name, label] = SplitReference(tag);
    std::string digest = "<none>";
    for (const std::string& candidate : digests)
      if (SplitReference(candidate).name == name) digest = SplitReference(candidate).tag;
    rows->push_back(ImageRow(image, name, label, digest, truncate, now));
    ++added;
  }
  for (const std::string& reference : digests) {
    if (added > 0 || reference == "<none>@<none>") continue;
    const auto [name, digest] = SplitReference(reference);
    rows->push_back(ImageRow(image, name, "<none>", digest, truncate, now));
    ++added;
  }
  if (added == 0) rows->push_back(ImageRow(image, "<none>", "<none>", "<none>", truncate, now));
}

constinit const Command kImages{.name = "images",
                                .usage = "[OPTIONS] [REPOSITORY[:TAG]]",
                                .summary = "List images",
                                .flags = kImagesFlags,
                                .max_args = 1,
                                .run = RunImages};
constinit const Command kHistory{.name = "history",
                                 .usage = "[OPTIONS] IMAGE",
                                 .summary = "Show the history of an image",
                                 .flags = kHistoryFlags,
                                 .min_args = 1,
                                 .max_args = 1,
                                 .run = RunHistory};
constinit const Command kRmi{.name = "rmi",
                             .usage = "[OPTIONS] IMAGE [IMAGE...]",
                             .summary = "Remove one or more images",
                             .flags = kRmiFlags,
                             .min_args = 1,
                             .run = RunRmi};
constinit const Command kTag{.name = "tag",
                             .usage = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
                             .summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
                             .flags = {},
                             .min_args = 2,
                             .max_args = 2,
                             .run = RunTag};
constinit const Command kImagePrune{.name = "prune",
                                    .usage = "[OPTIONS]",
                                    .summary = "Remove unused images",
                                    .flags = kPruneFlags,
                                    .max_args = 0,
                                    .run = RunPrune};

}  // namespace estiba::cli
