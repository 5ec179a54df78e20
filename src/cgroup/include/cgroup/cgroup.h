#pragma once
// Operations on one container's cgroups: a path relative to each hierarchy's mount, the same in all of them. Everything
// goes through directory descriptors; nothing is left half-made on failure.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "cgroup/hierarchy.h"
#include "cgroup/settings.h"
#include "oci/runtime_spec.h"
#include "os/fd.h"

namespace estiba::cgroup {

// Poll `fd` for `events`; then read it: an eventfd (v1, which tells before it kills, and once more when the cgroup
// goes), or memory.events from its start (v2).
struct OomWatch {
  os::UniqueFd fd;
  short events = 0;
  os::UniqueFd kept;  // v1: the watch lasts as long as this
};

// The open directories of one container. A path "/estiba/ID" starts at each hierarchy's mount, a relative "estiba/ID"
// at Hierarchy::base; "." and ".." are refused.
class Cgroup {
 public:
  // Makes the directory in the hierarchies of cpu, cpuset, io, memory and pids, of the needed controllers, in systemd's
  // and in the unified one (v1 cpuset copies its parent's cpus and mems; v2 parents get the controllers enabled). Those
  // that are not delegated to us are left out: Apply then names the setting that wants them. Existing directories are
  // used only when they hold no process (kAlreadyExists).
  struct Wishes {
    std::vector<std::string> controllers{};
    bool everywhere = false;  // where it may not be made is an error (kPermissionDenied)
    bool exist_ok = false;    // existing directories may hold processes
  };
  static Result<Cgroup> Create(const Hierarchies& hierarchies, const std::string& path, const Wishes& wishes);
  // Opens what exists; kNotFound when no hierarchy has it.
  static Result<Cgroup> Open(const Hierarchies& hierarchies, const std::string& path);

  const std::string& path() const { return path_; }
  Mode mode() const { return mode_; }
  // Directory on the unified hierarchy, for CLONE_INTO_CGROUP; -1 when there is none.
  int unified_fd() const;
  // True when nothing was delegated: no directory anywhere.
  bool empty() const { return directories_.empty(); }
  // Directory that holds a controller's files ("memory", "unified", "name=systemd"); -1 when there is none.
  int controller_fd(std::string_view controller) const;

  // The unified directory to put a further process of the container in: the container's own; where that hands
  // controllers on to cgroups below, and so may hold no process (cgroups(7), "no internal processes"), the one below
  // it that `init` is in. Invalid without a unified hierarchy.
  Result<os::UniqueFd> OpenForExec(const Hierarchies& hierarchies, pid_t init) const;
  // Moves a process into every hierarchy, back to back (the first write costs an RCU grace period, the next ones
  // nothing); `skip_unified` when it was cloned there.
  Status Attach(pid_t pid, bool skip_unified = false) const;
  // Makes writes in order. A missing file or a refusal names the setting.
  Status Apply(const std::vector<Write>& writes) const;
  // Makes the user the owner of the unified directory and of those of its files that may be handed on
  // (/sys/kernel/cgroup/delegate): he makes cgroups of his own in it, and cannot lift the limits it has.
  Status HandOver(uid_t owner) const;
  // Device rules: a BPF program on the unified hierarchy where possible, else v1 devices.
  Status ApplyDevices(const std::vector<oci::DeviceRule>& rules) const;

  // SIGKILLs everything in it and below: cgroup.kill (kernel ≥ 5.14), else freeze, kill, thaw, bounded.
  Status Kill() const;
  // `signal` to every process in it and below.
  Status Signal(int signal) const;
  Status Freeze() const;
  Status Thaw() const;
  Result<bool> Frozen() const;
  // All processes in it and below.
  Result<std::vector<pid_t>> Processes() const;
  Result<bool> Populated() const;
  // cgroup.events, to poll for EPOLLPRI (read it again from the start after each); invalid on pure v1.
  Result<os::UniqueFd> OpenEvents() const;
  // What tells of the OOM killer; an invalid descriptor without a memory controller.
  Result<OomWatch> WatchOom() const;
  // How often the OOM killer struck in it.
  Result<std::uint64_t> OomKills() const;

  // One hierarchy's directory.
  struct Directory {
    bool unified = false;
    std::vector<std::string> controllers;
    std::string name;   // named v1 hierarchy
    std::string shown;  // for errors: "/sys/fs/cgroup/memory/estiba/ID"
    os::UniqueFd fd;
  };

 private:
  const Directory* Find(std::string_view controller) const;
  // The one that processes are listed in and killed by: the unified, else any.
  const Directory* Main() const;
  Status ApplyOne(const Write& write) const;
  Status KillSlowly() const;

  Mode mode_ = Mode::kNone;
  std::string path_;
  std::vector<Directory> directories_;
};

// SIGKILLs everything in the container's cgroups. Succeeds when there are none.
Status KillAll(const Hierarchies& hierarchies, const std::string& path);

// Removes the directories that Create makes for these controllers, those made below them too, and waits a bounded time
// for dying processes to leave. Succeeds when they are gone. What somebody else keeps at that path of a hierarchy that
// the container had nothing of stays.
Status Delete(const Hierarchies& hierarchies, const std::string& path, const std::vector<std::string>& controllers,
              std::chrono::milliseconds patience = std::chrono::seconds(5));

struct DeviceIo {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  std::uint64_t read_bytes = 0, write_bytes = 0, read_ops = 0, write_ops = 0;
};

// One sample. Zero where the host does not account.
struct Stats {
  std::uint64_t memory_usage = 0;
  std::uint64_t memory_limit = 0;     // UINT64_MAX: none
  std::uint64_t memory_max_usage = 0;
  std::uint64_t memory_failcnt = 0;
  std::vector<std::pair<std::string, std::uint64_t>> memory_stat;  // memory.stat as the kernel has it
  std::uint64_t cpu_total_ns = 0;
  std::uint64_t cpu_user_ns = 0;
  std::uint64_t cpu_system_ns = 0;
  std::vector<std::uint64_t> cpu_per_cpu_ns;  // v1 only
  std::uint64_t throttled_periods = 0, periods = 0, throttled_ns = 0;
  std::uint64_t pids_current = 0;
  std::uint64_t pids_limit = 0;       // 0: none
  std::vector<DeviceIo> io;
};
Result<Stats> ReadStats(const Cgroup& cgroup);

}  // namespace estiba::cgroup
