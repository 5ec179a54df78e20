#pragma once
// What the supervisor needs of the runtime and the cgroups; tests give it one without privilege.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "monitorapi/messages.h"
#include "net/setup.h"
#include "os/fd.h"
#include "os/process.h"

namespace estiba::monitor {

// Borrowed; below 0 is /dev/null.
struct Stdio {
  int in = -1;
  int out = -1;
  int err = -1;
};

struct Running {
  os::Process process;
  os::UniqueFd terminal;  // master, when the plan has one
  std::vector<monitorapi::StepTime> timings;
  net::NameSockets names{};  // invalid when the plan has none
  os::UniqueFd host_use{};   // while it is open, what bridged containers share stays
  bool rules = false;        // it has made rules in the host's tables
  int host_network = -1;     // borrowed: where its bridges are, when that is not where we are
  bool relays = false;       // of its published ports some are relayed
  os::UniqueFd netns{};      // its network namespace, when that is its own
};

class Runner {
 public:
  virtual ~Runner() = default;
  // Runs the plan; when this fails, everything is undone. `created` is told PID 1 before it may execute anything.
  using Created = std::function<Status(pid_t)>;
  virtual Result<Running> Run(const Stdio& stdio, const Created& created) = 0;
  virtual Result<Running> Exec(const std::string& encoded_plan, pid_t init_pid, int init_pidfd,
                               const Stdio& stdio) = 0;
  // The exec that the engine has prepared to see how the container is.
  virtual Result<Running> Probe(pid_t init_pid, int init_pidfd, const Stdio& stdio) = 0;
  // Takes back everything the plan names on the host. Idempotent.
  virtual Status Undo() = 0;
  // The same by a process that ends now: it does not wait until the kernel is through with links that are gone.
  virtual Status UndoAtEnd() { return Undo(); }
  // Makes again what the plan has in the host's tables, as far as it is not there.
  virtual Status RestoreRules() = 0;
  // When the container has ended: if it was the last on a bridge, what they shared goes.
  virtual Status ClearHost() = 0;
  // Where ports are relayed, these borrowed sockets hold them: the plan's published ports are served from now on.
  virtual Status RelayPorts(const std::vector<int>& /*sockets*/) { return Ok(); }
  // When it has ended: of the user's network it needs nothing any more.
  virtual void LeaveNetwork() {}
  // What the container is called has changed in its plan: so does what is told of it.
  virtual Status TellNames() = 0;
  // The plan `plan.next` takes the place of the plan, and what its network has more or less is made and taken back, in
  // `netns`; below 0: nothing runs, the next run will have it. On failure the plan is what it was.
  struct Changed {
    net::NameSockets names{};             // new ones
    bool has_names = false;
    os::UniqueFd host_use{};              // as in Running, when it is new
    bool uses_host = false;
    bool rules = false;                   // as in Running
    int host_network = -1;                // as in Running
    std::vector<std::string> host_ports;  // "0.0.0.0:8080 tcp": what is published now
  };
  virtual Result<Changed> ChangeNetwork(int netns, std::uint64_t revision) = 0;
  // What hooks after the end had to say.
  virtual std::vector<Error> RunPoststopHooks() = 0;

  virtual Status KillAll() = 0;
  virtual Status Freeze() = 0;
  virtual Status Thaw() = 0;
  virtual Result<std::vector<std::int32_t>> Processes() = 0;
  virtual Result<std::uint64_t> OomKills() = 0;
  virtual Result<std::vector<monitorapi::Counter>> Counters() = 0;
  virtual Status Apply(const std::vector<monitorapi::CgroupWrite>& writes) = 0;
  // A descriptor with `events` of epoll when the OOM killer strikes; invalid when the host cannot tell.
  struct OomEvents {
    os::UniqueFd fd;
    std::uint32_t events = 0;
    os::UniqueFd kept;  // keeps the registration alive
  };
  virtual Result<OomEvents> WatchOom() = 0;
};

}  // namespace estiba::monitor
