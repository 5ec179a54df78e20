#include "supervisor.h"

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/file.h"
#include "trim.h"

namespace estiba::monitor {

using monitorapi::Phase;
using monitorapi::Record;
using monitorapi::RecordType;
using monitorapi::Type;

namespace {

constexpr int kMonitorError = 125;  // docker's code when it was not the program's fault

std::int64_t Now() { return WallNow().time_since_epoch().count(); }

}  // namespace

Supervisor::Supervisor(os::Loop& loop, std::unique_ptr<Runner> runner, Folders folders, os::UniqueFd lock,
                       monitorapi::Launch launch, JournalWriter journal)
    : loop_(loop),
      runner_(std::move(runner)),
      folders_(std::move(folders)),
      lock_(std::move(lock)),
      launch_(std::move(launch)),
      journal_(std::move(journal)),
      peers_(loop, [this](Peers::Request to, monitorapi::Frame frame) { OnRequest(to, std::move(frame)); }),
      execs_(loop, peers_, *runner_, journal_),
      restart_(launch_.restart, launch_.restart_count),
      netd_(loop, {launch_.names_folder, launch_.names_program}, launch_.id, [this] { return RestoreRules(); }) {
  execs_.OnChange([this] {
    if (execs_.empty()) TrimSoon();
    CheckOver();
  });
  if (!launch_.health.enabled) return;
  health_.emplace(loop_, *runner_, peers_, journal_, os::DirFd{folders_.container.get()}, launch_.health,
                  Health::Events{[this] { OnUnhealthy(); }, [this] { TrimSoon(); }});
}

Supervisor::~Supervisor() {
  loop_.Forget(process_token_);
  loop_.Forget(oom_token_);
  loop_.Cancel(kill_timer_);
  loop_.Cancel(restart_timer_);
  loop_.Cancel(settle_timer_);
  loop_.Cancel(trim_timer_);
  loop_.Cancel(oom_timer_);
  loop_.Cancel(linger_timer_);
}

void Supervisor::Append(Record record) {
  if (auto written = journal_.Append(std::move(record)); !written.ok())
    log::Error("cannot write the journal", {{"container", launch_.id}, {"error", written.error().Message()}});
}

Status Supervisor::Begin(os::UniqueFd engine, std::uint32_t launch_id, std::vector<os::UniqueFd> fds) {
  const Peers::Request launched{TRY(peers_.Add(std::move(engine), /*subscribed=*/true)), launch_id};
  auto run = Prepare(fds);
  if (run.ok()) run = Run();
  if (!run.ok()) {
    peers_.ReplyError(launched, run.error(), ExitCodeOf(run.error(), kMonitorError));
    StartFailed(run.error(), /*first=*/true);
    return Ok();
  }
  peers_.Reply(launched, Type::kStarted, started_);
  if (auto listening = peers_.Listen({folders_.run.get()}); !listening.ok())
    log::Error("later engines cannot reach this monitor", {{"error", listening.error().Message()}});
  return Ok();
}

// Everything before the first run. `fds`: port sockets, then parked connections.
Status Supervisor::Prepare(std::vector<os::UniqueFd>& fds) {
  failpoint_ = TRY(Failpoint::Parse(launch_.failpoint));
  if (fds.size() != launch_.port_sockets + launch_.attaches.size())
    return Error(Code::kInvalidArgument, "launch: descriptors are missing");
  Record record;
  record.type = RecordType::kLaunched;
  record.pid = ::getpid();
  record.start_time = TRY(os::StartTime(::getpid()));
  TRY(journal_.Append(std::move(record)));
  failpoint_.Hit("launched");
  if (launch_.log.enabled) log_ = TRY(LogWriter::Open({folders_.container.get()}, launch_.log));
  if (log_ && launch_.log.outlet.kind != monitorapi::OutletKind::kNone)
    log_->SetOutlet(std::make_unique<LogOutlet>(loop_, launch_.log.outlet));
  session_ = MakeSession();
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (i < launch_.port_sockets) {
      port_sockets_.push_back(std::move(fds[i]));
      continue;
    }
    TRY_CTX(session_->AddClient(std::move(fds[i]), launch_.attaches[i - launch_.port_sockets]), "attach");
  }
  launch_.attaches = {};
  return Ok();
}

std::unique_ptr<Session> Supervisor::MakeSession() {
  Session::Options options;
  options.tty = launch_.tty;
  options.in = launch_.open_stdin;
  options.close_in_at_eof = launch_.stdin_once;
  Session::Events events;
  events.drained = [this] { OnDrained(); };
  events.detached = [this] { peers_.Notify(Type::kNoticeDetached, monitorapi::Detached{}); };
  events.closed = [this] {
    std::erase_if(old_sessions_, [](const auto& session) { return !session->HasClients(); });
    CheckOver();
  };
  return std::make_unique<Session>(loop_, log_ ? &*log_ : nullptr, options, std::move(events));
}

Status Supervisor::Run() {
  phase_ = Phase::kStarting;
  Session::ChildEnds ends = TRY(session_->OpenPipes());
  run_began_ = std::chrono::steady_clock::now();
  const Stdio stdio{ends.in.get(), ends.out.get(), ends.err.get()};
  Running running = TRY(runner_->Run(stdio, [this](pid_t pid) { return OnCreated(pid); }));
  failpoint_.Hit("created");
  auto after = AfterRun(std::move(running), ends);
  if (!after.ok()) {
    process_ = {};  // kills and reaps it
    UndoNow();
  }
  return after;
}

// Written down before it runs: should we be killed in between, recovery finds it also where there is no cgroup.
Status Supervisor::OnCreated(pid_t pid) {
  Record record;
  record.type = RecordType::kCreated;
  record.pid = pid;
  record.start_time = TRY(os::StartTime(pid));
  return journal_.Append(std::move(record));
}

Status Supervisor::AfterRun(Running running, Session::ChildEnds& ends) {
  ends = {};
  netd_.WatchRulesIn(running.host_network);
  netd_.Serve(std::move(running.names), running.rules ? run_began_ : std::chrono::steady_clock::time_point());
  used_host_ = running.host_use.valid();
  host_use_ = std::move(running.host_use);
  netns_ = std::move(running.netns);
  if (running.relays && !port_sockets_.empty()) RelayPorts();
  process_ = std::move(running.process);
  started_ = {};
  started_.pid = process_.pid();
  started_.start_time = TRY(os::StartTime(process_.pid()));
  started_.time = Now();
  started_.restart_count = restart_.count();
  started_.timings = std::move(running.timings);
  Record record;
  record.type = RecordType::kStarted;
  record.time = started_.time;
  record.pid = started_.pid;
  record.start_time = started_.start_time;
  record.count = started_.restart_count;
  TRY(journal_.Append(std::move(record)));
  failpoint_.Hit("started");
  TRY(session_->Start(std::move(running.terminal)));
  if (launch_.tty && launch_.rows != 0) TRY(session_->Resize(launch_.rows, launch_.columns));
  process_token_ = TRY(loop_.Watch(process_.pidfd(), EPOLLIN, [this](std::uint32_t) { OnExit(); }));
  phase_ = Phase::kRunning;
  if (health_) health_->Begin(process_.pid(), process_.pidfd(), run_began_);
  // Not at once: a short-lived container does not pay for it, and its exit asks the cgroup anyway.
  oom_kills_ = 0;
  settle_timer_ = loop_.After(std::chrono::milliseconds(100), [this] {
    settle_timer_ = 0;
    WatchOom();
    TrimMemory();
  });
  return Ok();
}

// Not at once: of execs that follow one another only the last pays for it.
void Supervisor::TrimSoon() {
  loop_.Cancel(trim_timer_);
  trim_timer_ = loop_.After(std::chrono::milliseconds(100), [this] {
    trim_timer_ = 0;
    TrimMemory();
  });
}

void Supervisor::WatchOom() {
  auto events = runner_->WatchOom();
  if (!events.ok() || !events->fd.valid()) return;  // the exit record still says it
  oom_ = std::move(*events);
  auto token = loop_.Watch(oom_.fd.get(), oom_.events, [this](std::uint32_t) { OnOom(); });
  if (token.ok()) oom_token_ = *token;
  TellOomKills(/*tries=*/0);  // since the start
}

Status Supervisor::RestoreRules() {
  auto restored = runner_->RestoreRules();
  TrimSoon();  // the plan was read
  return restored;
}

void Supervisor::OnOom() {
  std::uint64_t count = 0;
  // An eventfd (v1) or memory.events (v2, where the text only has to be read past).
  char text[256];
  if (::read(oom_.fd.get(), oom_.kept.valid() ? static_cast<void*>(&count) : text,
             oom_.kept.valid() ? sizeof count : sizeof text) < 0) {
  }
  if (!oom_.kept.valid()) ::lseek(oom_.fd.get(), 0, SEEK_SET);
  // v1 tells of the emergency before it kills (mem_cgroup_oom_notify()): the count follows.
  constexpr int kTries = 100;
  TellOomKills(oom_.kept.valid() ? kTries : 0);
}

void Supervisor::TellOomKills(int tries) {
  constexpr auto kPause = std::chrono::milliseconds(20);
  loop_.Cancel(oom_timer_);
  const auto kills = runner_->OomKills();
  if (!kills.ok()) return;
  if (*kills <= oom_kills_) {
    if (tries > 0) oom_timer_ = loop_.After(kPause, [this, tries] { TellOomKills(tries - 1); });
    return;
  }
  oom_kills_ = *kills;
  Record record;
  record.type = RecordType::kOom;
  record.count = oom_kills_;
  Append(std::move(record));
  peers_.Notify(Type::kNoticeOom, monitorapi::Oom{Now(), oom_kills_});
}

// On the loop: nothing of the probe that found it is under way any more.
void Supervisor::OnUnhealthy() {
  const monitorapi::HealthCheck& check = launch_.health;
  if (check.on_failure == monitorapi::HealthAction::kNone || !stops_.empty()) return;
  log::Warn("the container is unhealthy: it is ended", {{"container", launch_.id}});
  if (check.on_failure != monitorapi::HealthAction::kKill) {
    const bool restart = check.on_failure == monitorapi::HealthAction::kRestart;
    return StopContainer({}, {check.stop_signal, check.stop_timeout_ms, restart});
  }
  if (!os::SendSignal(process_.pidfd(), SIGKILL).ok()) log::Warn("cannot kill the container's first process");
}

// ---- the end of a run ----

void Supervisor::OnExit() {
  loop_.Forget(process_token_);
  loop_.Forget(oom_token_);
  loop_.Cancel(settle_timer_);
  loop_.Cancel(oom_timer_);
  loop_.Cancel(kill_timer_);
  oom_ = {};
  const auto status = process_.Wait();
  exited_ = {};
  exited_.time = Now();
  exited_.signal = status.ok() ? status->signal : SIGKILL;
  exited_.code = status.ok() ? status->ToShell() : 128 + SIGKILL;
  ran_ = std::chrono::steady_clock::now() - run_began_;
  phase_ = Phase::kEnding;
  failpoint_.Hit("exited");
  if (health_) health_->End();
  // What joined the container's cgroup and not its pid namespace is still there.
  KillCgroup();
  session_->ProcessEnded();
}

// A user's container may have none: its processes end with the first one.
void Supervisor::KillCgroup() {
  if (auto killed = runner_->KillAll(); !killed.ok() && killed.error().code() != Code::kNotFound)
    log::Warn("cannot kill the container's processes", {{"error", killed.error().Message()}});
}

void Supervisor::OnDrained() {
  const auto kills = runner_->OomKills();
  exited_.oom = oom_kills_ > 0 || (kills.ok() && *kills > 0);
  std::optional<std::chrono::milliseconds> again;
  if (rerun_asked_) {
    again = std::chrono::milliseconds(0);
    restart_.Reset();
  } else {
    again = restart_.AfterExit(exited_.code, ran_);
  }
  exited_.restarting = again.has_value();
  Record record;
  record.type = RecordType::kExited;
  record.time = exited_.time;
  record.code = exited_.code;
  record.signal = exited_.signal;
  record.oom = exited_.oom;
  record.count = exited_.restarting ? 1 : 0;
  Append(std::move(record));
  failpoint_.Hit("recorded");
  peers_.NotifyAcknowledged(Type::kNoticeExited, exited_, [this, again] { AfterExit(again); });
}

void Supervisor::AfterExit(std::optional<std::chrono::milliseconds> again) {
  // What was asked for while the exit was being acknowledged counts.
  if (rerun_asked_) {
    again = std::chrono::milliseconds(0);
    restart_.Reset();
  }
  if (again && !rerun_asked_ && restart_.forbidden()) again.reset();
  for (const auto& stop : stops_)
    if (!stop.restart || !again) peers_.ReplyOk(stop.to);
  std::erase_if(stops_, [&](const PendingStop& stop) { return !stop.restart || !again; });
  old_sessions_.push_back(std::move(session_));
  old_sessions_.back()->CloseClients();
  if (!again) return Finish();
  Record record;
  record.type = RecordType::kRestarting;
  record.count = restart_.count();
  record.delay_ms = again->count();
  Append(std::move(record));
  failpoint_.Hit("restarting");
  phase_ = Phase::kRestarting;
  peers_.Notify(Type::kNoticeRestarting, monitorapi::Restarting{restart_.count(), again->count()});
  UndoNow();
  restart_timer_ = loop_.After(*again, [this] {
    restart_timer_ = 0;
    Rerun();
  });
}

void Supervisor::Rerun() {
  rerun_asked_ = false;
  session_ = MakeSession();
  if (auto run = Run(); !run.ok()) {
    for (const auto& stop : stops_) peers_.ReplyError(stop.to, run.error());
    stops_.clear();
    return StartFailed(run.error(), /*first=*/false);
  }
  peers_.Notify(Type::kNoticeStarted, started_);
  for (const auto& stop : stops_) peers_.ReplyOk(stop.to);
  stops_.clear();
}

// The plan did not run; the runtime has undone it.
void Supervisor::StartFailed(const Error& error, bool first) {
  phase_ = Phase::kEnding;
  Record record;
  record.type = RecordType::kStartFailed;
  record.text = error.ToString();
  record.code = ExitCodeOf(error, kMonitorError);
  Append(std::move(record));
  if (session_) {
    old_sessions_.push_back(std::move(session_));
    old_sessions_.back()->CloseClients();
  }
  if (!first) {
    monitorapi::Exited exited;
    exited.code = ExitCodeOf(error, kMonitorError);
    exited.error = error.ToString();
    exited.time = Now();
    peers_.Notify(Type::kNoticeExited, exited);
  }
  // The runtime has taken back what it had begun; the rest of the plan names what others may own.
  Close();
}

void Supervisor::UndoNow() {
  netd_.Stop();
  netns_.Reset();
  auto undone = phase_ == Phase::kEnding ? runner_->UndoAtEnd() : runner_->Undo();
  // Processes that were only just killed may hold something for an instant.
  if (!undone.ok()) undone = runner_->Undo();
  if (!undone.ok())
    log::Error("something of the container is left on the host",
               {{"container", launch_.id}, {"error", undone.error().Message()}});
  host_use_.Reset();
  failpoint_.Hit("undone");
}

void Supervisor::Finish() {
  phase_ = Phase::kEnding;
  loop_.Cancel(restart_timer_);
  UndoNow();
  Close();
}

void Supervisor::Close() {
  for (const auto& warning : runner_->RunPoststopHooks())
    log::Warn("a poststop hook failed", {{"container", launch_.id}, {"error", warning.Message()}});
  // Whoever is told of the end finds the ports free.
  if (!port_sockets_.empty()) {
    const std::vector<os::UniqueFd> closing = std::exchange(port_sockets_, {});
    RelayPorts();
  }
  execs_.RecordAll();  // after the last record the journal may be another monitor's
  Record record;
  record.type = RecordType::kFinished;
  Append(std::move(record));
  failpoint_.Hit("finished");
  peers_.StopListening();
  if (auto gone = os::DeleteFile({folders_.run.get()}, "sock"); !gone.ok())
    log::Warn("cannot remove the monitor's socket", {{"error", gone.error().Message()}});
  ClearHost();
  runner_->LeaveNetwork();
  // From here on the container may be started again; we only linger for clients that still take output.
  lock_.Reset();
  finished_ = true;
  if (log_) log_->Close();
  for (auto& follower : followers_) follower->LogEnds();
  peers_.Notify(Type::kNoticeFinished, monitorapi::Finished{journal_.seq()});
  loop_.Defer([this] { CheckOver(); });
}

// An engine does it when there has been quiet for a while: the next container may come soon.
void Supervisor::ClearHost() {
  if (!used_host_ || peers_.AnySubscriber()) return;
  if (auto cleared = runner_->ClearHost(); !cleared.ok())
    log::Warn("something that containers shared is left on the host", {{"error", cleared.error().Message()}});
}

void Supervisor::CheckOver() {
  if (!finished_) return;
  if (old_sessions_.empty() && followers_.empty() && execs_.empty()) return loop_.Stop();
  if (!detach_ || linger_timer_ != 0) return;
  // Nobody has to wait for a client that reads slowly.
  constexpr auto kPatience = std::chrono::milliseconds(200);
  linger_timer_ = loop_.After(kPatience, [this] {
    detach_();
    peers_.Close();
  });
}

void Supervisor::OnChildSignal() {
  for (;;) {
    siginfo_t info{};
    // Only looked at: our own children are reaped through their pidfds.
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
    const bool ours = (process_.valid() && info.si_pid == process_.pid()) || execs_.Knows(info.si_pid) ||
                      (health_ && health_->Knows(info.si_pid));
    // Its handler runs next; whoever waits behind it may have no signal of his own.
    if (ours) return loop_.Defer([this] { OnChildSignal(); });
    ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
  }
}

}  // namespace estiba::monitor
