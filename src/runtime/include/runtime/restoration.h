#pragma once
// The host's half of bringing a container back from an image: all that its plan makes around a process that somebody
// else (CRIU) makes.

#include <memory>

#include <sys/types.h>

#include "base/result.h"
#include "plan/plan.h"

namespace estiba::runtime {

// Dropped before Keep(), it takes everything back: what runs in the container's cgroup is killed.
class Restoration {
 public:
  // Mount points in the root, the cgroup with its limits.
  static Result<Restoration> Begin(const plan::Plan& plan);
  Restoration(Restoration&&) noexcept;
  Restoration& operator=(Restoration&&) noexcept;
  ~Restoration();

  // Puts the process that makes the others, and so them, into the container's cgroups and resctrl groups.
  Status Admit(pid_t worker);
  // When the first process has its namespaces: lo up, the network devices, the prestart and createRuntime hooks.
  Status SetUpNamespaces(pid_t init);
  void Keep();

 private:
  struct Rep;
  explicit Restoration(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace estiba::runtime
