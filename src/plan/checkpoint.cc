#include "plan/checkpoint.h"

#include <algorithm>
#include <set>

#include "builder.h"

namespace estiba::plan {
namespace {

// The step that fills what `step` attaches, or null.
const Step* Attached(const Plan& plan, const Step& step) {
  if (step.in.size() < 2 || step.in[1] == kNoSlot) return nullptr;
  const auto found = std::ranges::find(plan.steps, step.in[1], &Step::out);
  return found == plan.steps.end() ? nullptr : &*found;
}

bool IsIdMapped(const Step& open) {
  return open.op == Op::kOpenTree && open.numbers.size() > 7 && open.numbers[7] != 0;
}

bool LeavesMountPoints(Op op) {
  constexpr Op kKept[] = {Op::kOpenRoot, Op::kMountImage, Op::kMountOverlay, Op::kOpenTree,
                          Op::kOpenNamespace, Op::kMakeIdMapFd, Op::kOpenFile, Op::kWriteIdMaps, Op::kMaybeDirectory,
                          ChildOp(child::Op::kWaitHost), ChildOp(child::Op::kUnshare),
                          ChildOp(child::Op::kSetNamespace), ChildOp(child::Op::kBecomeRoot),
                          ChildOp(child::Op::kPropagation), ChildOp(child::Op::kAttachRoot),
                          ChildOp(child::Op::kMount), ChildOp(child::Op::kAttach), ChildOp(child::Op::kMakeDirectory),
                          ChildOp(child::Op::kMakeFile), ChildOp(child::Op::kWaitStart)};
  return std::ranges::find(kKept, op) != std::end(kKept);
}

// A mount whose content (tmpcopyup) is not there is empty; one that is itself not there cannot be attached.
bool NeedsAll(Op op) { return op != ChildOp(child::Op::kMount); }

}  // namespace

Result<std::vector<ExternalMount>> ExternalMounts(const Plan& plan) {
  std::vector<ExternalMount> mounts;
  for (const Step& step : plan.steps) {
    if (step.op == ChildOp(child::Op::kChangeRoot))
      return Error(Code::kNotImplemented, "linux.namespaces: a container needs a mount namespace of its own for this");
    if (step.op == ChildOp(child::Op::kBindDevice)) {
      mounts.push_back({.name = step.text.at(1), .destination = step.text.at(1), .source = step.text.at(0)});
    } else if (step.op == ChildOp(child::Op::kMask)) {
      mounts.push_back(
          {.name = "/dev/null", .destination = step.text.at(0), .source = "/dev/null", .is_mask = true});
    } else if (step.op == ChildOp(child::Op::kAttach)) {
      const Step* open = Attached(plan, step);
      if (open == nullptr || (open->op != Op::kOpenTree && open->op != Op::kOpenCgroupMount)) continue;
      if (IsIdMapped(*open))
        return Error(Code::kNotImplemented, step.why + ": CRIU cannot bring back an id-mapped mount ('" +
                                                step.text.at(0) + "')");
      mounts.push_back({.name = step.text.at(0),
                        .destination = step.text.at(0),
                        .source = open->text.at(0),
                        .is_cgroup = open->op == Op::kOpenCgroupMount});
    }
  }
  return mounts;
}

Plan MountPointsOf(const Plan& plan) {
  Plan part = plan;
  part.cgroup_path.clear();
  part.state_json_head.clear();
  part.state_json_tail.clear();
  part.terminal = false;
  std::set<int> filled = {kNoSlot};
  std::erase_if(part.steps, [&](const Step& step) {
    const auto missing = [&](int slot) { return !filled.contains(slot); };
    if (!LeavesMountPoints(step.op) || (NeedsAll(step.op) && std::ranges::any_of(step.in, missing))) return true;
    filled.insert(step.out);
    return false;
  });
  return part;
}

}  // namespace estiba::plan
