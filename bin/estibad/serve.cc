#include "serve.h"

#include <atomic>
#include <chrono>
#include <csignal>

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "api/docker/api.h"
#include "http/loop.h"
#include "http/server.h"
#include "listen.h"
#include "os/event.h"
#include "os/file.h"
#include "record_answers.h"
#include "surroundings.h"
#include "tls_gate.h"

namespace estiba::estibad {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdleLimit = 60s;
constexpr auto kIdleStep = 5s;

// One run of the engine, from its start to its end.
class Run {
 public:
  Run(const Arguments& arguments, engine::Config config)
      : arguments_(arguments), config_(std::move(config)) {}

  Status Prepare(std::vector<os::UniqueFd> passed, std::function<void()> before_spawn) {
    before_spawn_ = before_spawn;
    TRY(OpenLog());
    // Before any thread is made, so that all have them blocked.
    signals_ = TRY(os::SignalFd::Create({SIGTERM, SIGINT, SIGHUP}));
    loop_ = TRY(http::Loop::Create());
    engine::EngineOptions options;
    options.config = config_;
    options.program_directory = TRY(os::ProgramDirectory());
    options.loop = loop_.get();
    options.version = ESTIBA_VERSION;
    options.before_spawn = std::move(before_spawn);
    options.log_fd = log_.has_value() ? log_->fd() : STDERR_FILENO;
    engine_ = TRY(engine::Engine::Start(std::move(options)));
    http::Handler handler = TRY(Recording(Handler()));
    server_ =
        TRY(http::Server::Create(loop_.get(), api::docker::ServerOptions(ESTIBA_VERSION), std::move(handler)));
    const bool activated = !passed.empty();
    TRY(Listen(std::move(passed)));
    // Clients from elsewhere start no engine.
    ends_when_idle_ = (arguments_.spawned || activated) && !own_ports_;
    TRY(loop_->AddFd(signals_->fd(), EPOLLIN, [this](std::uint32_t) { OnSignal(); }));
    Tick();
    return TellReady();
  }

  Status Loop() {
    log::Info("serving", {{"socket", config_.socket}, {"version", ESTIBA_VERSION}});
    Status status = loop_->Run();
    // A client that comes now finds no socket and starts another engine, which waits for our lock.
    for (const std::string& path : own_paths_) ::unlink(path.c_str());
    server_->StopListening();
    gate_.reset();
    engine_->Stop();
    server_.reset();
    engine_.reset();
    log::Info("ended");
    return status;
  }

 private:
  Status OpenLog() {
    std::string file = config_.log_file;
    if (file.empty() && arguments_.spawned) file = config_.data_root + "/estibad.log";
    log::Configure(STDERR_FILENO, config_.log_level);
    if (file.empty() || file == "-") return Ok();
    log_.emplace(file, config_.log_max_size, config_.log_max_files);
    return log_->Open(config_.log_level);
  }

  Status Listen(std::vector<os::UniqueFd> passed) {
    Listeners listeners = TRY(OpenListeners(config_, std::move(passed)));
    own_socket_ = listeners.own_socket;
    own_paths_ = std::move(listeners.own_paths);
    own_ports_ = listeners.own_ports;
    for (os::UniqueFd& socket : listeners.plain) TRY(server_->Listen(std::move(socket)));
    if (listeners.tls.empty()) return Ok();
    const auto take = [this](os::UniqueFd connection) {
      const Status taken = server_->Adopt(std::move(connection));
      if (!taken.ok()) log::Error("take a connection over", {{"error", taken.error().Message()}});
    };
    before_spawn_();
    const int log_fd = log_.has_value() ? log_->fd() : STDERR_FILENO;
    gate_ = TRY(TlsGate::Start(loop_.get(), config_, log_fd, std::move(listeners.tls), take));
    return Ok();
  }

  http::Handler Handler() {
    return
        [this, handler = api::docker::MakeHandler(engine_.get())](std::shared_ptr<http::Exchange> exchange) {
          // Who does not start engines, like docker's own command, must find this one as long as the host
          // runs.
          if (!exchange->headers().Get("User-Agent").starts_with("estiba")) foreign_ = true;
          handler(std::move(exchange));
        };
  }

  Result<http::Handler> Recording(http::Handler handler) {
    if (!arguments_.record_answers.has_value()) return handler;
    os::UniqueFd file =
        TRY(os::OpenAt({AT_FDCWD}, *arguments_.record_answers, O_WRONLY | O_CREAT | O_APPEND, 0600));
    return RecordAnswers(std::move(handler), std::move(file));
  }

  Status TellReady() {
    if (arguments_.ready_fd >= 0) {
      os::UniqueFd ready(arguments_.ready_fd);
      TRY(os::WriteAll(ready.get(), "r"));
    }
    if (!arguments_.spawned) return Ok();
    return CloseTerminal(log_.has_value() ? log_->fd() : -1);
  }

  void OnSignal() {
    for (int signal = signals_->Next(); signal != 0; signal = signals_->Next()) {
      if (signal == SIGHUP) {
        Reload();
      } else {
        loop_->Stop();
      }
    }
  }

  void Reload() {
    auto fresh = LoadConfig(arguments_, config_.rootless);
    if (!fresh.ok())
      return log::Error("the configuration is not taken over", {{"error", fresh.error().Message()}});
    for (const std::string& key : engine_->Reload(fresh.value())) {
      log::Warn("a change needs a new start of the engine", {{"key", key}});
    }
    if (log_.has_value()) {
      log_->SetLevel(fresh.value().log_level);
    } else {
      log::Configure(STDERR_FILENO, fresh.value().log_level);
    }
    if (gate_) gate_->Renew(fresh.value());
    log::Info("configuration read again");
  }

  void Tick() {
    if (log_.has_value()) log_->Rotate();
    const auto now = std::chrono::steady_clock::now();
    if (server_->connections() > 0 || !engine_->Idle()) busy_until_ = now;
    const bool may_end = ends_when_idle_ && (!foreign_ || !own_socket_);
    if (may_end && now - busy_until_ >= kIdleLimit) {
      log::Info("nothing to do for a minute");
      return loop_->Stop();
    }
    loop_->AddTimer(kIdleStep, [this] { Tick(); });
  }

  const Arguments& arguments_;
  engine::Config config_;
  std::optional<OwnLog> log_;
  std::optional<os::SignalFd> signals_;
  std::unique_ptr<http::Loop> loop_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<TlsGate> gate_;
  std::function<void()> before_spawn_;
  std::vector<std::string> own_paths_;
  bool own_socket_ = false;
  bool own_ports_ = false;
  bool ends_when_idle_ = false;
  std::atomic<bool> foreign_ = false;
  std::chrono::steady_clock::time_point busy_until_ = std::chrono::steady_clock::now();
};

}  // namespace

Status Serve(const Arguments& arguments, engine::Config config, std::vector<os::UniqueFd> passed,
             std::function<void()> before_spawn) {
  Run run(arguments, std::move(config));
  TRY(run.Prepare(std::move(passed), std::move(before_spawn)));
  return run.Loop();
}

}  // namespace estiba::estibad
