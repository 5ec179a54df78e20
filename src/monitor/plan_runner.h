#pragma once

#include <optional>

#include "cgroup/cgroup.h"
#include "failpoint.h"
#include "plan/plan.h"
#include "port_relay.h"
#include "runner.h"
#include "runtime/container.h"
#include "user_network.h"

namespace estiba::monitor {

// The plan in the container's folder, carried out by `runtime`. The plan is read for each use and not kept:
// it is the largest thing a monitor would hold.
class PlanRunner : public Runner {
 public:
  // Both are borrowed.
  PlanRunner(os::DirFd container_dir, Failpoint* failpoint) : dir_(container_dir), failpoint_(failpoint) {}

  // What the container needs beyond its own runs is looked after there.
  void WatchIn(os::Loop& loop) {
    network_.WatchIn(loop);
    relay_.WatchIn(loop);
  }

  Result<Running> Run(const Stdio& stdio, const Created& created) override;
  Result<Running> Exec(const std::string& encoded_plan, pid_t init_pid, int init_pidfd,
                       const Stdio& stdio) override;
  Result<Running> Probe(pid_t init_pid, int init_pidfd, const Stdio& stdio) override;
  Status Undo() override;
  Status UndoAtEnd() override;
  Status RestoreRules() override;
  Status ClearHost() override;
  Status RelayPorts(const std::vector<int>& sockets) override;
  void LeaveNetwork() override {
    network_.Release();
    relay_.Release();
  }
  Status TellNames() override;
  Result<Changed> ChangeNetwork(int netns, std::uint64_t revision) override;
  std::vector<Error> RunPoststopHooks() override;
  Status KillAll() override;
  Status Freeze() override;
  Status Thaw() override;
  Result<std::vector<std::int32_t>> Processes() override;
  Result<std::uint64_t> OomKills() override;
  Result<std::vector<monitorapi::Counter>> Counters() override;
  Status Apply(const std::vector<monitorapi::CgroupWrite>& writes) override;
  Result<OomEvents> WatchOom() override;

 private:
  Status TakeBack(runtime::Then then);
  Result<plan::Plan> Load();
  Result<plan::Plan> Read(const char* name) const;
  // Opened when first needed, by a monitor that recovers before it ran anything. kNotFound: the plan has no cgroup.
  Result<cgroup::Cgroup*> Group();

  os::DirFd dir_;
  UserNetwork network_;
  PortRelay relay_;
  Failpoint* failpoint_;
  std::optional<std::string> cgroup_path_;  // once the plan was read
  bool has_hooks_ = true;  // until a plan without any was seen
  std::optional<cgroup::Cgroup> group_;
  os::UniqueFd procfs_;  // of the run: closed when it has ended
};

}  // namespace estiba::monitor
