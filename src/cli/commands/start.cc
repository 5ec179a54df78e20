// start and attach: containers that exist.

#include <unistd.h>

#include "commands/attachment.h"
#include "commands/commands.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kStartFlags[] = {
    {'a', "attach", Kind::kBool, "", "Attach STDOUT/STDERR and forward signals"},
    {'\0', "detach-keys", Kind::kString, "string", "Override the key sequence for detaching a container"},
    {'i', "interactive", Kind::kBool, "", "Attach container's STDIN"},
};
constexpr Flag kAttachFlags[] = {
    {'\0', "detach-keys", Kind::kString, "string", "Override the key sequence for detaching a container"},
    {'\0', "no-stdin", Kind::kBool, "", "Do not attach STDIN"},
    {'\0', "sig-proxy", Kind::kBool, "", "Proxy all received signals to the process (default true)"},
};

bool ConfigFlag(const Json& container, std::string_view group, std::string_view name) {
  const Json* flag = container.FindPath({group, name});
  return flag != nullptr && flag->IfBool().value_or(false);
}

AttachOptions AttachFor(const Json& container, const Options& options, bool input) {
  AttachOptions attach;
  attach.id = container.GetString("Id");
  attach.tty = ConfigFlag(container, "Config", "Tty");
  attach.input = input && ConfigFlag(container, "Config", "OpenStdin");
  // On a terminal the keys are the signals; those sent to us are ours.
  attach.sig_proxy = options.On("sig-proxy", true) && !attach.tty;
  attach.detach_keys = options.Text("detach-keys");
  return attach;
}

// The session and the exit code behind it.
Result<int> Follow(Api* api, http::Upgraded connection, const AttachOptions& attach, ExitWaiter* waiter) {
  const auto end = TRY(RunAttached(api, std::move(connection), attach, waiter));
  if (end == SessionEnd::kDetached) {
    PrintError("read escape sequence");
    return 0;
  }
  return waiter->Finish();
}

Result<int> StartAttached(Api* api, const Options& options) {
  const Json container = TRY(api->Get(ContainerPath(options.arg(0), "json")));
  const AttachOptions attach = AttachFor(container, options, options.On("interactive"));
  TRY(CheckInputIsTerminal(attach.input, attach.tty));
  auto connection = TRY(OpenAttach(api, attach));
  const bool removed = ConfigFlag(container, "HostConfig", "AutoRemove");
  auto waiter = TRY(ExitWaiter::Begin(api, attach.id, removed, "next-exit"));
  TRY(api->Post(ContainerPath(attach.id, "start")));
  if (const auto size = GetWindowSize(STDOUT_FILENO); attach.tty && size)
    SendSize(api, ContainerPath(attach.id), *size);
  return Follow(api, std::move(connection), attach, &waiter);
}

Result<int> RunStart(App& app, const Options& options) {
  TRY(CheckDetachKeys(options.Text("detach-keys")));
  Api* engine = TRY(app.Engine());
  if (options.On("attach") || options.On("interactive")) {
    if (options.args().size() > 1)
      return Error(Code::kInvalidArgument, "you cannot start and attach multiple containers at once");
    return StartAttached(engine, options);
  }
  if (options.Has("detach-keys"))
    return Error(Code::kInvalidArgument, "--detach-keys goes with --attach or --interactive");
  return ForEachArg(engine, options, [&](Api* api, const std::string& id) -> Status {
    TRY(api->Post(ContainerPath(id, "start")));
    return Ok();
  });
}

Status CheckRuns(const Json& container) {
  const Json* state = container.Find("State");
  if (state == nullptr) return Ok();
  std::string_view why;
  if (!state->GetBool("Running")) why = "stopped container, start it first";
  if (state->GetBool("Paused")) why = "paused container, unpause it first";
  if (state->GetBool("Restarting")) why = "restarting container, wait until it is running";
  if (why.empty()) return Ok();
  return Error(Code::kFailedPrecondition, "cannot attach to a " + std::string(why));
}

Result<int> RunAttach(App& app, const Options& options) {
  TRY(CheckDetachKeys(options.Text("detach-keys")));
  Api* engine = TRY(app.Engine());
  const Json container = TRY(engine->Get(ContainerPath(options.arg(0), "json")));
  TRY(CheckRuns(container));
  const AttachOptions attach = AttachFor(container, options, !options.On("no-stdin"));
  TRY(CheckInputIsTerminal(attach.input, attach.tty));
  auto waiter = TRY(ExitWaiter::Begin(engine, attach.id, false, "not-running"));
  auto connection = TRY(OpenAttach(engine, attach));
  if (const auto size = GetWindowSize(STDOUT_FILENO); attach.tty && size) {
    // Two sizes, so that a program that is told nothing new draws its screen anyway.
    SendSize(engine, ContainerPath(attach.id), {static_cast<std::uint16_t>(size->rows + 1), size->columns});
    SendSize(engine, ContainerPath(attach.id), *size);
  }
  return Follow(engine, std::move(connection), attach, &waiter);
}

}  // namespace

constinit const Command kStart{.name = "start",
                               .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                               .summary = "Start one or more stopped containers",
                               .flags = kStartFlags,
                               .min_args = 1,
                               .run = RunStart};
constinit const Command kAttach{
    .name = "attach",
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Attach local standard input, output, and error streams to a running container",
    .flags = kAttachFlags,
    .min_args = 1,
    .max_args = 1,
    .run = RunAttach};

}  // namespace estiba::cli
