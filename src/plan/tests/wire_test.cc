#include "child/step.h"
#include "input.h"
#include "os/file.h"
#include "plan/explain.h"
#include "plan/undo.h"
#include "plan/wire.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

Plan Bridged() {
  ContainerInput input = DockerInput();
  input.network.mode = Network::Mode::kBridge;
  input.network.endpoints = {MakeEndpoint()};
  return BuildContainer(input, HybridHost()).value();
}

TEST(Wire, APlanSurvivesTheTrip) {
  const Plan plan = Bridged();
  ASSERT_OK_AND_ASSIGN(const Plan back, Decode(Encode(plan)));
  EXPECT_EQ(ExplainJson(back), ExplainJson(plan));
  EXPECT_EQ(back.clone_flags, plan.clone_flags);
  EXPECT_EQ(back.slots, plan.slots);
  EXPECT_EQ(back.env, plan.env);
  EXPECT_EQ(Encode(back), Encode(plan));
}

TEST(Wire, EveryCutIsRefused) {
  const std::string bytes = Encode(Bridged());
  for (std::size_t size = 0; size < bytes.size(); size += 7) EXPECT_FALSE(Decode(bytes.substr(0, size)).ok()) << size;
}

TEST(Wire, FieldsAppendedByALaterVersionAreSkipped) {
  std::string bytes = Encode(Bridged());
  // The body is the last record: longer by four bytes, as a later version would write it.
  const std::size_t at = 8;
  std::uint32_t size = static_cast<std::uint32_t>(bytes.size() - at - 4) + 4;
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(size >> (8 * i));
  bytes += "more";
  ASSERT_OK(Decode(bytes));
}

TEST(Wire, AnUnknownOperationIsRefused) {
  Plan plan = Bridged();
  plan.steps[0].op = static_cast<Op>(999);
  const auto decoded = Decode(Encode(plan));
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code(), Code::kNotImplemented);
}

TEST(Wire, ASlotOutOfRangeIsRefused) {
  Plan plan = Bridged();
  plan.steps[0].out = static_cast<int>(plan.slots);
  EXPECT_FALSE(Decode(Encode(plan)).ok());
}

TEST(Wire, WhatIsLookedForByItsSlotMustHaveOne) {
  Plan plan = Bridged();
  for (Step& step : plan.steps) {
    if (step.op == Op::kOpenUnified) step.out = kNoSlot;
  }
  EXPECT_FALSE(Decode(Encode(plan)).ok());
}

// The child counts instructions in 16 bits.
TEST(Wire, AFilterLongerThanTheKernelTakesIsRefused) {
  Plan plan = Bridged();
  Step& filter = plan.steps.emplace_back();
  filter.op = static_cast<Op>(static_cast<unsigned>(Op::kChildBase) + static_cast<unsigned>(child::Op::kSeccomp));
  filter.where = Where::kRoot;
  filter.blob.assign(4096 * 8, '\0');
  ASSERT_OK(Decode(Encode(plan)));
  filter.blob.assign(65537 * 8, '\0');
  EXPECT_FALSE(Decode(Encode(plan)).ok());
}

TEST(Wire, AnUnknownKindIsRefused) {
  Plan plan = Bridged();
  plan.kind = static_cast<Kind>(2);
  EXPECT_FALSE(Decode(Encode(plan)).ok());
}

TEST(Wire, AStepWithoutItsOperandsIsRefused) {
  for (std::size_t i = 0; i < Bridged().steps.size(); ++i) {
    Plan plan = Bridged();
    if (plan.steps[i].text.empty() || plan.steps[i].op == Op::kCgroupDevices ||
        plan.steps[i].op == Op::kPublishPorts)
      continue;
    const std::string_view name = OpName(plan.steps[i].op);
    if (name == "exec" || name == "find-program" || name == "rlimit" || name == "join-cgroup" ||
        name == "identity")
      continue;
    plan.steps[i].text.clear();
    EXPECT_FALSE(Decode(Encode(plan)).ok()) << name;
  }
}

// Never rewritten: an engine drives monitors of earlier releases, and the other way round.
TEST(Wire, APlanOfTheFirstReleaseIsRead) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes, os::ReadFile(std::string(ESTIBA_TEST_DATA) + "/golden/plan_v1.bin"));
  ASSERT_OK_AND_ASSIGN(const Plan plan, Decode(bytes));
  EXPECT_EQ(plan.name, "web");
  EXPECT_EQ(UndoOf(plan).size(), 4U);
}

// Likewise: the first plans with both families, whose bridges and ports read otherwise.
TEST(Wire, AFirstPlanOfBothFamiliesIsRead) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       os::ReadFile(std::string(ESTIBA_TEST_DATA) + "/golden/plan_v1_dual_stack.bin"));
  ASSERT_OK_AND_ASSIGN(const Plan plan, Decode(bytes));
  EXPECT_EQ(plan.name, "web");
  EXPECT_EQ(plan.revision, 3U);
  EXPECT_EQ(UndoOf(plan).size(), 5U);
}

TEST(Undo, TakesBackLastFirstAndKillsBeforeAnything) {
  const std::vector<Step> undo = UndoOf(Bridged());
  ASSERT_EQ(undo.size(), 4U);
  EXPECT_EQ(undo[0].op, Op::kKillCgroup);
  EXPECT_EQ(undo[1].op, Op::kUnpublishPorts);
  EXPECT_EQ(undo[2].op, Op::kDeleteVeth);
  EXPECT_EQ(undo[3].op, Op::kDeleteCgroup);
}

}  // namespace
}  // namespace estiba::plan
