// Commands that change containers and show nothing: stop, restart, kill, pause, unpause, rm, rename, wait,
// update.

#include <mutex>

#include "apitypes/container.h"
#include "commands/commands.h"
#include "options/limits.h"
#include "options/values.h"
#include "text/units.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kStopFlags[] = {
    {'s', "signal", Kind::kString, "string", "Signal to send to the container"},
    {'t', "timeout", Kind::kInt, "int", "Seconds to wait before killing the container"},
    {'\0', "time", Kind::kInt, "int", ""},  // the older name of --timeout
};
constexpr Flag kKillFlags[] = {{'s', "signal", Kind::kString, "string", "Signal to send to the container"}};
constexpr Flag kRmFlags[] = {
    {'f', "force", Kind::kBool, "", "Force the removal of a running container (uses SIGKILL)"},
    {'v', "volumes", Kind::kBool, "", "Remove anonymous volumes associated with the container"},
};
constexpr Flag kPruneFlags[] = {
    {'\0', "filter", Kind::kList, "filter", "Provide filter values (e.g. \"until=<timestamp>\")"},
    {'f', "force", Kind::kBool, "", "Do not prompt for confirmation"},
};

// One POST for each container.
Result<int> PostEach(App& app, const Options& options, std::string_view action, const http::Query& query) {
  Api* engine = TRY(app.Engine());
  return ForEachArg(engine, options, [&](Api* api, const std::string& id) -> Status {
    TRY(api->Post(ContainerPath(id, action), query));
    return Ok();
  });
}

http::Query StopQuery(const Options& options) {
  http::Query query;
  if (options.Has("signal")) query.Add("signal", options.Text("signal"));
  if (options.Has("timeout") || options.Has("time"))
    query.Add("t", std::to_string(options.Int("timeout", options.Int("time"))));
  return query;
}

Result<int> RunStop(App& app, const Options& options) {
  return PostEach(app, options, "stop", StopQuery(options));
}
Result<int> RunRestart(App& app, const Options& options) {
  return PostEach(app, options, "restart", StopQuery(options));
}
Result<int> RunPause(App& app, const Options& options) { return PostEach(app, options, "pause", {}); }
Result<int> RunUnpause(App& app, const Options& options) { return PostEach(app, options, "unpause", {}); }

Result<int> RunKill(App& app, const Options& options) {
  http::Query query;
  if (options.Has("signal")) query.Add("signal", options.Text("signal"));
  return PostEach(app, options, "kill", query);
}

Result<int> RunRm(App& app, const Options& options) {
  http::Query query;
  if (options.On("force")) query.Add("force", "1");
  if (options.On("volumes")) query.Add("v", "1");
  Api* engine = TRY(app.Engine());
  return ForEachArg(
      engine, options,
      [&](Api* api, const std::string& id) -> Status {
        TRY(api->Delete(ContainerPath(id), query));
        return Ok();
      },
      /*forgive_missing=*/options.On("force"));
}

Result<int> RunRename(App& app, const Options& options) {
  http::Query query;
  query.Add("name", options.arg(1));
  Api* engine = TRY(app.Engine());
  TRY(engine->Post(ContainerPath(options.arg(0), "rename"), query));
  return 0;
}

Result<int> RunWait(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  int code = 0;
  for (const std::string& id : options.args()) {
    const auto answer = engine->Post(ContainerPath(id, "wait"));
    if (answer.ok()) {
      PrintLine(std::to_string(answer->GetInt("StatusCode")));
    } else {
      PrintError(answer.error());
      code = 1;
    }
  }
  return code;
}

constexpr Flag kUpdateFlags[] = {
    {'\0', "blkio-weight", Kind::kInt, "uint16",
     "Block IO (relative weight), between 10 and 1000, or 0 to disable"},
    {'\0', "cpu-period", Kind::kInt, "int", "Limit CPU CFS (Completely Fair Scheduler) period"},
    {'\0', "cpu-quota", Kind::kInt, "int", "Limit CPU CFS (Completely Fair Scheduler) quota"},
    {'c', "cpu-shares", Kind::kInt, "int", "CPU shares (relative weight)"},
    {'\0', "cpus", Kind::kDecimal, "decimal", "Number of CPUs"},
    {'\0', "cpuset-cpus", Kind::kString, "string", "CPUs in which to allow execution (0-3, 0,1)"},
    {'\0', "cpuset-mems", Kind::kString, "string", "MEMs in which to allow execution (0-3, 0,1)"},
    {'m', "memory", Kind::kBytes, "bytes", "Memory limit"},
    {'\0', "memory-reservation", Kind::kBytes, "bytes", "Memory soft limit"},
    {'\0', "memory-swap", Kind::kSwap, "bytes",
     "Swap limit equal to memory plus swap: -1 to enable unlimited swap"},
    {'\0', "pids-limit", Kind::kInt, "int", "Tune container pids limit (set -1 for unlimited)"},
    {'\0', "restart", Kind::kString, "string", "Restart policy to apply when a container exits"},
};

Result<apitypes::ContainerUpdate> MakeUpdate(const Options& options) {
  apitypes::ContainerUpdate update;
  apitypes::Resources& limits = update.resources;
  limits.blkio_weight = static_cast<std::uint16_t>(options.Int("blkio-weight"));
  limits.cpu_period = options.Int("cpu-period");
  limits.cpu_quota = options.Int("cpu-quota");
  limits.cpu_shares = options.Int("cpu-shares");
  limits.cpuset_cpus = options.Text("cpuset-cpus");
  limits.cpuset_mems = options.Text("cpuset-mems");
  limits.memory = options.Bytes("memory");
  limits.memory_reservation = options.Bytes("memory-reservation");
  limits.memory_swap = options.Bytes("memory-swap");
  if (options.Has("cpus")) limits.nano_cpus = TRY(ParseNanoCpus(options.Text("cpus")));
  if (options.Has("pids-limit")) limits.pids_limit = options.Int("pids-limit");
  if (options.Has("restart")) update.restart_policy = TRY(ParseRestart(options.Text("restart")));
  return update;
}

Result<int> RunUpdate(App& app, const Options& options) {
  const auto update = TRY(MakeUpdate(options));
  Api* engine = TRY(app.Engine());
  const Json body = update.ToJson();
  std::vector<std::string> warnings;
  std::mutex mutex;  // several containers are updated at a time
  const int code = ForEachArg(engine, options, [&](Api* api, const std::string& id) -> Status {
    const Json answer = TRY(api->Post(ContainerPath(id, "update"), {}, body));
    const std::lock_guard lock(mutex);
    const Json* list = answer.Find("Warnings");
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i)
      if (const auto* text = (*list->IfArray())[i].IfString()) warnings.push_back(*text);
    return Ok();
  });
  for (const std::string& warning : warnings) PrintError(warning);
  return code;
}

Result<int> RunPrune(App& app, const Options& options) {
  if (!options.On("force") &&
      !Confirm("WARNING! This will remove all stopped containers.\nAre you sure you want to "
               "continue?"))
    return 0;
  http::Query query;
  if (const auto filters = TRY(EncodeFilters(options.List("filter"))); !filters.empty())
    query.Add("filters", filters);
  Api* engine = TRY(app.Engine());
  const Json report = TRY(engine->Post("/containers/prune", query));
  const Json* deleted = report.Find("ContainersDeleted");
  if (deleted != nullptr && !deleted->empty()) {
    PrintLine("Deleted Containers:");
    for (const Json& id : *deleted->IfArray())
      if (id.IfString() != nullptr) PrintLine(*id.IfString());
    PrintLine("");
  }
  PrintLine("Total reclaimed space: " + HumanSize(static_cast<double>(report.GetInt("SpaceReclaimed"))));
  return 0;
}

constexpr std::string_view kMany = "[OPTIONS] CONTAINER [CONTAINER...]";

}  // namespace

constinit const Command kStop{.name = "stop",
                              .usage = kMany,
                              .summary = "Stop one or more running containers",
                              .flags = kStopFlags,
                              .min_args = 1,
                              .run = RunStop};
constinit const Command kRestart{.name = "restart",
                                 .usage = kMany,
                                 .summary = "Restart one or more containers",
                                 .flags = kStopFlags,
                                 .min_args = 1,
                                 .run = RunRestart};
constinit const Command kKill{.name = "kill",
                              .usage = kMany,
                              .summary = "Kill one or more running containers",
                              .flags = kKillFlags,
                              .min_args = 1,
                              .run = RunKill};
constinit const Command kPause{.name = "pause",
                               .usage = "CONTAINER [CONTAINER...]",
                               .summary = "Pause all processes within one or more containers",
                               .flags = {},
                               .min_args = 1,
                               .run = RunPause};
constinit const Command kUnpause{.name = "unpause",
                                 .usage = "CONTAINER [CONTAINER...]",
                                 .summary = "Unpause all processes within one or more containers",
                                 .flags = {},
                                 .min_args = 1,
                                 .run = RunUnpause};
constinit const Command kRm{.name = "rm",
                            .usage = kMany,
                            .summary = "Remove one or more containers",
                            .flags = kRmFlags,
                            .min_args = 1,
                            .run = RunRm};
constinit const Command kRename{.name = "rename",
                                .usage = "CONTAINER NEW_NAME",
                                .summary = "Rename a container",
                                .flags = {},
                                .min_args = 2,
                                .max_args = 2,
                                .run = RunRename};
constinit const Command kWait{
    .name = "wait",
    .usage = "CONTAINER [CONTAINER...]",
    .summary = "Block until one or more containers stop, then print their exit codes",
    .flags = {},
    .min_args = 1,
    .run = RunWait};
constinit const Command kUpdate{.name = "update",
                                .usage = kMany,
                                .summary = "Update configuration of one or more containers",
                                .flags = kUpdateFlags,
                                .min_args = 1,
                                .run = RunUpdate};
constinit const Command kContainerPrune{.name = "prune",
                                        .usage = "[OPTIONS]",
                                        .summary = "Remove all stopped containers",
                                        .flags = kPruneFlags,
                                        .max_args = 0,
                                        .run = RunPrune};

}  // namespace estiba::cli
