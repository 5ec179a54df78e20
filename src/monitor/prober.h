#pragma once
// One probe at a time: a process that joins the container, what it says, and its end.

#include <chrono>
#include <functional>
#include <string>

#include "os/loop.h"
#include "runner.h"

namespace estiba::monitor {

class Prober {
 public:
  static constexpr std::size_t kMaxOutput = 4096;  // docker's; what goes beyond is read and dropped
  struct Outcome {
    std::int32_t exit_code = 0;  // -1: it took too long
    std::int32_t ended_with = 0;  // the process itself: 128 + signal after a signal
    std::string output;
  };
  using Done = std::function<void(Outcome)>;

  Prober(os::Loop& loop, Runner& runner) : loop_(loop), runner_(runner) {}
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // `done` comes later, from the loop. Not while busy().
  Status Start(pid_t init_pid, int init_pidfd, std::chrono::nanoseconds timeout, Done done);
  // Kills it; nobody is told of its end. It stays busy until that.
  void Abandon();
  bool busy() const { return process_.valid(); }
  bool Knows(pid_t pid) const { return process_.valid() && process_.pid() == pid; }

 private:
  Status Watch(std::chrono::nanoseconds timeout);
  void OnTimeout();
  void OnOutput();
  void OnEnd();
  bool ReadSome();
  void Close();
  std::string TakeOutput();

  os::Loop& loop_;
  Runner& runner_;
  Done done_;
  os::Process process_;
  os::UniqueFd output_;
  os::Loop::Token process_token_ = 0;
  os::Loop::Token output_token_ = 0;
  os::Loop::Token timer_ = 0;
  std::chrono::nanoseconds timeout_{};
  bool timed_out_ = false;
  bool cut_ = false;
  std::string text_;
};

}  // namespace estiba::monitor
