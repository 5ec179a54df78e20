#include "plan/undo.h"

#include "cgroup/cgroup.h"
#include "cgroup/systemd.h"
#include "runtime/container.h"
#include "session.h"
#include "undo_steps.h"

namespace estiba::runtime {
namespace {

using plan::Op;

bool NeedsHierarchies(const std::vector<plan::Step>& steps) {
  for (const plan::Step& step : steps) {
    if (step.op == Op::kDeleteCgroup || step.op == Op::kKillCgroup) return true;
  }
  return false;
}

Status StopScope(const plan::Step& step) {
  auto systemd = TRY(cgroup::Systemd::Connect(step.numbers.at(0) != 0));
  return systemd.StopUnit(step.text.at(0));
}

}  // namespace

Status RunUndoStep(const plan::Step& step, const cgroup::Hierarchies& hierarchies, Then then) {
  switch (step.op) {
    case Op::kKillCgroup: return cgroup::KillAll(hierarchies, step.text.at(0));
    case Op::kDeleteCgroup:
      return cgroup::Delete(hierarchies, step.text.at(0), {step.text.begin() + 1, step.text.end()});
    case Op::kStopScope: return StopScope(step);
    case Op::kDeleteResctrl: return DeleteResctrl(step.text.at(0));
    default: break;
  }
  if (network_steps.undo != nullptr) return network_steps.undo(step, then);
  return Error(Code::kNotImplemented, "undo step '" + std::string(plan::OpName(step.op)) + "' is not known here");
}

Status Undo(const plan::Plan& plan, const cgroup::Hierarchies* known, Then then) {
  const std::vector<plan::Step> steps = plan::UndoOf(plan);
  if (steps.empty()) return Ok();
  cgroup::Hierarchies hierarchies;
  if (known == nullptr && NeedsHierarchies(steps)) hierarchies = TRY(cgroup::Probe());
  std::optional<Error> first;
  for (const plan::Step& step : steps) {
    auto done = RunUndoStep(step, known != nullptr ? *known : hierarchies, then);
    if (done.ok() || first.has_value()) continue;
    first = std::move(done).error().Context("clean up container '" + plan.name + "'");
  }
  if (first.has_value()) return std::move(*first);
  return Ok();
}

}  // namespace estiba::runtime
