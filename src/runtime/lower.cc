#include "lower.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string_view>

namespace estiba::runtime {
namespace {

char* Borrow(const std::string& text) { return const_cast<char*>(text.c_str()); }

child::Op OpOf(const plan::Step& step) {
  return static_cast<child::Op>(static_cast<unsigned>(step.op) - static_cast<unsigned>(plan::Op::kChildBase));
}

// The environment of a hook, NUL-terminated entries in the step's blob.
char* const* EnvironmentOf(Lowered& lowered, const std::string& blob) {
  std::vector<char*>& list = lowered.lists.emplace_back();
  for (std::size_t at = 0; at < blob.size(); at += std::strlen(blob.data() + at) + 1) {
    list.push_back(const_cast<char*>(blob.data() + at));
  }
  list.push_back(nullptr);
  return list.data();
}

void LowerHook(Lowered& lowered, const Session& session, const plan::Step& step, child::Step& out) {
  std::vector<char*>& list = lowered.lists.emplace_back();
  for (std::size_t i = 1; i < step.text.size(); ++i) list.push_back(Borrow(step.text[i]));
  list.push_back(nullptr);
  out.list = list.data();
  out.env = EnvironmentOf(lowered, step.blob);
  out.in[0] = static_cast<std::int32_t>(session.plan.slots);  // the slot behind the plan's: the state document
}

std::string GroupsOf(const os::ResolvedUser& user, const std::string& plans) {
  std::vector<std::uint32_t> groups = user.groups;
  for (std::size_t at = 0; at + sizeof(std::uint32_t) <= plans.size(); at += sizeof(std::uint32_t)) {
    std::uint32_t group = 0;
    std::memcpy(&group, plans.data() + at, sizeof group);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  std::string blob(groups.size() * sizeof(std::uint32_t), '\0');
  if (!groups.empty()) std::memcpy(blob.data(), groups.data(), blob.size());
  return blob;
}

// A user given as text was not known when the plan was built.
void ApplyUser(Lowered& lowered, const os::ResolvedUser& user, child::Step& step) {
  switch (step.op) {
    case child::Op::kChownStdio:
      step.n[0] = user.uid;
      break;
    case child::Op::kIdentity:
      step.n[0] = user.uid;
      step.n[1] = user.gid;
      break;
    case child::Op::kGroups: {
      if (step.n[0] != 0) break;  // nobody can set any here
      const std::string& blob = lowered.texts.emplace_back(GroupsOf(user, std::string(step.blob, step.blob_size)));
      step.blob = blob.data();
      step.blob_size = blob.size();
      break;
    }
    case child::Op::kCapabilities:
      // As execve does for a user other than root: nothing is permitted but what is ambient.
      if (user.uid != 0) step.n[0] = step.n[1] = step.n[3];
      break;
    default:
      break;
  }
}

child::Step LowerStep(Lowered& lowered, const Session& session, const plan::Step& step) {
  child::Step out{};
  out.op = OpOf(step);
  for (int i = 0; i < child::kMaxIn; ++i) {
    out.in[i] = static_cast<std::size_t>(i) < step.in.size() ? step.in[static_cast<std::size_t>(i)] : -1;
  }
  out.out = step.out;
  for (std::size_t i = 0; i < step.numbers.size() && i < child::kMaxNumbers; ++i) out.n[i] = step.numbers[i];
  for (std::size_t i = 0; i < step.text.size() && i < child::kMaxStrings; ++i) out.s[i] = step.text[i].c_str();
  out.blob = step.blob.data();
  out.blob_size = step.blob.size();
  if (out.op == child::Op::kHook) LowerHook(lowered, session, step, out);
  if (session.user.has_value() && session.user->by_name) ApplyUser(lowered, *session.user, out);
  return out;
}

// Of several values of a variable the last is the program's, once: which of them a program would see is its library's
// choice. An empty HOME is none.
void LowerEnvironment(Lowered& lowered, const Session& session) {
  std::set<std::string_view> seen;
  bool home = false;
  lowered.program.path = "";
  const std::vector<std::string>& env = session.plan.env;
  for (auto entry = env.rbegin(); entry != env.rend(); ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, entry->find('='));
    if (!seen.insert(name).second || *entry == "HOME=") continue;
    if (name == "HOME") home = true;
    if (entry->starts_with("PATH=")) lowered.program.path = entry->c_str() + 5;
    lowered.envp.push_back(Borrow(*entry));
  }
  std::ranges::reverse(lowered.envp);
  if (!home && session.user.has_value()) {
    lowered.envp.push_back(Borrow(lowered.texts.emplace_back("HOME=" + session.user->home)));
  }
  lowered.envp.push_back(nullptr);
}

}  // namespace

std::vector<std::uint32_t> ChildStepsOf(const plan::Plan& plan) {
  std::vector<std::uint32_t> steps;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const plan::Where where = plan.steps[i].where;
    if (where == plan::Where::kChild || where == plan::Where::kRoot) steps.push_back(static_cast<std::uint32_t>(i));
  }
  return steps;
}

Lowered Lower(const Session& session) {
  Lowered lowered;
  lowered.steps.reserve(session.plan.steps.size());
  lowered.plan_index = ChildStepsOf(session.plan);
  for (const std::uint32_t index : lowered.plan_index)
    lowered.steps.push_back(LowerStep(lowered, session, session.plan.steps[index]));
  for (const os::UniqueFd& slot : session.slots) lowered.slots.push_back(slot.get());
  lowered.slots.push_back(session.document.get());
  for (const std::string& arg : session.plan.args) lowered.argv.push_back(Borrow(arg));
  lowered.argv.push_back(nullptr);
  LowerEnvironment(lowered, session);
  child::Program& program = lowered.program;
  program.steps = lowered.steps.data();
  program.count = static_cast<std::uint32_t>(lowered.steps.size());
  program.slots = lowered.slots.data();
  program.slot_count = static_cast<std::uint32_t>(lowered.slots.size());
  program.argv = lowered.argv.data();
  program.envp = lowered.envp.data();
  program.times = session.trace == nullptr ? nullptr : session.trace->times();
  program.gate_fd = -1;
  program.gate_report_fd = -1;
  return lowered;
}

}  // namespace estiba::runtime
