#pragma once
// What the engine takes from whoever started it, and what it leaves behind.

#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace estiba::estibad {

// umask 022, folder "/", default signals, as many descriptors as allowed.
Status SettleIn();
// For an engine that a command spawned: closes descriptors that are not ours; 0, 1, 2 and `keep` stay.
void CloseForeign(int keep);

// Leaves the caller's control groups for the hierarchies' roots, where that is allowed. The kernel takes some 10 ms for
// it, so it has a thread of its own, "departure": only children must not be started before it is over.
class Departure {
 public:
  Departure() = default;
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;
  ~Departure() { Wait(); }
  void Begin();
  void Wait();  // from any thread; at once if it was not begun

 private:
  std::mutex mutex_;
  std::thread thread_;
};

// Listening sockets passed by systemd (sd_listen_fds(3)); empty when there are none.
Result<std::vector<os::UniqueFd>> TakePassedSockets();
// stdin and stdout become /dev/null; stderr the log, or /dev/null for -1.
Status CloseTerminal(int log_fd);

}  // namespace estiba::estibad
