#pragma once
// Carrying a plan out, and taking it back: the OCI runtime as a library. Callers have one thread (checked): between
// clone and exec the child shares nothing but memory copied at that instant.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "cgroup/hierarchy.h"
#include "net/setup.h"
#include "os/fd.h"
#include "os/process.h"
#include "plan/build.h"
#include "plan/explain.h"
#include "plan/network_change.h"
#include "plan/plan.h"
#include "runtime/trace.h"

namespace estiba::runtime {

// Borrowed descriptors that become 0, 1 and 2; -1 is /dev/null. Not used with a terminal.
struct Stdio {
  int in = -1;
  int out = -1;
  int err = -1;
};

struct LaunchOptions {
  Stdio stdio;
  std::vector<int> extra_fds;  // become 3, 4, …
  // Two-stage start across processes (estiba-oci): a folder in which two FIFOs "start" and "report" are made; the child
  // waits there and ReleaseAt() lets it go. Invalid: Container::Start() lets it go.
  os::DirFd gate{-1};
  // The network namespace that steps of the host's networks are run in, where the plan has a kUserNetwork; borrowed.
  int host_network = -1;
  // The host's, for callers that have looked already; else they are looked for where a step needs them.
  std::optional<cgroup::Hierarchies> hierarchies;
  // The caller's own work, done while the child, which it is given, does its steps. Its failure is the creation's.
  std::function<Status(pid_t)> meanwhile;
  // Trusted descriptor of what the child must not see is not needed: everything of ours is CLOEXEC and closed.
  bool measure = false;  // there is a Container::trace()
  // Called after every step of the parent and every time the child is let go on. Tests kill the caller there.
  std::function<void()> on_step;
};

// A container whose child waits just before its program, or runs it. Dropped before Detach(), it kills the child and
// undoes everything.
class Container {
 public:
  // Host steps, the one clone, host steps beside the child; back when the child waits for Start(). On failure
  // everything is undone and the error names the step, its operands, its configuration field and a hint.
  static Result<Container> Create(const plan::Plan& plan, const LaunchOptions& options);
  Container(Container&&) noexcept;
  Container& operator=(Container&&) noexcept;
  ~Container();

  pid_t pid() const;
  int pidfd() const;
  // The master side of the container's terminal; invalid without one.
  os::UniqueFd TakeTerminal();
  // What its resolver asks, for whoever answers; invalid without a step for names.
  net::NameSockets TakeNameSockets();
  // To be kept while the container runs: what bridged containers share on the host stays. Invalid for others.
  os::UniqueFd TakeHostUse();
  // What its network's settings were written through, to be closed when nobody waits: that takes time. Invalid where
  // there were none.
  os::UniqueFd TakeProcfs();
  // Lets the child execute its program; back when that has happened, or with the reason why not
  // (`exec: "foo": executable file not found in $PATH`), then everything is undone.
  Status Start();
  // Null unless measured. It outlives this object, and tells of later steps when they are over.
  std::shared_ptr<const Trace> trace() const;
  // The process, from here on the caller's; nothing is undone any more when this object goes.
  os::Process Detach();

 private:
  struct Rep;
  explicit Container(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

// Lets a container created with a gate go, from another process; the reason if its program cannot be executed.
// kFailedPrecondition when it has been started already.
Status ReleaseAt(const plan::Plan& plan, os::DirFd gate);

struct ExecResult {
  os::Process process;
  os::UniqueFd terminal;  // master side, with process.terminal
};
// Runs the plan of BuildExec in the container whose PID 1 is `init_pidfd`/`init_pid`.
Result<ExecResult> Exec(const plan::Plan& plan, pid_t init_pid, int init_pidfd, const LaunchOptions& options);

// Carries a plan out in the container's namespaces that runs no program (BuildMount, BuildUnmount): back when it is
// done, with the descriptor that a kSendMount sent.
Result<os::UniqueFd> CarryOutInside(const plan::Plan& plan, pid_t init_pid, int init_pidfd);

// What the process that takes back a plan does afterwards.
enum class Then { kGoOn, kEnd };

// Kills what is left in the container's cgroup and takes back everything its plan names on the host. Idempotent; what
// is gone already is fine; goes on after an error and returns the first. `known`: the host's cgroups, when the caller
// has looked for them. A caller that ends then need not wait until the kernel is through with links that are gone.
Status Undo(const plan::Plan& plan, const cgroup::Hierarchies* known = nullptr, Then then = Then::kGoOn);

// To be called first by a program whose plans may have steps for networks of containers (bridges, rules, names).
// Without it they are refused, and the program does without their code.
void CarryOutNetworks();

// True when the plan has rules in the host's nf_tables.
bool MakesRules(const plan::Plan& plan);
// For a running container: makes again what of them is missing, and the bridges they speak of.
Status RestoreRules(const plan::Plan& plan);

// When it has ended and nobody else is there: takes away what bridged containers share on the host.
Status ClearHost(const plan::Plan& plan);

// Writes again the file that says what a running container is called, after its plan has changed.
Status TellNames(const plan::Plan& plan);

struct NetworkChanged {
  net::NameSockets names{};  // what its resolver asks, when names are new to it
  os::UniqueFd host_use{};   // as Container::TakeHostUse(), when that is new to it
  Status removed = Ok();     // an error: something that was to go is still there
};
// Changes the network of a container that runs in `netns` (plan/network_change.h). On failure everything is as it was.
// `on_step` as in LaunchOptions.
Result<NetworkChanged> ChangeNetwork(const plan::NetworkChange& change, int netns,
                                     const std::function<void()>& on_step);

// Where resctrl is mounted and which classes it has: for plans with linux.intelRdt, which are rare.
Status FindResctrl(plan::HostFacts& facts);

// Other limits for a container whose plan has a class of resctrl; kFailedPrecondition when it has none.
Status UpdateResctrl(const plan::Plan& plan, const std::vector<std::string>& schemata);

// Runs the poststart hooks of a container let go by ReleaseAt(); Container::Start() does so itself.
Status RunPoststartHooks(const plan::Plan& plan, pid_t pid);
// Runs poststop hooks (warnings only: what they said is returned).
std::vector<Error> RunPoststopHooks(const plan::Plan& plan);

}  // namespace estiba::runtime
