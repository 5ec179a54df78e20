#include "remove.h"

#include <chrono>
#include <csignal>

#include "cgroup/cgroup.h"
#include "os/event.h"
#include "os/process.h"
#include "runtime/container.h"

namespace estiba::ocicli {
namespace {

constexpr std::chrono::seconds kPatience{10};

Status KillCgroup(const std::string& path) {
  const auto hierarchies = TRY(cgroup::Probe());
  return cgroup::KillAll(hierarchies, path);
}

}  // namespace

Status EndContainer(const StateDir& dir) {
  const Snapshot now = TRY(Look(dir));
  if (!now.record.cgroup_path.empty()) TRY(KillCgroup(now.record.cgroup_path));
  if (!now.Alive()) return Ok();
  const Status sent = os::SendSignal(now.pidfd.get(), SIGKILL);
  if (!sent.ok() && sent.error().code() != Code::kNotFound) return sent.error().Clone();
  const bool ended = TRY(os::WaitReadable(now.pidfd.get(), kPatience));
  if (ended) return Ok();
  return Error(Code::kDeadlineExceeded, "container '" + dir.id() + "' would not die");
}

Status RemoveContainer(const StateDir& dir, const Reporter& reporter) {
  auto plan = dir.LoadPlan();
  if (plan.ok()) {
    const auto cgroups = TRY(cgroup::Probe());
    return RemoveContainer(dir, *plan, cgroups, reporter);
  }
  if (plan.error().code() != Code::kNotFound) return std::move(plan).error();
  return dir.Remove();
}

Status RemoveContainer(const StateDir& dir, const plan::Plan& plan, const cgroup::Hierarchies& cgroups,
                       const Reporter& reporter) {
  TRY(runtime::Undo(plan, &cgroups));
  for (const Error& failed : runtime::RunPoststopHooks(plan)) reporter.Warning(failed.Message());
  return dir.Remove();
}

Status RemoveEnded(const StateDir& dir, const plan::Plan& plan, const cgroup::Hierarchies& cgroups,
                   const Reporter& reporter) {
  Status locked = dir.Lock();
  if (!locked.ok()) return locked.error().code() == Code::kNotFound ? Ok() : std::move(locked);
  return RemoveContainer(dir, plan, cgroups, reporter);
}

}  // namespace estiba::ocicli
