// Containers in scopes of systemd: who makes the cgroups, and who takes them away.

#include <gtest/gtest.h>

#include <algorithm>

#include "input.h"
#include "plan/undo.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

ContainerInput Scoped(bool user) {
  ContainerInput input = DockerInput();
  input.scope = cgroup::Scope{.user = user, .version = 252, .slice = "a.slice", .unit = "estiba-web.scope",
                              .path = "/a.slice/estiba-web.scope"};
  input.cgroup_path = input.scope->path;
  input.spec.linux_config.resources.memory.limit = 64 << 20;
  return input;
}

const Step* Find(const Plan& plan, Op op) {
  const auto found = std::ranges::find(plan.steps, op, &Step::op);
  return found == plan.steps.end() ? nullptr : &*found;
}

bool Says(const Step& step, std::string_view property) {
  return std::ranges::any_of(step.text, [&](const std::string& text) { return text.starts_with(property); });
}

std::vector<std::string_view> Undone(const Plan& plan) {
  std::vector<std::string_view> names;
  for (const Step& step : UndoOf(plan)) {
    if (step.op == Op::kKillCgroup || step.op == Op::kStopScope || step.op == Op::kDeleteCgroup)
      names.push_back(OpName(step.op));
  }
  return names;
}

TEST(ScopePlan, OnCgroup2IsSystemdsAlone) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(Scoped(false), UnifiedHost()));
  const Step* start = Find(plan, Op::kStartScope);
  ASSERT_NE(start, nullptr);
  EXPECT_TRUE(Says(*start, "MemoryMax="));
  EXPECT_FALSE(Says(*start, "DeviceAllow="));
  EXPECT_EQ(Find(plan, Op::kCreateCgroup), nullptr);
  EXPECT_EQ(Find(plan, Op::kOpenUnified), nullptr);  // systemd moves the process
  EXPECT_EQ(Undone(plan), (std::vector<std::string_view>{"kill-cgroup", "stop-scope", "delete-cgroup"}));
}

TEST(ScopePlan, OnCgroup1IsMadeInEveryHierarchyFirst) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(Scoped(false), HybridHost()));
  const Step* create = Find(plan, Op::kCreateCgroup);
  const Step* start = Find(plan, Op::kStartScope);
  const Step* write = Find(plan, Op::kWriteCgroup);
  ASSERT_TRUE(create != nullptr && start != nullptr && write != nullptr);
  EXPECT_EQ(create->text[0], "/a.slice/estiba-web.scope");
  EXPECT_EQ(create->where, Where::kHost);
  EXPECT_TRUE(Says(*start, "MemoryLimit="));
  EXPECT_FALSE(Says(*start, "MemoryMax="));
  EXPECT_EQ(write->where, Where::kHostChild);  // over what systemd writes
  EXPECT_LT(start, write);
  EXPECT_NE(Find(plan, Op::kOpenTasks), nullptr);
  EXPECT_EQ(Undone(plan), (std::vector<std::string_view>{"kill-cgroup", "stop-scope", "delete-cgroup"}));
  const auto undo = UndoOf(plan);
  const auto removed = std::ranges::find(undo, Op::kDeleteCgroup, &Step::op);
  EXPECT_EQ(removed->text, create->text);
}

// Device rules that are files are systemd's too.
TEST(ScopePlan, TellsSystemdOfDevicesThatNoProgramGuards) {
  HostFacts facts = HybridHost();
  ASSERT_OK_AND_ASSIGN(const Plan guarded, BuildContainer(Scoped(false), facts));
  EXPECT_FALSE(Says(*Find(guarded, Op::kStartScope), "DeviceAllow="));
  facts.cgroups.device_programs = false;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(Scoped(false), facts));
  EXPECT_TRUE(Says(*Find(plan, Op::kStartScope), "DevicePolicy='strict'"));
}

TEST(ScopePlan, OfAUserNeedsCgroup2) {
  EXPECT_TRUE(BuildContainer(Scoped(true), UnifiedHost()).ok());
  const auto refused = BuildContainer(Scoped(true), HybridHost());
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().Message().find("cgroup v2"), std::string::npos);
}

}  // namespace
}  // namespace estiba::plan
