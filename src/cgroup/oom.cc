// Hearing of the OOM killer while it strikes.

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "cgroup/cgroup.h"
#include "os/file.h"

namespace estiba::cgroup {

Result<OomWatch> Cgroup::WatchOom() const {
  const int memory = controller_fd("memory");
  if (memory < 0) return OomWatch{};
  if (memory == unified_fd()) {
    auto events = TRY(os::OpenAt({memory}, "memory.events", O_RDONLY));
    return OomWatch{.fd = std::move(events), .events = POLLPRI, .kept = {}};
  }
  os::UniqueFd control = TRY(os::OpenAt({memory}, "memory.oom_control", O_RDONLY));
  os::UniqueFd counter(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (const int err = errno; !counter.valid()) return Error::Errno(err, "make an eventfd");
  TRY(os::WriteExisting({memory}, "cgroup.event_control",
                        std::to_string(counter.get()) + " " + std::to_string(control.get())));
  return OomWatch{.fd = std::move(counter), .events = POLLIN, .kept = std::move(control)};
}

}  // namespace estiba::cgroup
