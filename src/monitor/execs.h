#pragma once
// Processes that joined the container: each with its own streams and at most one client.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "journal_writer.h"
#include "peers.h"
#include "runner.h"
#include "session.h"

namespace estiba::monitor {

class Execs {
 public:
  Execs(os::Loop& loop, Peers& peers, Runner& runner, JournalWriter& journal)
      : loop_(loop), peers_(peers), runner_(runner), journal_(journal) {}
  ~Execs();
  Execs(const Execs&) = delete;
  Execs& operator=(const Execs&) = delete;

  // Answers the request. `socket` is invalid for a detached one.
  void Start(Peers::Request to, monitorapi::Exec exec, os::UniqueFd socket, pid_t init_pid, int init_pidfd);
  Status Resize(const std::string& exec_id, std::uint16_t rows, std::uint16_t columns);
  std::vector<monitorapi::RunningExec> ListRunning() const;
  bool Knows(pid_t pid) const;
  bool empty() const { return execs_.empty(); }
  // The container is over: records those whose end was not seen yet as killed. Nothing is written to the journal
  // after this, whatever clients still take.
  void RecordAll();
  // Called whenever an exec and its client have gone.
  void OnChange(std::function<void()> call) { changed_ = std::move(call); }

 private:
  struct One {
    std::string id;
    std::unique_ptr<Session> session;
    os::Process process;
    pid_t pid = 0;
    os::Loop::Token token = 0;
    int code = 0;
    bool recorded = false;
  };
  Status Begin(One& one, const monitorapi::Exec& exec, pid_t init_pid, int init_pidfd);
  void OnEnd(One& one);
  void Report(One& one);
  void Write(One& one);
  void Remove(const std::string& id);

  os::Loop& loop_;
  Peers& peers_;
  Runner& runner_;
  JournalWriter& journal_;
  std::map<std::string, std::unique_ptr<One>> execs_;
  std::function<void()> changed_;
};

// Docker's exit code for a program that could not be started: 127 not found, 126 not permitted, else
// `otherwise`.
int ExitCodeOf(const Error& error, int otherwise);

}  // namespace estiba::monitor
