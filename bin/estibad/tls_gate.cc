#include "tls_gate.h"

#include <cerrno>
#include <chrono>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "engine/hosts.h"
#include "engine/programs.h"
#include "os/event.h"
#include "os/file.h"
#include "os/socket.h"

namespace estiba::estibad {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;
constexpr auto kPause = 1s;  // before one that has died is started again
constexpr int kControl = 3;

std::vector<std::string> ArgumentsFor(const engine::Config& config, std::size_t listeners) {
  std::vector<std::string> words{"estiba-tls",
                                 "serve",
                                 "--listeners=" + std::to_string(listeners),
                                 "--cert=" + config.tlscert,
                                 "--key=" + config.tlskey};
  if (engine::VerifiesClients(config)) words.insert(words.end(), {"--verify", "--ca=" + config.tlscacert});
  return words;
}

}  // namespace

TlsGate::TlsGate(http::Loop* loop, int log_fd, std::vector<os::UniqueFd> listeners, Take take)
    : loop_(loop), log_fd_(log_fd), listeners_(std::move(listeners)), take_(std::move(take)) {}

TlsGate::~TlsGate() {
  LetGo();
  loop_->CancelTimer(again_);
  for (auto& [pid, process] : processes_) {
    loop_->RemoveFd(process.pidfd());
    (void)process.Detach();
  }
}

Result<std::unique_ptr<TlsGate>> TlsGate::Start(http::Loop* loop, const engine::Config& config, int log_fd,
                                                std::vector<os::UniqueFd> listeners, Take take) {
  std::unique_ptr<TlsGate> gate(new TlsGate(loop, log_fd, std::move(listeners), std::move(take)));
  gate->arguments_ = ArgumentsFor(config, gate->listeners_.size());
  TRY(gate->Spawn());
  const bool heard = TRY(os::WaitReadable(gate->control_.get(), kPatience));
  if (!heard) return Error(Code::kDeadlineExceeded, "estiba-tls did not come up in time");
  const tls::Told told = TRY_CTX(tls::Hear(gate->control_.get()), "start estiba-tls");
  if (told.kind == tls::Told::Kind::kFailed) return Error(Code::kInvalidArgument, "set up TLS: " + told.reason);
  TRY(gate->Watch());
  return gate;
}

Status TlsGate::Spawn() {
  auto pair = TRY(os::MakeSocketPair(SOCK_SEQPACKET));
  os::SpawnOptions spawn;
  const std::string folder = TRY(os::ProgramDirectory());
  spawn.program = TRY(engine::FindProgram(folder, "estiba-tls"));
  spawn.argv = arguments_;
  spawn.fds = {{log_fd_, STDERR_FILENO}, {pair.theirs.get(), kControl}};
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    spawn.fds.emplace_back(listeners_[i].get(), kControl + 1 + static_cast<int>(i));
  spawn.new_session = true;
  os::Process process = TRY(os::Spawn(spawn));
  current_ = process.pid();
  control_ = std::move(pair.ours);
  const pid_t pid = current_;
  TRY(loop_->AddFd(process.pidfd(), EPOLLIN, [this, pid](std::uint32_t) { OnEnd(pid); }));
  processes_.emplace(pid, std::move(process));
  return Ok();
}

Status TlsGate::Watch() {
  TRY(os::SetNonBlocking(control_.get(), true));
  return loop_->AddFd(control_.get(), EPOLLIN, [this](std::uint32_t) { OnMessage(); });
}

void TlsGate::OnMessage() {
  auto told = tls::Hear(control_.get());
  if (!told.ok() && told.error().errnum() == EAGAIN) return;
  if (!told.ok()) return LetGo();  // it is ending: OnEnd() comes
  switch (told->kind) {
    case tls::Told::Kind::kMade: return;
    case tls::Told::Kind::kFailed: return log::Error("set up TLS", {{"error", told->reason}});
    case tls::Told::Kind::kVisitor: break;
  }
  log::Info("a client came in by TLS", {{"address", told->visitor.address},
                                        {"certificate", told->visitor.certificate},
                                        {"tls", told->visitor.version}});
  take_(std::move(told->connection));
}

void TlsGate::OnEnd(pid_t pid) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return;
  loop_->RemoveFd(found->second.pidfd());
  (void)found->second.Wait().ok();  // it has ended
  processes_.erase(found);
  if (pid != current_) return;
  log::Error("estiba-tls has died, and its connections with it: starting it again");
  current_ = -1;
  LetGo();
  StartAgain();
}

void TlsGate::StartAgain() {
  again_ = loop_->AddTimer(kPause, [this] {
    Status started = Spawn();
    if (started.ok()) started = Watch();
    if (started.ok()) return;
    log::Error("start estiba-tls again", {{"error", started.error().Message()}});
    if (current_ < 0) StartAgain();
  });
}

void TlsGate::LetGo() {
  if (!control_.valid()) return;
  loop_->RemoveFd(control_.get());
  control_.Reset();
}

void TlsGate::Renew(const engine::Config& config) {
  arguments_ = ArgumentsFor(config, listeners_.size());
  if (current_ < 0) return;  // it is about to be started
  LetGo();
  Status started = Spawn();
  if (started.ok()) started = Watch();
  if (!started.ok()) log::Error("start estiba-tls with new certificates", {{"error", started.error().Message()}});
}

}  // namespace estiba::estibad
