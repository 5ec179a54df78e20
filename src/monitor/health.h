#pragma once
// A container's health: it is probed for as long as it runs, with an engine or without. Every change is in the journal
// before anybody is told, what the last probes said in the container's folder (monitorapi/health.h).

#include <functional>
#include <vector>

#include "health_rules.h"
#include "journal_writer.h"
#include "monitorapi/health.h"
#include "peers.h"
#include "prober.h"

namespace estiba::monitor {

class Health {
 public:
  struct Events {
    std::function<void()> unhealthy;  // it has just become that
    std::function<void()> idle;       // after every probe
  };
  // All but `events` are borrowed.
  Health(os::Loop& loop, Runner& runner, Peers& peers, JournalWriter& journal, os::DirFd container_dir,
         const monitorapi::HealthCheck& check, Events events);
  ~Health();
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  // A run has begun, whose PID 1 this is until End().
  void Begin(pid_t init_pid, int init_pidfd, HealthRules::Time began);
  // From here on it is not probed; a probe that runs is killed, and means nothing.
  void Pause();
  void Resume();
  void End();
  // Answers when the next probe, or the one that runs, is over. For a container that runs.
  void ProbeNow(Peers::Request to);
  bool Knows(pid_t pid) const { return prober_.Knows(pid); }

 private:
  void Schedule();
  void Probe();
  void OnProbed(Prober::Outcome outcome, bool ran);
  void Keep(monitorapi::ProbeResult result);
  void RecordStatus();
  void Dismiss();
  void Answer(const monitorapi::ProbeResult& result);

  os::Loop& loop_;
  Peers& peers_;
  JournalWriter& journal_;
  os::DirFd dir_;
  const monitorapi::HealthCheck& check_;
  Events events_;
  HealthRules rules_;
  Prober prober_;
  pid_t init_pid_ = 0;
  int init_pidfd_ = -1;
  os::Loop::Token timer_ = 0;
  std::string exec_id_;
  std::int64_t started_ = 0;
  HealthRules::Time began_;
  bool keeps_ = true;  // false: the last result could not be written down, and that was told
  std::vector<Peers::Request> waiting_;
};

}  // namespace estiba::monitor
