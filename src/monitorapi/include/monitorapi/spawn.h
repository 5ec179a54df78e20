#pragma once
// Starting monitors: the program is read once into a sealed memfd, so that no container can ever write the
// file it runs from and an upgrade of the file does not mix versions.

#include <string>

#include "monitorapi/client.h"
#include "os/process.h"

namespace estiba::monitorapi {

class Program {
 public:
  // Reads `path`, the estiba-monitor program.
  static Result<Program> Load(const std::string& path);
  int fd() const { return memfd_.get(); }

 private:
  explicit Program(os::UniqueFd memfd) : memfd_(std::move(memfd)) {}
  os::UniqueFd memfd_;
};

struct Spawned {
  os::Process process;  // Detach() it and watch the pidfd: readable when the monitor has ended
  Client client;        // already a subscriber
};

// A monitor in its own session with default signals, "/" as its folder, a short environment, /dev/null as
// stdin and stdout, `log_fd` (or /dev/null when -1) as stderr and one end of a socket pair; it waits for
// Launch or Recover. It stays in the caller's cgroups: the engine has left its own caller's (moving costs 11
// ms, a write to cgroup.procs).
Result<Spawned> Spawn(const Program& program, const std::string& container_id, int log_fd = -1);

}  // namespace estiba::monitorapi
