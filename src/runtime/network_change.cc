// The network of a container that runs, changed step by step.

#include "base/log.h"
#include "network_steps.h"
#include "plan/undo.h"
#include "runtime/container.h"
#include "session.h"
#include "undo_steps.h"

namespace estiba::runtime {
namespace {

using plan::Step;

std::string SubjectOf(const plan::Plan& plan) { return "change the network of container '" + plan.name + "'"; }

// The reason of the failure is the caller's to report.
void Restore(Session& session, const std::vector<Step>& begun, const std::vector<Step>& put_back) {
  plan::Plan made;
  made.steps = begun;
  for (const Step& step : plan::UndoOf(made)) {
    if (auto undone = RunUndoStep(step, {}); !undone.ok())
      log::Warn("take a network change back", {{"error", undone.error().Message()}});
  }
  for (const Step& step : put_back) {
    if (auto done = RunNetworkStep(session, step); !done.ok())
      log::Warn("take a network change back", {{"error", done.error().Message()}});
  }
}

// Once more for what is held for an instant.
Status RemoveStep(const Step& step) {
  auto done = RunUndoStep(step, {});
  return done.ok() ? std::move(done) : RunUndoStep(step, {});
}

}  // namespace

Result<NetworkChanged> ChangeNetwork(const plan::NetworkChange& change, int netns,
                                     const std::function<void()>& on_step) {
  Session session{plan::Plan()};
  session.netns = netns;
  session.on_step = on_step;
  std::vector<Step> begun;
  for (const Step& step : change.add) {
    begun.push_back(step);
    auto done = RunNetworkStep(session, step);
    if (!done.ok()) {
      Restore(session, begun, change.put_back);
      return std::move(done).error().Context(SubjectOf(change.noted) + ": " + plan::Describe(step));
    }
    session.Stepped();
  }
  NetworkChanged changed;
  for (const Step& step : change.remove) {
    auto done = RemoveStep(step);
    session.Stepped();
    if (done.ok() || !changed.removed.ok()) continue;
    changed.removed = std::move(done).error().Context(SubjectOf(change.noted) + ": " + plan::Describe(step));
  }
  changed.names = std::move(session.names);
  changed.host_use = std::move(session.host_use);
  return changed;
}

}  // namespace estiba::runtime
