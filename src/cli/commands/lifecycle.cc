// Commands that change containers and show nothing: stop, restart, kill, pause, unpause, rm, rename, wait,
// update.

#include <mutex>

#include "client/exit_waiter.h"
#include "commands/commands.h"
#include "commands/list.h"
#include "commands/prune.h"
#include "options/create_flags.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kStopFlags[] = {
    {'s', "signal", Kind::kString, "string", "Signal to send to the container"},
    {'t', "timeout", Kind::kInt, "int", "Seconds to wait before killing the container"},
    {'\0', "time", Kind::kInt, "int", "", "timeout"},
};
constexpr Flag kKillFlags[] = {{'s', "signal", Kind::kString, "string", "Signal to send to the container"}};
constexpr Flag kRmFlags[] = {
    {'f', "force", Kind::kBool, "", "Force the removal of a running container (uses SIGKILL)"},
    {'l', "link", Kind::kBool, "", "Remove the specified link"},
    {'v', "volumes", Kind::kBool, "", "Remove anonymous volumes associated with the container"},
};
constexpr Flag kPruneFlags[] = {
    {'\0', "filter", Kind::kFilter, "filter", "Provide filter values (e.g. \"until=<timestamp>\")"},
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
  if (options.Has("timeout")) query.Add("t", std::to_string(options.Int("timeout")));
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

// "/web/db": a container and the alias of one of its links.
std::string LinkPath(std::string_view name) {
  if (name.starts_with('/')) name.remove_prefix(1);
  return "/containers/" + http::PercentEncode(name, /*keep_slash=*/true);
}

Result<int> RunRm(App& app, const Options& options) {
  http::Query query;
  if (options.On("force")) query.Add("force", "1");
  if (options.On("volumes")) query.Add("v", "1");
  if (options.On("link")) query.Add("link", "1");
  Api* engine = TRY(app.Engine());
  return ForEachArg(
      engine, options,
      [&](Api* api, const std::string& id) -> Status {
        TRY(api->Delete(options.On("link") ? LinkPath(id) : ContainerPath(id), query));
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

// By the full id, which the next engine knows too when this one has renamed or removed the container.
Result<int> WaitFor(Api* api, const std::string& name) {
  const auto container = api->Get(ContainerPath(name, "json"));
  const std::string id = container.ok() ? container->GetString("Id") : name;
  auto waiter = TRY(ExitWaiter::Begin(api, id, /*removed=*/false, "not-running"));
  return waiter.Finish();
}

Result<int> RunWait(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  int code = 0;
  for (const std::string& name : options.args()) {
    const auto exit_code = WaitFor(engine, name);
    if (exit_code.ok()) {
      PrintLine(std::to_string(*exit_code));
    } else {
      PrintError(exit_code.error());
      code = 1;
    }
  }
  return code;
}

Result<int> RunUpdate(App& app, const Options& options) {
  if (options.None()) return Error(Code::kInvalidArgument, "you must provide one or more flags to update");
  const auto update = TRY(BuildUpdate(options));
  Api* engine = TRY(app.Engine());
  const Json body = update.ToJson();
  std::vector<std::string> warnings;
  std::mutex mutex;  // several containers are updated at a time
  const int code = ForEachArg(engine, options, [&](Api* api, const std::string& id) -> Status {
    const Json answer = TRY(api->Post(ContainerPath(id, "update"), {}, body));
    const std::lock_guard lock(mutex);
    for (std::string& warning : Strings(answer.Find("Warnings"))) warnings.push_back(std::move(warning));
    return Ok();
  });
  for (const std::string& warning : warnings) PrintError(warning);
  return code;
}

Result<int> RunPrune(App& app, const Options& options) {
  if (!MayPrune(options, "all stopped containers.")) return 0;
  Api* engine = TRY(app.Engine());
  PrintReclaimed(TRY(PruneOne(engine, kContainers, options.List("filter"))));
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
const Command kUpdate{.name = "update",
                      .usage = kMany,
                      .summary = "Update configuration of one or more containers",
                      .flags = UpdateFlags(),
                      .min_args = 1,
                      .run = RunUpdate};
constinit const Command kContainerPrune{.name = "prune",
                                        .usage = "[OPTIONS]",
                                        .summary = "Remove all stopped containers",
                                        .flags = kPruneFlags,
                                        .max_args = 0,
                                        .run = RunPrune};

}  // namespace estiba::cli
