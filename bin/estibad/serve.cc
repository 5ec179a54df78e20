#include "serve.h"

#include <atomic>
#include <chrono>
#include <csignal>

#include <fcntl.h>
#include <grp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/docker/api.h"
#include "http/loop.h"
#include "http/server.h"
#include "os/event.h"
#include "os/file.h"
#include "os/socket.h"
#include "record_answers.h"
#include "surroundings.h"

namespace estiba::estibad {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdleLimit = 60s;
constexpr auto kIdleStep = 5s;

Status GiveToGroup(const engine::Config& config) {
  if (config.rootless || config.socket_group.empty()) return Ok();
  char buffer[16384];
  struct group entry{};
  struct group* found = nullptr;
  if (::getgrnam_r(config.socket_group.c_str(), &entry, buffer, sizeof buffer, &found) != 0 ||
      found == nullptr) {
    return Ok();  // without such a group it is root's alone
  }
  if (::chown(config.socket.c_str(), 0, found->gr_gid) != 0) {
    return Error::Errno(errno, "give '" + config.socket + "' to group '" + config.socket_group + "'");
  }
  return Ok();
}

// systemd would need to know whether there is such a group.
bool IsAtOurPath(const os::UniqueFd& socket, const engine::Config& config) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  return address.sun_family == AF_UNIX && config.socket == address.sun_path;
}

// The lock on the data root is held, so a socket that is there is a dead engine's.
Result<os::UniqueFd> OpenSocket(const engine::Config& config) {
  TRY(os::EnsureDirectory(config.socket.substr(0, config.socket.rfind('/')), 0711));
  if (::unlink(config.socket.c_str()) != 0 && errno != ENOENT)
    return Error::Errno(errno, "remove '" + config.socket + "'");
  os::UniqueFd listener = TRY(os::ListenUnix(config.socket, SOCK_STREAM, 0660));
  TRY(GiveToGroup(config));
  return listener;
}

// One run of the engine, from its start to its end.
class Run {
 public:
  Run(const Arguments& arguments, engine::Config config)
      : arguments_(arguments), config_(std::move(config)) {}

  Status Prepare(std::vector<os::UniqueFd> passed, std::function<void()> before_spawn) {
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
    ends_when_idle_ = arguments_.spawned || !passed.empty();
    if (passed.empty()) {
      passed.push_back(TRY(OpenSocket(config_)));
      own_socket_ = true;
    }
    for (os::UniqueFd& socket : passed) {
      if (!own_socket_ && IsAtOurPath(socket, config_)) TRY(GiveToGroup(config_));
      TRY(server_->Listen(std::move(socket)));
    }
    TRY(loop_->AddFd(signals_->fd(), EPOLLIN, [this](std::uint32_t) { OnSignal(); }));
    Tick();
    return TellReady();
  }

  Status Loop() {
    log::Info("serving", {{"socket", config_.socket}, {"version", ESTIBA_VERSION}});
    Status status = loop_->Run();
    // A client that comes now finds no socket and starts another engine, which waits for our lock.
    if (own_socket_) ::unlink(config_.socket.c_str());
    server_->StopListening();
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
  bool own_socket_ = false;
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
