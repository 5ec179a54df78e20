// system reset: everything of ours goes.

#include <unistd.h>

#include "client/siblings.h"
#include "commands/commands.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr Flag kFlags[] = {{'f', "force", Kind::kBool, "", "Do not prompt for confirmation"}};

std::string Counted(std::size_t count, std::string_view what) {
  return "  - " + std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s") + "\n";
}

Result<std::size_t> CountOf(Api* engine, const std::string& path, const http::Query& query,
                            const char* member = nullptr) {
  const Json answer = TRY(engine->Get(path, query));
  const Json* list = member == nullptr ? &answer : answer.Find(member);
  return list != nullptr && list->IsArray() ? list->size() : 0;
}

// What there is, as the engine tells it.
Result<std::string> Inventory(Api* engine) {
  http::Query all;
  all.Add("all", "1");
  constexpr std::size_t kPredefined = 3;
  const std::size_t containers = TRY(CountOf(engine, "/containers/json", all));
  const std::size_t images = TRY(CountOf(engine, "/images/json", {}));
  const std::size_t volumes = TRY(CountOf(engine, "/volumes", {}, "Volumes"));
  const std::size_t networks = TRY(CountOf(engine, "/networks", {}));
  const Json info = TRY(engine->Get("/info"));
  return Counted(containers, "container") + Counted(images, "image") + Counted(volumes, "volume") +
         Counted(networks > kPredefined ? networks - kPredefined : 0, "network") +
         "  - what the engine keeps in '" + info.GetString("DockerRootDir") +
         "', and for running containers\n";
}

Result<int> RunEstibad() {
  os::SpawnOptions spawn = TRY(EngineFor("--reset"));
  spawn.fds.push_back({STDOUT_FILENO, STDOUT_FILENO});
  os::Process process = TRY(os::Spawn(spawn));
  const os::ExitStatus status = TRY(process.Wait());
  return status.ToShell();
}

Result<int> RunReset(App& app, const Options& options) {
  Api* engine = TRY(app.Engine());
  if (!engine->endpoint().ours)
    return Error(Code::kInvalidArgument,
                 "system reset is for the engine of who calls it, not for one that is named")
        .Hint("leave -H, ESTIBA_HOST and DOCKER_HOST away");
  if (!options.On("force")) {
    const std::string what = TRY(Inventory(engine));
    if (!Confirm("WARNING! This will remove:\n" + what + "\nAre you sure you want to continue?")) return 0;
  }
  // It would hold the data root. One that ends before it has answered has done what was asked.
  TRY(engine->EnsureEngine());
  const auto ended = engine->Post("/estiba/v1/system/end");
  if (!ended.ok() && ended.error().code() != Code::kUnavailable && ended.error().errnum() == 0)
    return ended.error().Clone();
  return RunEstibad();
}

}  // namespace

constinit const Command kSystemReset{
    .name = "reset",
    .usage = "[OPTIONS]",
    .summary = "Remove all containers, images, volumes and networks, and what the engine keeps",
    .flags = kFlags,
    .max_args = 0,
    .run = RunReset,
    .details =
        "Tells what there is and asks. Then the engine is ended, every container killed, and all that is "
        "Estiba's\n"
        "removed: containers, networks with their links and rules, images, volumes, the engine's state, logs "
        "and\n"
        "control groups. Prints what went. Whatever else is in the engine's folders stays, and so do rules "
        "of\n"
        "the administrator's in our nft table, the configuration, logins, and systemd's units. Interrupted, "
        "it\n"
        "can be run again. For root it is root's engine, for a user that user's alone."};

}  // namespace estiba::cli
