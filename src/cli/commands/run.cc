#include <cerrno>
#include <cstdlib>

#include <unistd.h>

#include "client/meanings.h"
#include "commands/attachment.h"
#include "commands/commands.h"
#include "commands/create.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr int kEngineError = 125;

AttachOptions MakeAttach(const Options& options, const CreateRequest& request, const std::string& id) {
  const auto& config = request.create.config;
  AttachOptions attach;
  attach.id = id;
  attach.tty = config.tty;
  attach.input = config.attach_stdin;
  attach.output = config.attach_stdout;
  attach.error = config.attach_stderr;
  attach.sig_proxy = options.On("sig-proxy", true);
  attach.detach_keys = options.Text("detach-keys");
  return attach;
}

Result<int> RunDetached(Api* api, const std::string& id) {
  const auto started = api->Post(ContainerPath(id, "start"));
  if (!started.ok()) {
    PrintCreateError(started.error(), "run", false);
    return CodeOfStartError(started.error().Message());
  }
  PrintLine(id);
  return 0;
}

// Attach, wait, start, in this order: no output and no exit can be missed.
Result<int> RunForeground(Api* api, const Options& options, const CreateRequest& request,
                          const std::string& id) {
  const AttachOptions attach = MakeAttach(options, request, id);
  std::optional<http::Upgraded> connection;
  if (attach.input || attach.output || attach.error) {
    auto opened = TRY(OpenAttach(api, attach));
    connection.emplace(std::move(opened));
  }
  auto waiter = TRY(ExitWaiter::Begin(api, id, request.create.host_config.auto_remove, "next-exit"));
  http::Query query;
  if (!attach.detach_keys.empty()) query.Add("detachKeys", attach.detach_keys);
  const auto started = api->Post(ContainerPath(id, "start"), query);
  if (!started.ok()) {
    connection.reset();
    PrintCreateError(started.error(), "run", false);
    // What the engine removes it has removed when we end.
    if (request.create.host_config.auto_remove) (void)waiter.Finish().ok();
    return CodeOfStartError(started.error().Message());
  }
  if (const auto size = GetWindowSize(STDOUT_FILENO); attach.tty && size)
    SendSize(api, ContainerPath(id), *size);
  if (connection) {
    const auto end = TRY(RunAttached(api, std::move(*connection), attach, &waiter));
    if (end == SessionEnd::kDetached) {
      PrintError("read escape sequence");
      return 0;
    }
  }
  return waiter.Finish();
}

Result<int> RunDry(Api* api, const Options& options, const CreateRequest& request) {
  http::Query query;
  if (!request.name.empty()) query.Add("name", request.name);
  query.Add("format", options.On("json") ? "json" : "text");
  const Meaning meaning = TRY(MeaningOf(api, request.create.config.image));
  Json create = request.create.ToJson();
  create.Set("Image", meaning.here);
  TRY(Show(api->PostText("/estiba/plan", query, create)));
  return 0;
}

Result<int> Run(Api* api, const Options& options, const CreateRequest& request, bool detached) {
  if (options.On("dry-run")) return RunDry(api, options, request);
  const std::string id = TRY(CreateContainer(api, request));
  return detached ? RunDetached(api, id) : RunForeground(api, options, request, id);
}

// Options that only run has: what they ask for must make sense before anything is made.
Result<CreateRequest> BuildRun(const Options& options, bool detached) {
  if (options.On("json") && !options.On("dry-run"))
    return Error(Code::kInvalidArgument, "--json goes with --dry-run");
  TRY(CheckDetachKeys(options.Text("detach-keys")));
  return BuildCreate(options, detached, [](const char* name) -> const char* { return std::getenv(name); });
}

Result<int> RunRun(App& app, const Options& options) {
  const bool detached = options.On("detach");
  auto request = BuildRun(options, detached);
  if (!request.ok()) {
    PrintCreateError(request.error(), "run", true);
    return kEngineError;
  }
  TRY(CheckInputIsTerminal(request->create.config.attach_stdin, request->create.config.tty));
  if (const auto size = GetWindowSize(STDOUT_FILENO); request->create.config.tty && size)
    request->create.host_config.console_size = {size->rows, size->columns};
  auto engine = app.Engine();
  auto code =
      engine.ok() ? Run(*engine, options, *request, detached) : Result<int>(std::move(engine).error());
  if (code.ok() || code.error().errnum() == EPIPE) return code;  // EPIPE: see RunCommand
  PrintCreateError(code.error(), "run", false);
  return kEngineError;
}

}  // namespace

const Command kRun{.name = "run",
                   .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
                   .summary = "Create and run a new container from an image",
                   .flags = RunFlags(),
                   .min_args = 1,
                   .run = RunRun,
                   .stop_at_positional = true};

}  // namespace estiba::cli
