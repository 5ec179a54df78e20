#include "tls_gate.h"

#include <cerrno>
#include <chrono>
#include <utility>

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
  LetGo(control_);
  LetGo(previous_.control);
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
  const int control = control_.get();
  return loop_->AddFd(control, EPOLLIN, [this, control](std::uint32_t) { OnMessage(control); });
}

void TlsGate::OnMessage(int control) {
  auto told = tls::Hear(control);
  if (!told.ok() && told.error().errnum() == EAGAIN) return;
  // It is ending: OnEnd() comes.
  if (!told.ok()) return control == control_.get() ? LetGo(control_) : LetGo(previous_.control);
  switch (told->kind) {
    case tls::Told::Kind::kMade: return LetGo(previous_.control);
    case tls::Told::Kind::kFailed: return OnRefusal(told->reason);
    case tls::Told::Kind::kVisitor: break;
  }
  log::Info("a client came in by TLS", {{"address", told->visitor.address},
                                        {"certificate", told->visitor.certificate},
                                        {"tls", told->visitor.version}});
  take_(std::move(told->connection));
}

// Certificates that are wrong: the earlier ones stay, where there are such.
void TlsGate::OnRefusal(const std::string& reason) {
  log::Error("set up TLS", {{"error", reason}});
  if (!previous_.control.valid()) return;
  LetGo(control_);
  control_ = std::move(previous_.control);
  current_ = previous_.pid;
  arguments_ = std::move(previous_.arguments);
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
  LetGo(control_);
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

void TlsGate::LetGo(os::UniqueFd& control) {
  if (!control.valid()) return;
  loop_->RemoveFd(control.get());
  control.Reset();
}

void TlsGate::Renew(const engine::Config& config) {
  std::vector<std::string> before = std::exchange(arguments_, ArgumentsFor(config, listeners_.size()));
  if (current_ < 0) return;  // it is about to be started
  LetGo(previous_.control);
  previous_ = {std::move(control_), current_, std::move(before)};
  Status started = Spawn();
  if (started.ok()) started = Watch();
  if (!started.ok()) OnRefusal(started.error().Message());
}

}  // namespace estiba::estibad
