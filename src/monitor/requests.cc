#include <csignal>

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "supervisor.h"

namespace estiba::monitor {

using monitorapi::Frame;
using monitorapi::Phase;
using monitorapi::Record;
using monitorapi::RecordType;
using monitorapi::Type;

void Supervisor::OnRequest(Peers::Request to, Frame frame) {
  Status done = Ok();
  switch (frame.type) {
    case Type::kAttach: done = OnAttach(frame); break;
    case Type::kLogs: done = OnLogs(frame); break;
    case Type::kResize: done = OnResize(frame); break;
    case Type::kSignal: done = OnSignal(frame); break;
    case Type::kPause: done = OnPause(true); break;
    case Type::kUnpause: done = OnPause(false); break;
    case Type::kUpdate: done = OnUpdate(frame); break;
    case Type::kChangeNetwork: done = OnChangeNetwork(frame); break;
    case Type::kTellNames: done = OnTellNames(); break;
    case Type::kExec: return OnExec(to, frame);
    case Type::kStop: return OnStop(to, frame);
    case Type::kProbe: return OnProbe(to);
    default: return OnControl(to, frame);
  }
  if (!done.ok()) return peers_.ReplyError(to, done.error());
  peers_.ReplyOk(to);
}

// Requests with an answer of their own.
void Supervisor::OnControl(Peers::Request to, const Frame& frame) {
  switch (frame.type) {
    case Type::kSubscribe: peers_.Subscribe(to.peer); return peers_.Reply(to, Type::kState, CurrentState());
    case Type::kStats: {
      auto counters = runner_->Counters();
      if (!counters.ok()) return peers_.ReplyError(to, counters.error());
      const monitorapi::StatsReply reply{WallNow().time_since_epoch().count(), std::move(*counters)};
      return peers_.Reply(to, Type::kStatsReply, reply);
    }
    case Type::kTop: {
      auto processes = runner_->Processes();
      if (!processes.ok()) return peers_.ReplyError(to, processes.error());
      return peers_.Reply(to, Type::kTopReply, monitorapi::TopReply{std::move(*processes)});
    }
    default:
      // A later engine's request: it finds out that this monitor is too old for it.
      return peers_.ReplyError(
          to, Error(Code::kNotImplemented, "the container's monitor does not know request " +
                                               std::to_string(static_cast<unsigned>(frame.type))));
  }
}

monitorapi::State Supervisor::CurrentState() const {
  monitorapi::State state;
  state.phase = phase_;
  state.started = started_;
  state.started.timings.clear();
  state.monitor_pid = ::getpid();
  state.execs = execs_.ListRunning();
  state.restart = restart_.policy();
  return state;
}

Status Supervisor::CheckRunning() const {
  if (phase_ == Phase::kPaused) return Error(Code::kConflict, "container " + launch_.id + " is paused");
  if (phase_ == Phase::kRestarting)
    return Error(Code::kConflict, "container " + launch_.id + " is restarting");
  if (phase_ != Phase::kRunning) return Error(Code::kConflict, "container " + launch_.id + " is not running");
  return Ok();
}

Status Supervisor::OnAttach(Frame& frame) {
  auto attach = TRY(frame.Decode<monitorapi::Attach>());
  if (frame.fds.size() != 1) return Error(Code::kInvalidArgument, "attach: the connection is missing");
  if (phase_ != Phase::kPaused) TRY(CheckRunning());
  return session_->AddClient(std::move(frame.fds[0]), attach.options);
}

Status Supervisor::OnLogs(Frame& frame) {
  const auto logs = TRY(frame.Decode<monitorapi::Logs>());
  if (frame.fds.size() != 1) return Error(Code::kInvalidArgument, "logs: the connection is missing");
  if (!log_) return Error(Code::kFailedPrecondition, "configured logging driver does not support reading");
  auto position = followers_.insert(followers_.end(), nullptr);
  auto follower = Follower::Start(loop_, *log_, std::move(frame.fds[0]), logs.options, [this, position] {
    followers_.erase(position);
    CheckOver();
  });
  if (!follower.ok()) {
    followers_.erase(position);
    return std::move(follower).error();
  }
  *position = std::move(*follower);
  if (finished_) (*position)->LogEnds();
  return Ok();
}

void Supervisor::OnExec(Peers::Request to, Frame& frame) {
  auto exec = frame.Decode<monitorapi::Exec>();
  if (!exec.ok()) return peers_.ReplyError(to, exec.error());
  if (frame.fds.size() != (exec->detach ? 0U : 1U))
    return peers_.ReplyError(to, Error(Code::kInvalidArgument, "exec: the connection is missing"));
  if (const auto running = CheckRunning(); !running.ok()) return peers_.ReplyError(to, running.error());
  os::UniqueFd socket = frame.fds.empty() ? os::UniqueFd() : std::move(frame.fds[0]);
  execs_.Start(to, std::move(*exec), std::move(socket), process_.pid(), process_.pidfd());
}

Status Supervisor::OnResize(const Frame& frame) {
  const auto resize = TRY(frame.Decode<monitorapi::Resize>());
  if (!resize.exec_id.empty()) return execs_.Resize(resize.exec_id, resize.rows, resize.columns);
  if (phase_ != Phase::kPaused) TRY(CheckRunning());
  launch_.rows = resize.rows;  // a restarted container's terminal has the size of the last one
  launch_.columns = resize.columns;
  return session_->Resize(resize.rows, resize.columns);
}

// ---- signals and stops ----

void Supervisor::ForbidRestart() {
  if (restart_.forbidden()) return;
  restart_.Forbid();
  Record record;
  record.type = RecordType::kStopping;
  Append(std::move(record));
}

// A frozen process dies of no signal.
void Supervisor::ThawToDie() {
  if (phase_ != Phase::kPaused) return;
  if (auto thawed = OnPause(false); !thawed.ok())
    log::Error("cannot thaw the container", {{"error", thawed.error().Message()}});
}

Status Supervisor::OnSignal(const Frame& frame) {
  const auto signal = TRY(frame.Decode<monitorapi::Signal>());
  const bool stops = signal.stops || signal.signal == SIGKILL;
  if (stops && phase_ == Phase::kRestarting) {
    ForbidRestart();
    Finish();
    return Ok();
  }
  if (phase_ != Phase::kPaused) TRY(CheckRunning());
  if (stops) ForbidRestart();
  TRY(os::SendSignal(process_.pidfd(), signal.signal));
  if (stops) ThawToDie();
  return Ok();
}

void Supervisor::OnStop(Peers::Request to, const Frame& frame) {
  const auto stop = frame.Decode<monitorapi::Stop>();
  if (!stop.ok()) return peers_.ReplyError(to, stop.error());
  StopContainer(to, *stop);
}

// `to` may be nobody.
void Supervisor::StopContainer(Peers::Request to, const monitorapi::Stop& stop) {
  if (finished_) return peers_.ReplyOk(to);
  if (stop.restart) {
    rerun_asked_ = true;
    restart_.Allow();
  } else {
    rerun_asked_ = false;
    ForbidRestart();
  }
  if (phase_ == Phase::kRestarting) {
    if (!stop.restart) {
      Finish();
      return peers_.ReplyOk(to);
    }
    stops_.push_back({to, true});
    restart_.Reset();
    loop_.Cancel(restart_timer_);
    return Rerun();
  }
  stops_.push_back({to, stop.restart});
  if (phase_ == Phase::kEnding) return;
  if (auto sent = os::SendSignal(process_.pidfd(), stop.signal); !sent.ok())
    log::Warn("cannot send the stop signal", {{"error", sent.error().Message()}});
  ThawToDie();
  if (stop.timeout_ms < 0) return;
  loop_.Cancel(kill_timer_);
  kill_timer_ = loop_.After(std::chrono::milliseconds(stop.timeout_ms), [this] {
    kill_timer_ = 0;
    if (!os::SendSignal(process_.pidfd(), SIGKILL).ok())
      log::Warn("cannot kill the container's first process");
    KillCgroup();
  });
}

Status Supervisor::OnPause(bool pause) {
  if (pause) {
    TRY(CheckRunning());
  } else if (phase_ != Phase::kPaused) {
    return Error(Code::kConflict, "Container " + launch_.id + " is not paused");
  }
  if (pause && health_) health_->Pause();  // first: what is frozen does not die
  Status done = pause ? runner_->Freeze() : runner_->Thaw();
  if (health_ && pause != done.ok()) health_->Resume();
  if (!done.ok()) return done;
  phase_ = pause ? Phase::kPaused : Phase::kRunning;
  Record record;
  record.type = pause ? RecordType::kPaused : RecordType::kUnpaused;
  Append(std::move(record));
  peers_.Notify(pause ? Type::kNoticePaused : Type::kNoticeUnpaused, monitorapi::OkReply{});
  return Ok();
}

void Supervisor::OnProbe(Peers::Request to) {
  if (const auto running = CheckRunning(); !running.ok()) return peers_.ReplyError(to, running.error());
  if (!health_)
    return peers_.ReplyError(to, Error(Code::kConflict, "container " + launch_.id + " has no defined healthcheck"));
  health_->ProbeNow(to);
}

// Between two runs nobody may ask for it; the next one reads the plan anyway.
Status Supervisor::OnTellNames() {
  if (phase_ == Phase::kRestarting) return Ok();
  if (phase_ != Phase::kPaused) TRY(CheckRunning());
  return runner_->TellNames();
}

Status Supervisor::OnUpdate(const Frame& frame) {
  const auto update = TRY(frame.Decode<monitorapi::Update>());
  if (!update.writes.empty()) {
    if (phase_ != Phase::kPaused) TRY(CheckRunning());
    TRY(runner_->Apply(update.writes));
  }
  if (update.set_restart) restart_.SetPolicy(update.restart);
  return Ok();
}

}  // namespace estiba::monitor
