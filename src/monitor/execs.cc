#include "execs.h"

#include <algorithm>
#include <csignal>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

namespace estiba::monitor {

using monitorapi::Record;
using monitorapi::RecordType;
using monitorapi::Type;

namespace {
constexpr int kKilled = 128 + SIGKILL;
}

int ExitCodeOf(const Error& error, int otherwise) {
  // By text, as docker's programs do it: the errors come from many steps.
  const std::string text = ToLower(error.Message());
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (has("executable file not found") || has("no such file or directory")) return 127;
  if (has("permission denied") || has("is a directory")) return 126;
  return otherwise;
}

Execs::~Execs() {
  for (auto& [id, one] : execs_) {
    loop_.Forget(one->token);
    if (one->process.valid())
      one->process.Detach();  // ends with the container, or is the next monitor's to kill
  }
}

void Execs::Start(Peers::Request to, monitorapi::Exec exec, os::UniqueFd socket, pid_t init_pid,
                  int init_pidfd) {
  if (execs_.contains(exec.exec_id))
    return peers_.ReplyError(to, Error(Code::kConflict, "exec '" + exec.exec_id + "' is running already"));
  auto& one = *execs_.emplace(exec.exec_id, std::make_unique<One>()).first->second;
  one.id = exec.exec_id;
  Session::Options options;
  options.tty = exec.tty;
  options.in = exec.in && !exec.detach;
  options.out = exec.out && !exec.detach;
  options.err = exec.err && !exec.detach;
  options.close_in_at_eof = true;
  Session::Events events;
  events.drained = [this, &one] { Report(one); };
  events.detached = [this, id = exec.exec_id] {
    peers_.Notify(Type::kNoticeDetached, monitorapi::Detached{id});
  };
  events.closed = [this, id = exec.exec_id] { Remove(id); };
  one.session = std::make_unique<Session>(loop_, nullptr, options, std::move(events));

  Status begun = Ok();
  if (socket.valid()) {
    monitorapi::AttachOptions attach;
    attach.in = exec.in;
    attach.out = exec.out;
    attach.err = exec.err;
    attach.detach_keys = exec.detach_keys;
    attach.leftover = std::move(exec.leftover);
    begun = one.session->AddClient(std::move(socket), attach);
  }
  if (begun.ok()) begun = Begin(one, exec, init_pid, init_pidfd);
  if (begun.ok()) return peers_.Reply(to, Type::kExecStarted, monitorapi::ExecStarted{one.pid});

  constexpr int kCannotRun = 126;
  one.process = {};  // killed, had it been started
  one.pid = 0;
  one.code = ExitCodeOf(begun.error(), kCannotRun);
  one.session->Tell(begun.error().Message() + "\r\n");
  peers_.ReplyError(to, begun.error(), one.code);
  Report(one);
}

Status Execs::Begin(One& one, const monitorapi::Exec& exec, pid_t init_pid, int init_pidfd) {
  Session::ChildEnds ends = TRY(one.session->OpenPipes());
  Running running = TRY(
      runner_.Exec(exec.plan, init_pid, init_pidfd, Stdio{ends.in.get(), ends.out.get(), ends.err.get()}));
  ends = {};
  one.pid = running.process.pid();
  one.process = std::move(running.process);
  TRY(one.session->Start(std::move(running.terminal)));
  if (exec.tty && exec.rows != 0) TRY(one.session->Resize(exec.rows, exec.columns));
  one.token = TRY(loop_.Watch(one.process.pidfd(), EPOLLIN, [this, &one](std::uint32_t) { OnEnd(one); }));
  return Ok();
}

void Execs::OnEnd(One& one) {
  loop_.Forget(one.token);
  const auto status = one.process.Wait();
  if (!one.recorded) one.code = status.ok() ? status->ToShell() : kKilled;
  one.pid = 0;
  one.session->ProcessEnded();
}

void Execs::Report(One& one) {
  // First recorded and told, then the client sees the end: it asks for the exit code right after.
  if (!one.recorded) Write(one);
  const monitorapi::ExecExited exited{one.id, one.code, WallNow().time_since_epoch().count()};
  peers_.NotifyAcknowledged(Type::kNoticeExecExited, exited, [this, id = one.id] {
    if (const auto found = execs_.find(id); found != execs_.end()) found->second->session->CloseClients();
  });
}

void Execs::Write(One& one) {
  one.recorded = true;
  Record record;
  record.type = RecordType::kExecExited;
  record.text = one.id;
  record.code = one.code;
  if (auto written = journal_.Append(record); !written.ok())
    log::Error("cannot record an exec's exit", {{"exec", one.id}, {"error", written.error().Message()}});
}

void Execs::RecordAll() {
  for (auto& [id, one] : execs_) {
    if (one->recorded) continue;
    if (one->pid != 0) one->code = kKilled;
    Write(*one);
  }
}

void Execs::Remove(const std::string& id) {
  execs_.erase(id);
  if (changed_) changed_();
}

Status Execs::Resize(const std::string& exec_id, std::uint16_t rows, std::uint16_t columns) {
  const auto found = execs_.find(exec_id);
  if (found == execs_.end()) return Error(Code::kNotFound, "No such exec instance: " + exec_id);
  return found->second->session->Resize(rows, columns);
}

std::vector<monitorapi::RunningExec> Execs::ListRunning() const {
  std::vector<monitorapi::RunningExec> running;
  for (const auto& [id, one] : execs_)
    if (one->pid != 0) running.push_back({id, one->pid});
  return running;
}

bool Execs::Knows(pid_t pid) const {
  return std::any_of(execs_.begin(), execs_.end(), [&](const auto& e) { return e.second->pid == pid; });
}

}  // namespace estiba::monitor
