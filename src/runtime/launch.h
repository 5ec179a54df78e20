#pragma once
// The one clone and the conversation with the child.

#include <optional>

#include "child/step.h"
#include "lower.h"
#include "runtime/container.h"
#include "session.h"

namespace estiba::runtime {

// Two FIFOs through which another process lets the child go and hears of its failure.
struct Gate {
  os::UniqueFd start;
  os::UniqueFd report;
};
Result<Gate> MakeGate(os::DirFd folder);

// Clones with the plan's namespaces into the container's cgroup; session.child and session.sync are set.
Status Clone(Session& session, Lowered& lowered, const LaunchOptions& options);
// Lets the child pass one kWaitHost or kWaitStart.
Status Go(Session& session);
// What the child says next: a report, or nothing when it has executed its program or died. The terminal's master is
// put aside into session.terminal.
Result<std::optional<child::Report>> NextReport(Session& session);
// Host+child steps in the order of the plan, a Go at each kWaitHost, until the child waits for its start.
Status RunBesideChild(Session& session, const Lowered& lowered);

}  // namespace estiba::runtime
