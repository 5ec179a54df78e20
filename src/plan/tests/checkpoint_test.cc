#include "plan/checkpoint.h"

#include <gmock/gmock.h>

#include "builder.h"
#include "input.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

ContainerInput Input() {
  ContainerInput input = DockerInput();
  input.spec.mounts.push_back(MakeMount("/etc/hosts", "bind", "/srv/hosts", {"rbind"}));
  input.spec.mounts.push_back(MakeMount("/sys/fs/cgroup", "cgroup", "cgroup", {"ro"}));
  input.spec.linux_config.masked_paths = {"/proc/keys"};
  return input;
}

std::vector<std::string> Names(const std::vector<ExternalMount>& mounts) {
  std::vector<std::string> names;
  for (const ExternalMount& mount : mounts) names.push_back(mount.destination + " " + mount.source);
  return names;
}

TEST(ExternalMounts, AreBindsMasksAndCgroups) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(Input(), HybridHost()));
  ASSERT_OK_AND_ASSIGN(const auto mounts, ExternalMounts(plan));
  const auto names = Names(mounts);
  EXPECT_THAT(names, Contains("/etc/hosts /srv/hosts"));
  EXPECT_THAT(names, Contains("/proc/keys /dev/null"));
  EXPECT_THAT(names, Contains("/sys/fs/cgroup/memory memory"));
  for (const ExternalMount& mount : mounts) {
    EXPECT_EQ(mount.is_mask, mount.destination == "/proc/keys");
    EXPECT_EQ(mount.is_cgroup, mount.destination.starts_with("/sys/fs/cgroup"));
  }
}

TEST(ExternalMounts, DevicesAreBoundInAUserNamespace) {
  ContainerInput input = Input();
  input.spec.linux_config.namespaces.push_back({.type = oci::NamespaceType::kUser});
  input.spec.linux_config.uid_mappings = input.spec.linux_config.gid_mappings = {{0, 100000, 65536}};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  ASSERT_OK_AND_ASSIGN(const auto mounts, ExternalMounts(plan));
  EXPECT_THAT(Names(mounts), Contains("/dev/zero /dev/zero"));
}

TEST(ExternalMounts, AnIdMappedOneIsRefusedByName) {
  ContainerInput input = Input();
  input.spec.mounts.back() = MakeMount("/data", "bind", "/srv/data", {"rbind", "idmap"});
  input.spec.mounts.back().uid_mappings = input.spec.mounts.back().gid_mappings = {{0, 100000, 65536}};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  const auto mounts = ExternalMounts(plan);
  ASSERT_FALSE(mounts.ok());
  EXPECT_THAT(mounts.error().Message(), HasSubstr("id-mapped mount ('/data')"));
}

bool Has(const Plan& plan, Op op) {
  return std::ranges::any_of(plan.steps, [&](const Step& step) { return step.op == op; });
}

TEST(MountPointsOf, KeepsMountsAndNothingThatIsSeenOutside) {
  ContainerInput input = Input();
  input.spec.hooks.create_runtime = {{.path = "/bin/true"}};
  input.spec.hooks.poststop = {{.path = "/bin/true"}};
  input.spec.linux_config.net_devices = {{.host_name = "eth7"}};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  const Plan part = MountPointsOf(plan);
  for (const Op op : {Op::kOpenRoot, Op::kOpenTree, ChildOp(child::Op::kMount), ChildOp(child::Op::kAttach),
                      ChildOp(child::Op::kAttachRoot), ChildOp(child::Op::kWaitStart)}) {
    EXPECT_EQ(Has(part, op), Has(plan, op)) << OpName(op);
  }
  for (const Op op : {Op::kRunHook, Op::kMoveLink, Op::kCreateCgroup, Op::kOpenUnified, Op::kOpenTasks,
                      Op::kOpenCgroupMount, ChildOp(child::Op::kSeccomp), ChildOp(child::Op::kHook)})
    EXPECT_FALSE(Has(part, op)) << OpName(op);
}

TEST(MountPointsOf, NoStepUsesWhatNoneFills) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(Input(), HybridHost()));
  std::vector<int> filled = {kNoSlot};
  for (const Step& step : MountPointsOf(plan).steps) {
    for (const int slot : step.in) EXPECT_THAT(filled, Contains(slot)) << Describe(step);
    filled.push_back(step.out);
  }
}

}  // namespace
}  // namespace estiba::plan
