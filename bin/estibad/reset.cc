#include "reset.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <thread>

#include <unistd.h>

#include "base/log.h"
#include "engine/engine.h"
#include "engine/reset.h"
#include "engine/rootless.h"
#include "http/loop.h"
#include "os/file.h"
#include "surroundings.h"

namespace estiba::estibad {
namespace {

constexpr std::chrono::seconds kPatience{10};

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// The data root is another engine's until that has ended.
Result<std::unique_ptr<engine::Engine>> StartEngine(const engine::Config& config, http::Loop* loop) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    engine::EngineOptions options;
    options.config = config;
    options.program_directory = TRY(os::ProgramDirectory());
    options.loop = loop;
    options.version = ESTIBA_VERSION;
    options.log_fd = STDERR_FILENO;
    auto started = engine::Engine::Start(std::move(options));
    const bool taken = !started.ok() && started.error().code() == Code::kFailedPrecondition;
    if (!taken || std::chrono::steady_clock::now() > deadline) return started;
    const timespec step{0, 50'000'000};
    ::nanosleep(&step, nullptr);
  }
}

}  // namespace

Status Reset(const Arguments& arguments) {
  const bool rootless = ::geteuid() != 0;
  TRY(SettleIn());
  const engine::Config config = TRY(LoadConfig(arguments, rootless));
  log::Configure(STDERR_FILENO, log::Level::kError);
  if (rootless) TRY(engine::EnterRootless(config.run_root));
  const auto loop = TRY(http::Loop::Create());
  const auto engine = TRY_CTX(StartEngine(config, loop.get()), "end the containers");
  Status removed = Ok();
  std::thread worker([&] {
    removed = engine::RemoveEverything(*engine, Say);
    loop->Stop();
  });
  Status ran = loop->Run();
  worker.join();
  engine->Stop();
  if (!ran.ok()) return ran;
  // What could not be ended needs its files: they say what there is to undo.
  if (!removed.ok()) return std::move(removed).error().Hint("nothing else was removed; run it again");
  return engine::DeleteEverything(config, Say);
}

}  // namespace estiba::estibad
