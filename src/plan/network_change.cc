#include "plan/network_change.h"

#include <algorithm>

#include "base/text.h"
#include "builder.h"
#include "plan/undo.h"

namespace estiba::plan {
namespace {

constexpr std::size_t kGateways = 2;  // operand of kConfigureInside

bool IsNetwork(const Step& step) {
  return step.where == Where::kHostChild && (step.why == kNetworkField || step.why == kPortsField);
}

std::vector<const Step*> NetworkOf(const Plan& plan) {
  std::vector<const Step*> steps;
  for (const Step& step : plan.steps) {
    if (IsNetwork(step)) steps.push_back(&step);
  }
  return steps;
}

bool Same(const Step& a, const Step& b) {
  return a.op == b.op && a.text == b.text && a.numbers == b.numbers && a.blob == b.blob;
}

// The same interface with the same addresses; who gives the default route may differ.
bool SameInside(const Step& a, const Step& b) {
  std::vector<std::string> text = a.text;
  text.at(kGateways) = b.text.at(kGateways);
  return text == b.text;
}

// What of `plan` is the same thing as `step`, though it may differ in what can be altered; null: nothing.
const Step* Counterpart(const Plan& plan, const Step& step) {
  for (const Step* other : NetworkOf(plan)) {
    if (other->op != step.op) continue;
    if (step.op == Op::kServeNames) return other;
    if (step.op == Op::kConfigureInside ? SameInside(*other, step) : Same(*other, step)) return other;
  }
  return nullptr;
}

// Of a step that lists ports: those that `other` does not have.
Step WithoutPortsOf(Step step, const Plan& other) {
  for (const Step* published : NetworkOf(other)) {
    if (published->op != Op::kPublishPorts) continue;
    std::erase_if(step.text, [&](const std::string& port) { return std::ranges::count(published->text, port) > 0; });
  }
  return step;
}

std::vector<std::string> GatewaysOf(const Step& inside) {
  const std::string& text = inside.text.at(kGateways);
  return text.empty() ? std::vector<std::string>() : Split(text, ' ');
}

// Default routes over the interface, but those it gives already.
void AddRoutes(std::vector<Step>& to, const Step& inside, const std::vector<std::string>& given) {
  for (const std::string& gateway : GatewaysOf(inside)) {
    if (std::ranges::find(given, gateway) != given.end()) continue;
    Step route;
    route.op = Op::kDefaultRoute;
    route.where = Where::kHostChild;
    route.text = {inside.text.at(0), gateway};
    route.why = inside.why;
    to.push_back(std::move(route));
  }
}

// What `to` has in place of something of `from`'s: default routes, names.
void AddAltered(std::vector<Step>& steps, const Step& from, const Step& to) {
  if (to.op == Op::kConfigureInside) AddRoutes(steps, to, GatewaysOf(from));
  if (to.op != Op::kServeNames || from.blob == to.blob) return;
  steps.push_back(to);
  steps.back().op = Op::kWriteNames;
}

std::vector<Step> Additions(const Plan& from, const Plan& to) {
  std::vector<Step> add;
  std::vector<Step> routes;
  for (const Step* step : NetworkOf(to)) {
    const Step* there = Counterpart(from, *step);
    if (step->op == Op::kPublishPorts) {
      Step more = WithoutPortsOf(*step, from);
      if (!more.text.empty()) add.push_back(std::move(more));
    } else if (there != nullptr) {
      AddAltered(step->op == Op::kConfigureInside ? routes : add, *there, *step);
    } else if (step->op == Op::kConfigureInside) {
      // There may be a default route, which is to be replaced.
      AddRoutes(routes, *step, {});
      add.push_back(*step);
      add.back().text.at(kGateways).clear();
    } else {
      add.push_back(*step);
    }
  }
  // Once every link is there, and before ports are published on who gives them.
  const auto ports = std::ranges::find(add, Op::kPublishPorts, &Step::op);
  add.insert(ports, routes.begin(), routes.end());
  return add;
}

// What `to` lacks.
std::vector<Step> Surplus(const Plan& from, const Plan& to) {
  std::vector<Step> surplus;
  for (const Step* step : NetworkOf(from)) {
    if (step->op == Op::kPublishPorts) {
      Step less = WithoutPortsOf(*step, to);
      if (!less.text.empty()) surplus.push_back(std::move(less));
    } else if (Counterpart(to, *step) == nullptr) {
      surplus.push_back(*step);
    }
  }
  return surplus;
}

// What is altered rather than made has no undo: it is put back as it was.
std::vector<Step> PutBack(const Plan& present, const Plan& next) {
  std::vector<Step> back;
  for (const Step& step : Additions(next, present)) {
    const bool altered =
        step.op == Op::kDefaultRoute || step.op == Op::kWriteNames || step.op == Op::kPublishPorts;
    if (altered) back.push_back(step);
  }
  return back;
}

}  // namespace

void ReplaceNetwork(Plan& plan, const Network& network) {
  static const HostFacts kNoFacts;
  Builder b(kNoFacts);
  AddNetworkSteps(b, network);
  const auto loopback = std::ranges::find(plan.steps, ChildOp(child::Op::kLoopbackUp), &Step::op);
  if (network.endpoints.empty() && loopback == plan.steps.end()) b.Child(child::Op::kLoopbackUp, kNetworkField);
  const auto first = std::ranges::find_if(plan.steps, IsNetwork);
  const auto place = (first != plan.steps.end() ? first : loopback) - plan.steps.begin();
  std::erase_if(plan.steps, IsNetwork);
  plan.steps.insert(plan.steps.begin() + place, b.plan().steps.begin(), b.plan().steps.end());
}

NetworkChange ChangeOf(const Plan& present, const Plan& next) {
  NetworkChange change;
  change.add = Additions(present, next);
  const std::vector<Step> surplus = Surplus(present, next);
  Plan removed;
  removed.steps = surplus;
  change.remove = UndoOf(removed);
  change.put_back = PutBack(present, next);
  change.noted = next;
  change.noted.revision = present.revision;
  change.noted.steps.insert(change.noted.steps.end(), surplus.begin(), surplus.end());
  return change;
}

std::string HostPort(const std::string& line) { return line.substr(0, line.find(' ')) + line.substr(line.rfind(' ')); }

std::vector<std::string> HostPorts(const Plan& plan) {
  std::vector<std::string> ports;
  for (const Step& step : plan.steps) {
    if (step.op != Op::kPublishPorts) continue;
    for (const std::string& port : step.text) ports.push_back(HostPort(port));
  }
  return ports;
}

}  // namespace estiba::plan
