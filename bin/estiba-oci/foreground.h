#pragma once
// Staying with a process until it ends: signals go to it, and between its terminal and ours bytes go both ways.

#include <optional>

#include "base/result.h"
#include "notify.h"
#include "os/fd.h"
#include "os/process.h"

namespace estiba::ocicli {

// Collects signals from here on, so that none is lost before there is a process to give them to.
class Foreground {
 public:
  // `subreaper`: orphans of the container, where it has no pid namespace of its own, come to us and not to init.
  static Result<Foreground> Begin(bool subreaper = false);
  // The process's exit code as a shell has it. `terminal` is invalid when it has none. With `relay`, the service
  // manager hears when the container is ready, and that we are who to watch.
  Result<int> Stay(os::Process process, os::UniqueFd terminal, std::optional<NotifyRelay> relay = {});

 private:
  explicit Foreground(os::UniqueFd signals) : signals_(std::move(signals)) {}
  os::UniqueFd signals_;
};

}  // namespace estiba::ocicli
