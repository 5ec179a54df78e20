#include <fcntl.h>
#include <unistd.h>

#include "apitypes/volume.h"
#include "commands/commands.h"
#include "commands/list.h"
#include "commands/prune.h"
#include "commands/transfer.h"
#include "commands/whole_file.h"
#include "options/envfile.h"
#include "os/file.h"
#include "term/terminal.h"

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
    {'f', "filter", Kind::kFilter, "filter", "Provide filter values (e.g. \"dangling=true\")"},
    {'\0', "format", Kind::kString, "string", kListFormatHelp},
    {'q', "quiet", Kind::kBool, "", "Only display volume names"},
};
constexpr Flag kExportFlags[] = {{'o', "output", Kind::kString, "string", "Write to a file, instead of STDOUT"}};
constexpr Flag kRmFlags[] = {{'f', "force", Kind::kBool, "", "Force the removal of one or more volumes"}};
constexpr Flag kPruneFlags[] = {
    {'a', "all", Kind::kBool, "", "Remove all unused volumes, not just anonymous ones"},
    {'\0', "filter", Kind::kFilter, "filter", "Provide filter values (e.g. \"label=<label>\")"},
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
  if (options.Has("name") && !options.args().empty())
    return Error(Code::kInvalidArgument,
                 "conflicting options: cannot specify a volume-name through both --name "
                 "and as a positional arg");
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
  Json row = Json::MakeObject({{"Availability", "N/A"},
                               {"Driver", volume.GetString("Driver")},
                               {"Group", "N/A"},
                               {"Labels", JoinedLabels(volume)},
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
  const List list{
      .path = "/volumes",
      .member = "Volumes",
      .style = {"{{.Driver}}\t{{.Name}}", kColumns, "*formatter.volumeContext", "Label", "labels"},
      .quiet = "Name",
      .by_name = true};
  const auto add = [](const Json& volume, std::vector<Json>* rows) { rows->push_back(MakeRow(volume)); };
  return RunList(app, options, list, {}, options.List("filter"), add);
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
  if (!MayPrune(options, what + " not used by at least one container.")) return 0;
  std::vector<std::string> filters = options.List("filter");
  if (options.On("all")) filters.emplace_back("all=true");
  Api* engine = TRY(app.Engine());
  PrintReclaimed(TRY(PruneOne(engine, kVolumes, filters)));
  return 0;
}

http::Query NameQuery(const std::string& name) {
  http::Query query;
  query.Add("name", name);
  return query;
}

std::string OwnPath(const std::string& volume, const char* what) {
  return "/estiba/v1/volumes/" + http::PercentEncode(volume) + "/" + what;
}

Result<int> RunRename(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  TRY(engine->Post(OwnPath(options.arg(0), "rename"), NameQuery(options.arg(1))));
  return 0;
}

Result<int> RunSnapshot(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  const Json volume =
      TRY(engine->Post(OwnPath(options.arg(0), "snapshot"), NameQuery(options.arg(1))));
  PrintLine(volume.GetString("Name"));
  return 0;
}

Result<int> RunExport(App& app, const Options& options) {
  return SaveAnswer(app, options, OwnPath(options.arg(0), "export"), "export volume");
}

Result<int> RunImport(App& app, const Options& options) {
  const std::string source = options.args().size() > 1 ? options.arg(1) : "-";
  os::UniqueFd file;
  if (source != "-") file = TRY(os::OpenAt({AT_FDCWD}, source, O_RDONLY));
  if (source == "-" && IsTerminal(STDIN_FILENO))
    return Error(Code::kInvalidArgument, "requested import from stdin, but stdin is a terminal")
        .Hint("name the archive's file behind the volume");
  Api* engine = TRY(app.Engine());
  TRY(engine->EnsureEngine());  // before the body, which can be sent only once
  http::Request request;
  request.method = "POST";
  request.target = OwnPath(options.arg(0), "import");
  request.headers.Set("Content-Type", "application/x-tar");
  request.body_fd = file.valid() ? file.get() : STDIN_FILENO;
  TRY(FollowProgress(engine, request, STDOUT_FILENO, false));
  return 0;
}

}  // namespace

constinit const Command kVolumeExport{.name = "export",
                                      .usage = "[OPTIONS] VOLUME",
                                      .summary = "Export the files of a volume as a tar archive",
                                      .flags = kExportFlags,
                                      .min_args = 1,
                                      .max_args = 1,
                                      .run = RunExport,
                                      .details = "Owners, modes, times, attributes and hard links are kept. Of a "
                                                 "volume that is written to meanwhile each file is read as it is at "
                                                 "its moment: stop or pause what writes."};
constinit const Command kVolumeImport{.name = "import",
                                      .usage = "VOLUME [FILE|-]",
                                      .summary = "Put the files of a tar archive into a volume",
                                      .flags = {},
                                      .min_args = 1,
                                      .max_args = 2,
                                      .run = RunImport,
                                      .details = "What the volume has stays, but for files that the archive has too. "
                                                 "The archive may be compressed with gzip, zstd, bzip2 or xz. After "
                                                 "a failure what had come is there."};
constinit const Command kVolumeRename{.name = "rename",
                                      .usage = "VOLUME NEW_NAME",
                                      .summary = "Rename a volume",
                                      .flags = {},
                                      .min_args = 2,
                                      .max_args = 2,
                                      .run = RunRename,
                                      .details = "Stopped containers that use it follow; while one that uses it runs, "
                                                 "it is refused."};
constinit const Command kVolumeSnapshot{.name = "snapshot",
                                        .usage = "VOLUME NEW_VOLUME",
                                        .summary = "Make a volume with a copy of what is in another",
                                        .flags = {},
                                        .min_args = 2,
                                        .max_args = 2,
                                        .run = RunSnapshot,
                                        .details = "Files share their bytes with the original where the file system "
                                                   "can (btrfs, xfs). Of a volume that is written to meanwhile each "
                                                   "file is copied as it is at its moment: stop or pause what writes."};
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
