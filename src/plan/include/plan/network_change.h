#pragma once
// The network of a container that runs, changed from what one plan says to what another says. Pure.

#include <vector>

#include "plan/build.h"
#include "plan/plan.h"

namespace estiba::plan {

// `plan` with this network in place of its own.
void ReplaceNetwork(Plan& plan, const Network& network);

struct NetworkChange {
  std::vector<Step> add;        // first: what the next plan has and the present one lacks
  std::vector<Step> remove;     // then: undo steps of what the next plan lacks
  // When a step of `add` fails, after undoing those before it: what they had put something else in the place of.
  std::vector<Step> put_back;
  // The container's plan while the change is under way: whoever undoes it takes back what either of the two names.
  Plan noted;
};
NetworkChange ChangeOf(const Plan& present, const Plan& next);

// "0.0.0.0:8080 tcp" of a line of kPublishPorts.
std::string HostPort(const std::string& line);
// The same of every port that the plan publishes.
std::vector<std::string> HostPorts(const Plan& plan);

}  // namespace estiba::plan
