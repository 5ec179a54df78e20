#include "plan/undo.h"

#include <algorithm>

namespace estiba::plan {
namespace {

Step Made(Op op, const Step& of, std::vector<std::string> text) {
  Step step;
  step.op = op;
  step.where = Where::kHost;
  step.text = std::move(text);
  step.why = of.why;
  return step;
}

}  // namespace

std::vector<Step> UndoOf(const Plan& plan) {
  // On v1 hosts a scope has directories that systemd knows nothing of: what made them says which.
  const bool created = std::ranges::find(plan.steps, Op::kCreateCgroup, &Step::op) != plan.steps.end();
  std::vector<Step> undo;
  for (const Step& step : plan.steps) {
    switch (step.op) {
      case Op::kCreateCgroup:
        // Last first: what runs inside is killed before anything else is taken from under it.
        undo.push_back(Made(Op::kDeleteCgroup, step, step.text));
        break;
      case Op::kStartScope: {
        if (!created) undo.push_back(Made(Op::kDeleteCgroup, step, {step.text[1]}));
        undo.push_back(Made(Op::kStopScope, step, {step.text[0]}));
        undo.back().numbers = step.numbers;
        break;
      }
      case Op::kAddVeth:
        // A pair goes with the container's network namespace, but not at once: connections that a killed process left
        // half closed keep the namespace for minutes.
        undo.push_back(Made(Op::kDeleteVeth, step, {step.text[1]}));
        break;
      case Op::kAddUpper:
        undo.push_back(Made(Op::kDeleteUpper, step, {step.text[1], step.text[4]}));
        break;
      case Op::kCniAdd:
        undo.push_back(Made(Op::kCniDel, step, step.text));
        undo.back().numbers = step.numbers;
        break;
      case Op::kIntelRdt:
        if (step.numbers[0] != 0) undo.push_back(Made(Op::kDeleteResctrl, step, {step.text[0]}));
        if (!step.text[1].empty()) undo.push_back(Made(Op::kDeleteResctrl, step, {step.text[1]}));
        break;
      case Op::kServeNames:
        undo.push_back(Made(Op::kForgetNames, step, step.text));
        break;
      case Op::kPublishPorts:
        undo.push_back(Made(Op::kUnpublishPorts, step, step.text));
        break;
      default:
        break;
    }
  }
  std::reverse(undo.begin(), undo.end());
  for (const Step& step : plan.steps) {
    if (step.op == Op::kCreateCgroup) undo.insert(undo.begin(), Made(Op::kKillCgroup, step, {step.text[0]}));
    if (step.op == Op::kStartScope && !created) undo.insert(undo.begin(), Made(Op::kKillCgroup, step, {step.text[1]}));
  }
  return undo;
}

Plan WithoutUserNetwork(const Plan& plan) {
  Plan rest = plan;
  std::erase_if(rest.steps, [](const Step& step) { return step.op == Op::kAddVeth || step.op == Op::kPublishPorts; });
  return rest;
}

}  // namespace estiba::plan
