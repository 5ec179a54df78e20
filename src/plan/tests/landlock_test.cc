// What a kernel's Landlock makes of the annotation.

#include <gmock/gmock.h>

#include "input.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Plan> PlanWith(int abi, oci::Landlock landlock) {
  ContainerInput input = DockerInput();
  input.spec.landlock = std::move(landlock);
  HostFacts facts = HybridHost();
  facts.kernel.landlock_abi = abi;
  return BuildContainer(input, facts);
}

std::vector<std::string> Steps(const Plan& plan) {
  std::vector<std::string> steps;
  for (const Step& step : plan.steps) {
    if (OpName(step.op).starts_with("landlock") || OpName(step.op) == "drop-bounding") steps.push_back(Describe(step));
  }
  return steps;
}

TEST(Landlock, TheProcessRestrictsItselfWhileItMay) {
  ASSERT_OK_AND_ASSIGN(const Plan plan,
                       PlanWith(1, {.handled_access_fs = {"read_file", "write_file"},
                                    .path_beneath = {{.allowed_access = {"read_file"}, .paths = {"/", "/tmp"}}}}));
  EXPECT_THAT(Steps(plan), ElementsAre("begin a Landlock ruleset that handles: write_file read_file",
                                       "allow beneath '/': read_file", "allow beneath '/tmp': read_file",
                                       "enforce the Landlock ruleset", "drop the bounding set to: CHOWN KILL"));
}

TEST(Landlock, AKernelWithoutItRefuses) {
  const auto plan = PlanWith(0, {.handled_access_fs = {"read_file"}});
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(plan.error().ToString(), HasSubstr("annotations[dev.estiba.landlock]: this kernel has no Landlock"));
}

TEST(Landlock, WhatAnOlderKernelDoesNotKnowStaysAllowedWithAWarningOrIsRefused) {
  oci::Landlock landlock{.handled_access_fs = {"read_file", "truncate"}};
  ASSERT_OK_AND_ASSIGN(const Plan plan, PlanWith(2, landlock));
  ASSERT_FALSE(plan.warnings.empty());
  EXPECT_THAT(plan.warnings.back(), HasSubstr("'truncate', which stays allowed"));
  landlock.disable_best_effort = true;
  const auto refused = PlanWith(2, landlock);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().Message(), HasSubstr("does not know 'truncate'"));
  EXPECT_FALSE(PlanWith(2, {.handled_access_fs = {"truncate"}}).ok());  // nothing would be left
}

}  // namespace
}  // namespace estiba::plan
