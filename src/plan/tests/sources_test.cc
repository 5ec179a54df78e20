// Where a root and its mounts come from: the steps that open it.

#include <algorithm>

#include <gmock/gmock.h>

#include "input.h"
#include "plan/explain.h"
#include "plan/wire.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Step* Find(const Plan& plan, Op op, const std::string& why) {
  const auto found =
      std::ranges::find_if(plan.steps, [&](const Step& step) { return step.op == op && step.why == why; });
  return found == plan.steps.end() ? nullptr : &*found;
}

ContainerInput Mapped() {
  ContainerInput input = DockerInput();
  input.storage.layers_root = "/var/lib/estiba/snapshots/layers";
  input.storage.upper_root = "/var/lib/estiba/snapshots/containers/0123";
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.spec.linux_config.uid_mappings = {{0, 100000, 65536}};
  input.spec.linux_config.gid_mappings = {{5, 7, 1}, {0, 200000, 4}};
  return input;
}

TEST(Sources, LayersAreMappedOnceByTheDirectoryTheyAreIn) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(Mapped(), HybridHost()));
  const Step* overlay = Find(plan, Op::kMountOverlay, "root");
  ASSERT_NE(overlay, nullptr);
  EXPECT_THAT(overlay->text, ElementsAre("fs", "work", "b", "a"));
  // Made with the ids of the container's root.
  EXPECT_THAT(overlay->numbers, ElementsAre(0, 1, 1, 100000, 200000));
  const auto trees = std::ranges::count_if(plan.steps, [](const Step& step) {
    return step.op == Op::kOpenTree && step.why == "linux.uidMappings" && step.numbers.at(7) == 1;
  });
  EXPECT_EQ(trees, 2);  // the layers', the container's own
  EXPECT_EQ(std::ranges::count(plan.steps, Op::kMakeIdMapFd, &Step::op), 1);
}

TEST(Sources, LayersElsewhereAndOthersNamespacesCannotBeMapped) {
  ContainerInput input = Mapped();
  input.storage.lowers[0] = "/elsewhere/b";
  const auto outside = BuildContainer(input, HybridHost());
  ASSERT_FALSE(outside.ok());
  EXPECT_THAT(outside.error().Message(), HasSubstr("'/elsewhere/b' is not in"));
  input = Mapped();
  input.spec.linux_config.uid_mappings.clear();
  EXPECT_FALSE(BuildContainer(input, HybridHost()).ok());
  HostFacts old = HybridHost();
  old.kernel.mount_setattr = false;
  EXPECT_FALSE(BuildContainer(Mapped(), old).ok());
}

TEST(Sources, AQuotaTellsWhoMakesTheOverlay) {
  ContainerInput input = DockerInput();
  input.storage.limited = true;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  EXPECT_THAT(Find(plan, Op::kMountOverlay, "root")->numbers, ElementsAre(0, 1, 0, 0, 0, 1));
}

TEST(Sources, WhatIsMountedForAMountComesBeforeWhatIsTakenOfIt) {
  ContainerInput input = DockerInput();
  input.sources.push_back({.destination = "/data",
                           .subpath = "sub",
                           .type = "cifs",
                           .device = "//10.0.0.1/share",
                           .options = {"ro", "nosuid", "username=ada", "password=secret"}});
  input.copy_up.push_back({"/data", "/srv/data"});
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  const Step* made = Find(plan, Op::kMountFilesystem, "mounts[5]");
  const Step* open = Find(plan, Op::kOpenTree, "mounts[5]");
  const Step* copy = Find(plan, Op::kCopyUp, "mounts");
  ASSERT_TRUE(made != nullptr && open != nullptr && copy != nullptr);
  EXPECT_LT(made, open);
  EXPECT_EQ(open->in.at(1), made->out);
  EXPECT_THAT(open->text, ElementsAre("/srv/data", "sub"));
  EXPECT_EQ(copy->in.at(1), open->out);
  const std::string text = ExplainText(plan);
  EXPECT_THAT(text, HasSubstr("mount 'cifs' from '//10.0.0.1/share'"));
  EXPECT_THAT(text, HasSubstr("open 'sub' in bind source"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(ExplainShell(plan), ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(Encode(Decode(Encode(plan)).value()), Encode(plan));
}

TEST(Sources, AnImagesLayersAreMountedReadOnlyUnderItsName) {
  ContainerInput input = DockerInput();
  input.spec.mounts.back().source = "debian:12";
  input.sources.push_back({.destination = "/data", .layers = {"/l/b", "/l/a"}});
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  const Step* overlay = Find(plan, Op::kMountOverlay, "mounts[5]");
  ASSERT_NE(overlay, nullptr);
  EXPECT_THAT(overlay->text, ElementsAre("", "", "/l/b", "/l/a"));
  EXPECT_THAT(ExplainText(plan), HasSubstr("mount 2 layers read-only"));
  EXPECT_EQ(Find(plan, Op::kOpenTree, "mounts[5]")->text.at(0), "debian:12");
}

}  // namespace
}  // namespace estiba::plan
