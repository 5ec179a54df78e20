#pragma once
// One container from its launch to its last undo: runs the plan, answers engines, restarts by policy, and
// leaves nothing behind. Needs no engine after the launch.

#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "execs.h"
#include "failpoint.h"
#include "folders.h"
#include "follower.h"
#include "health.h"
#include "journal_writer.h"
#include "log_writer.h"
#include "netd_link.h"
#include "os/loop.h"
#include "peers.h"
#include "restart.h"
#include "runner.h"
#include "session.h"

namespace estiba::monitor {

class Supervisor {
 public:
  // `lock` is held until the container is over.
  Supervisor(os::Loop& loop, std::unique_ptr<Runner> runner, Folders folders, os::UniqueFd lock,
             monitorapi::Launch launch, JournalWriter journal);
  ~Supervisor();

  // Takes the launching engine's socket, runs the container and answers the launch. Afterwards the loop does
  // the rest and is stopped when all is over.
  Status Begin(os::UniqueFd engine, std::uint32_t launch_id, std::vector<os::UniqueFd> fds);
  // Reaps what is left to us by the container's processes.
  void OnChildSignal();
  Failpoint& failpoint() { return failpoint_; }
  // Called when the container is over and only clients that still take output are left: to let the process
  // that the engine waits for end, and go on in another.
  void OnLinger(std::function<void()> detach) { detach_ = std::move(detach); }

 private:
  struct PendingStop {
    Peers::Request to;
    bool restart = false;
  };

  // supervisor.cc: the container's life
  Status Prepare(std::vector<os::UniqueFd>& fds);
  std::unique_ptr<Session> MakeSession();
  Status Run();
  Status OnCreated(pid_t pid);
  Status AfterRun(Running running, Session::ChildEnds& ends);
  void OnExit();
  void OnDrained();
  void AfterExit(std::optional<std::chrono::milliseconds> again);
  void Rerun();
  void StartFailed(const Error& error, bool first);
  void Finish();
  void Close();
  void UndoNow();
  void ClearHost();
  void CheckOver();
  void TrimSoon();
  void WatchOom();
  Status RestoreRules();
  void OnOom();
  void TellOomKills(int tries);
  void OnUnhealthy();
  void Append(monitorapi::Record record);

  // requests.cc: what engines ask
  void OnRequest(Peers::Request to, monitorapi::Frame frame);
  void OnControl(Peers::Request to, const monitorapi::Frame& frame);
  Status OnAttach(monitorapi::Frame& frame);
  Status OnLogs(monitorapi::Frame& frame);
  void OnExec(Peers::Request to, monitorapi::Frame& frame);
  Status OnResize(const monitorapi::Frame& frame);
  Status OnSignal(const monitorapi::Frame& frame);
  void OnStop(Peers::Request to, const monitorapi::Frame& frame);
  void StopContainer(Peers::Request to, const monitorapi::Stop& stop);
  void OnProbe(Peers::Request to);
  Status OnPause(bool pause);
  Status OnTellNames();

  // network_change.cc: the network of a container that runs
  Status OnChangeNetwork(monitorapi::Frame& frame);
  void RelayPorts();
  void ClosePortsBut(const std::vector<std::string>& published);
  Status OnUpdate(const monitorapi::Frame& frame);
  Status CheckRunning() const;
  void ForbidRestart();
  void ThawToDie();
  void KillCgroup();
  monitorapi::State CurrentState() const;

  os::Loop& loop_;
  std::unique_ptr<Runner> runner_;
  Folders folders_;
  os::UniqueFd lock_;
  monitorapi::Launch launch_;
  JournalWriter journal_;
  std::optional<LogWriter> log_;
  Peers peers_;
  Execs execs_;
  std::optional<Health> health_;  // unless it is not to be probed
  RestartDecider restart_;
  Failpoint failpoint_;
  NetdLink netd_;
  os::UniqueFd host_use_;
  bool used_host_ = false;
  std::vector<os::UniqueFd> port_sockets_;  // reserve published ports by being bound
  os::UniqueFd netns_;  // the container's, while it runs
  std::uint64_t last_change_ = 0;
  std::list<std::unique_ptr<Follower>> followers_;
  std::list<std::unique_ptr<Session>> old_sessions_;  // of ended runs, with clients that still take output
  std::unique_ptr<Session> session_;

  monitorapi::Phase phase_ = monitorapi::Phase::kStarting;
  os::Process process_;
  os::Loop::Token process_token_ = 0;
  monitorapi::Started started_;
  std::chrono::steady_clock::time_point run_began_;
  monitorapi::Exited exited_;
  std::chrono::nanoseconds ran_{};
  std::vector<PendingStop> stops_;
  bool rerun_asked_ = false;
  os::Loop::Token kill_timer_ = 0;
  os::Loop::Token restart_timer_ = 0;
  os::Loop::Token settle_timer_ = 0;
  os::Loop::Token trim_timer_ = 0;
  os::Loop::Token oom_token_ = 0;
  os::Loop::Token oom_timer_ = 0;
  Runner::OomEvents oom_;
  std::uint64_t oom_kills_ = 0;
  os::Loop::Token linger_timer_ = 0;
  std::function<void()> detach_;
  bool finished_ = false;
};

}  // namespace estiba::monitor
