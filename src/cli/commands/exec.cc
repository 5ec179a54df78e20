#include <cstdlib>

#include <unistd.h>

#include "apitypes/container.h"
#include "commands/attachment.h"
#include "commands/commands.h"
#include "options/envfile.h"
#include "term/detach.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kFlags[] = {
    {'d', "detach", Kind::kBool, "", "Detached mode: run command in the background"},
    {'\0', "detach-keys", Kind::kString, "string", "Override the key sequence for detaching a container"},
    {'e', "env", Kind::kList, "list", "Set environment variables"},
    {'\0', "env-file", Kind::kList, "list", "Read in a file of environment variables"},
    {'i', "interactive", Kind::kBool, "", "Keep STDIN open even if not attached"},
    {'\0', "privileged", Kind::kBool, "", "Give extended privileges to the command"},
    {'t', "tty", Kind::kBool, "", "Allocate a pseudo-TTY"},
    {'u', "user", Kind::kString, "string", "Username or UID (format: \"<name|uid>[:<group|gid>]\")"},
    {'w', "workdir", Kind::kString, "string", "Working directory inside the container"},
};

Result<apitypes::ExecCreate> MakeCreate(const Options& options) {
  apitypes::ExecCreate create;
  create.user = options.Text("user");
  create.privileged = options.On("privileged");
  create.tty = options.On("tty");
  create.detach = options.On("detach");
  create.working_dir = options.Text("workdir");
  create.detach_keys = options.Text("detach-keys");
  TRY(CheckDetachKeys(create.detach_keys));
  create.cmd.assign(options.args().begin() + 1, options.args().end());
  create.env = TRY(ReadEnvironment(options.List("env-file"), options.List("env"),
                                   [](const char* name) -> const char* { return std::getenv(name); }));
  if (!create.detach) {
    create.attach_stdout = create.attach_stderr = true;
    create.attach_stdin = options.On("interactive");
  }
  if (const auto size = GetWindowSize(STDOUT_FILENO); create.tty && size)
    create.console_size = {size->rows, size->columns};
  return create;
}

std::string ExecPath(const std::string& id) { return "/exec/" + http::PercentEncode(id); }

Result<int> Attached(Api* api, const apitypes::ExecCreate& create, const std::string& id) {
  apitypes::ExecStart start;
  start.tty = create.tty;
  start.console_size = create.console_size;
  http::Request request;
  request.method = "POST";
  request.target = ExecPath(id) + "/start";
  request.headers.Set("Content-Type", "application/json");
  request.body = start.ToJson().Dump();
  auto connection = TRY(api->Upgrade(std::move(request)));

  SessionOptions session;
  session.tty = create.tty;
  session.input = create.attach_stdin;
  const std::string_view keys = create.detach_keys.empty() ? kDefaultDetachKeys : create.detach_keys;
  session.detach_keys = TRY(ParseDetachKeys(keys));
  if (create.tty)
    session.resized = [api, path = ExecPath(id)](WindowSize size) { SendSize(api, path, size); };
  if (const auto size = GetWindowSize(STDOUT_FILENO); create.tty && size) SendSize(api, ExecPath(id), *size);
  const auto end = TRY(RunSession(std::move(connection), std::move(session)));
  if (end == SessionEnd::kDetached) {
    PrintError("read escape sequence");
    return 0;
  }
  // Another engine may have taken over meanwhile: it knows the code from the container's journal.
  const Json state = TRY(api->Get(ExecPath(id) + "/json"));
  const Json* code = state.Find("ExitCode");
  if (code == nullptr || !code->IfInt())
    return Error(Code::kUnavailable, "the exit code of the command is not known: it has not ended");
  return static_cast<int>(*code->IfInt());
}

Result<int> RunExec(App& app, const Options& options) {
  const auto create = TRY(MakeCreate(options));
  TRY(CheckInputIsTerminal(create.attach_stdin, create.tty));
  Api* engine = TRY(app.Engine());
  const Json made = TRY(engine->Post(ContainerPath(options.arg(0), "exec"), {}, create.ToJson()));
  const std::string id = made.GetString("Id");
  if (!create.detach) return Attached(engine, create, id);
  apitypes::ExecStart start;
  start.detach = true;
  start.tty = create.tty;
  const auto started = engine->Post(ExecPath(id) + "/start", {}, start.ToJson());
  if (started.ok()) return 0;
  PrintError(started.error());
  const int code = CodeOfStartError(started.error().Message());
  return code == 125 ? 1 : code;
}

}  // namespace

constinit const Command kExec{.name = "exec",
                              .usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
                              .summary = "Execute a command in a running container",
                              .flags = kFlags,
                              .min_args = 2,
                              .run = RunExec,
                              .stop_at_positional = true};

}  // namespace estiba::cli
