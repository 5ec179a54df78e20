// system up, system down: a host that starts and ends.

#include "commands/commands.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kUpFlags[] = {
    {'q', "quiet", Kind::kBool, "", "Only tell of containers that could not be started"},
};
constexpr Flag kDownFlags[] = {
    {'t', "time", Kind::kInt, "int", "Seconds to wait before killing a container, in the place of its own"},
};

Result<int> RunUp(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  const Json starts = TRY(engine->Post("/estiba/v1/system/up"));
  if (!starts.IsArray()) return Error(Code::kDataLoss, "the engine's answer is no list");
  int code = 0;
  for (const Json& start : *starts.IfArray()) {
    const std::string name = start.GetString("Name");
    const std::string error = start.GetString("Error");
    if (!error.empty()) {
      PrintError("start '" + name + "': " + error);
      code = 1;
    } else if (!options.On("quiet")) {
      PrintLine(name);
    }
  }
  return code;
}

Result<int> RunDown(App& app, const Options& options) {
  http::Query query;
  if (options.Has("time")) query.Add("t", options.Text("time"));
  Api* engine = TRY(app.Engine());
  TRY(engine->Post("/estiba/v1/system/down", query));
  return 0;
}

}  // namespace

constinit const Command kSystemUp{
    .name = "up",
    .usage = "[OPTIONS]",
    .summary = "Bring back the containers that come with the host",
    .flags = kUpFlags,
    .max_args = 0,
    .run = RunUp,
    .details = "For the start of a host: the service 'estiba-containers' runs it. Starts the engine, which starts\n"
               "what restart policies say, each container after those that it needs (whose namespaces or volumes\n"
               "it shares, that it links to, that compose's depends_on names), and waits until all were tried.\n"
               "Prints the names of those that were down and run now. A host's start is told by its boot id, so a\n"
               "second run starts nothing; after 'estiba system down' it brings them back. Exits with 1 when one\n"
               "could not be started."};

constinit const Command kSystemDown{
    .name = "down",
    .usage = "[OPTIONS]",
    .summary = "Stop all containers for the end of the host",
    .flags = kDownFlags,
    .max_args = 0,
    .run = RunDown,
    .details = "Stops every container by its stop signal, those first that need others. To restart policies that is\n"
               "no stop by the user: they come back with the next start of the host, or 'estiba system up'."};

}  // namespace estiba::cli
