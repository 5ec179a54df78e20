// healthcheck run.

#include "commands/commands.h"

namespace estiba::cli {
namespace {

constexpr Flag kFlags[] = {
    {'\0', "ignore-result", Kind::kBool, "", "Exit with 0 whatever the probe has found"},
};

// As podman: only what is not healthy is said.
Result<int> RunHealthcheck(App& app, const Options& options) {
  constexpr int kNoProbe = 125;
  Api* engine = TRY(app.Engine());
  const std::string path = ContainerPath(options.arg(0), "healthcheck");
  const auto answer = engine->Post("/estiba/v1" + path);
  if (!answer.ok()) {
    PrintError(answer.error());
    return kNoProbe;
  }
  if (answer->GetInt("ExitCode") == 0) return 0;
  const std::string status = answer->GetString("Status");
  PrintLine(status == "starting" ? status : "unhealthy");
  return options.On("ignore-result") ? 0 : 1;
}

}  // namespace

constinit const Command kHealthcheckRun{
    .name = "run",
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Probe a container's health now",
    .flags = kFlags,
    .min_args = 1,
    .max_args = 1,
    .run = RunHealthcheck,
    .details = "Runs the container's health check once, beside those that its monitor runs, and counts it with them.\n"
               "Exits with 0 when it succeeded, 1 when it failed, 125 when the container does not run or has none."};

}  // namespace estiba::cli
