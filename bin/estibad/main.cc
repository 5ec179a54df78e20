// estibad: the engine. Only wires; what it does is in src/engine and src/api/docker.

#include <cstdio>
#include <string>
#include <vector>

#include <unistd.h>

#include "arguments.h"
#include "codec/json.h"
#include "engine/config.h"
#include "engine/doctor.h"
#include "engine/rootless.h"
#include "os/file.h"
#include "reset.h"
#include "serve.h"
#include "surroundings.h"

namespace estiba::estibad {
namespace {

int Fail(const Error& error) {
  std::fprintf(stderr, "estibad: %s\n", error.ToString().c_str());
  return 1;
}

Status Start(Arguments arguments) {
  const bool rootless = ::geteuid() != 0;
  TRY(arguments.MakePathsAbsolute());
  std::vector<os::UniqueFd> passed = TRY(TakePassedSockets());
  Departure departure;
  if (arguments.spawned && passed.empty()) {
    CloseForeign(arguments.ready_fd);
    departure.Begin();
  }
  TRY(SettleIn());
  engine::Config config = TRY(LoadConfig(arguments, rootless));
  if (rootless) {
    departure.Wait();  // only a process with one thread may enter a user namespace
    TRY(engine::EnterRootless(config.run_root));
  }
  return Serve(arguments, std::move(config), std::move(passed), [&departure] { departure.Wait(); });
}

// {"Healthy": bool, "Findings": [...]}; of the other process, a finding a line.
Status Examine(const Arguments& arguments) {
  const engine::Config config = TRY(LoadConfig(arguments, ::geteuid() != 0));
  if (arguments.doctor_inside) return engine::ExamineInside(config);
  const std::string programs = TRY(os::ProgramDirectory());
  bool healthy = true;
  codec::Json list = codec::Json::MakeArray();
  for (const engine::Finding& finding : engine::ExamineHost({config, arguments.uid, programs})) {
    healthy = healthy && (!finding.needed || finding.state != engine::Finding::State::kMissing);
    list.Append(finding.ToJson());
  }
  const codec::Json report = codec::Json::MakeObject({{"Healthy", healthy}, {"Findings", std::move(list)}});
  return os::WriteAll(STDOUT_FILENO, report.Dump() + "\n");
}

int Main(const std::vector<std::string>& words) {
  const auto parsed = ParseArguments(words);
  if (!parsed.ok()) {
    std::fprintf(stderr, "estibad: %s\n%s", parsed.error().Message().c_str(), kUsage);
    return 2;
  }
  Arguments arguments = parsed.value();
  arguments.uid = ::getuid();
  if (arguments.help) return std::fputs(kUsage, stdout) < 0;
  if (arguments.version) return std::printf("estibad %s\n", ESTIBA_VERSION) < 0;
  if (arguments.check_config) {
    const auto config = LoadConfig(arguments, ::geteuid() != 0);
    if (!config.ok()) return Fail(config.error());
    const std::string& file = config.value().file;
    std::printf("%s\n", file.empty() ? "no configuration file: defaults hold" : (file + ": fine").c_str());
    return 0;
  }
  if (arguments.doctor || arguments.doctor_inside) {
    const Status examined = Examine(arguments);
    return examined.ok() ? 0 : Fail(examined.error());
  }
  const Status status = arguments.reset ? Reset(arguments) : Start(arguments);
  return status.ok() ? 0 : Fail(status.error());
}

}  // namespace
}  // namespace estiba::estibad

int main(int argc, char** argv) { return estiba::estibad::Main({argv + 1, argv + argc}); }
