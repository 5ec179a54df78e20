#include <gmock/gmock.h>

#include <linux/mount.h>
#include <sched.h>

#include "builder.h"
#include "input.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

MountInput Live(oci::Mount mount) {
  MountInput input;
  input.id = "web";
  input.bundle = "/bundle";
  input.spec = DockerInput().spec;
  input.mount = std::move(mount);
  return input;
}

void Without(MountInput& input, oci::NamespaceType type) {
  std::erase_if(input.spec.linux_config.namespaces, [&](const oci::Namespace& ns) { return ns.type == type; });
}

std::vector<std::string> Names(const Plan& plan) {
  std::vector<std::string> names;
  for (const Step& step : plan.steps) names.emplace_back(OpName(step.op));
  return names;
}

std::string Refused(const MountInput& input) {
  const auto plan = BuildMount(input, HybridHost());
  return plan.ok() ? std::string() : plan.error().Message();
}

TEST(BuildMount, ABindIsOpenedOutsideAndAttachedInside) {
  const MountInput input = Live(MakeMount("/mnt/new", "bind", "data", {"rbind", "ro"}));
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildMount(input, HybridHost()));
  EXPECT_EQ(plan.kind, Kind::kExec);
  EXPECT_THAT(Names(plan),
              ElementsAre("open-tree", "set-namespace", "open-file", "attach", "send-mount", "wait-start"));
  EXPECT_EQ(plan.steps[0].text[0], "/bundle/data");  // relative to the bundle
  EXPECT_THAT(plan.steps[1].in, ElementsAre(0));     // the pidfd of the container's first process
  EXPECT_THAT(plan.steps[1].numbers, ElementsAre(CLONE_NEWNS));
  EXPECT_THAT(plan.steps[4].in, ElementsAre(plan.steps[0].out));  // what was attached is what the caller hears of
}

TEST(BuildMount, AFilesystemIsMadeInsideAndSentBack) {
  const MountInput input = Live(MakeMount("/scratch", "tmpfs", "tmpfs", {"size=64k"}));
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildMount(input, HybridHost()));
  EXPECT_THAT(Names(plan), ElementsAre("set-namespace", "open-file", "mount", "send-mount", "wait-start"));
  EXPECT_NE(plan.steps[2].out, kNoSlot);
  EXPECT_THAT(plan.steps[3].in, ElementsAre(plan.steps[2].out));
}

TEST(BuildMount, AReadOnlyTmpfsThatKeepsItsModeIsSentBackToo) {
  const MountInput input = Live(MakeMount("/scratch", "tmpfs", "tmpfs", {"ro"}));
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildMount(input, HybridHost()));
  EXPECT_THAT(Names(plan),
              ElementsAre("set-namespace", "open-file", "mount", "set-attributes", "send-mount", "wait-start"));
  EXPECT_THAT(plan.steps[4].in, ElementsAre(plan.steps[2].out));
}

TEST(BuildMount, InAUserNamespaceItIsThatNamespacesRootThatMounts) {
  MountInput input = Live(MakeMount("/scratch", "tmpfs", "tmpfs", {}));
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildMount(input, HybridHost()));
  EXPECT_THAT(plan.steps[0].numbers, ElementsAre(CLONE_NEWNS | CLONE_NEWUSER));
  EXPECT_EQ(OpName(plan.steps[1].op), "become-root");
}

TEST(BuildMount, WhatShowsANamespaceCannotBeMountedLater) {
  for (const char* type : {"proc", "sysfs", "mqueue", "cgroup", "cgroup2", "devpts"}) {
    EXPECT_THAT(Refused(Live(MakeMount("/there", type, type, {}))),
                HasSubstr("only be mounted when the container starts"))
        << type;
  }
}

TEST(BuildMount, WhatCannotBeMountedIsRefusedWithItsField) {
  EXPECT_THAT(Refused(Live(MakeMount("", "tmpfs", "tmpfs", {}))), HasSubstr("mounts[0]: has no destination"));
  EXPECT_THAT(Refused(Live(MakeMount("/there", "", "x", {}))), HasSubstr("mounts[0]: has neither a type"));
  EXPECT_THAT(Refused(Live(MakeMount("/there", "bind", "/x", {"size=1"}))), HasSubstr("takes no option 'size'"));
  EXPECT_THAT(Refused(Live(MakeMount("/proc/sys", "bind", "/x", {"bind"}))), HasSubstr("inside /proc"));
}

TEST(BuildMount, AContainerInTheHostsMountNamespaceGetsNone) {
  MountInput input = Live(MakeMount("/there", "tmpfs", "tmpfs", {}));
  Without(input, oci::NamespaceType::kMount);
  EXPECT_THAT(Refused(input), HasSubstr("they would be the host's"));
  EXPECT_FALSE(BuildUnmount(input, {.path = "/there", .mount_id = 7, .unique = true}, HybridHost()).ok());
}

TEST(BuildUnmount, NamesTheMountThatMustBeThere) {
  const MountInput input = Live({});
  ASSERT_OK_AND_ASSIGN(const Plan plan,
                       BuildUnmount(input, {.path = "/there", .mount_id = 77, .unique = true}, HybridHost()));
  EXPECT_THAT(Names(plan), ElementsAre("set-namespace", "open-file", "unmount", "wait-start"));
  EXPECT_EQ(plan.steps[2].text[0], "/there");
  EXPECT_THAT(plan.steps[2].numbers, ElementsAre(77, 1));
}

// ---- containers in the host's mount namespace ----

ContainerInput OnTheHost() {
  ContainerInput input = DockerInput();
  std::erase_if(input.spec.linux_config.namespaces,
                [](const oci::Namespace& ns) { return ns.type == oci::NamespaceType::kMount; });
  input.spec.linux_config.masked_paths.clear();
  input.spec.linux_config.readonly_paths.clear();
  input.storage = {};
  input.storage.rootfs = "/bundle/rootfs";
  return input;
}

TEST(HostMounts, TheHostsTreeIsNeitherMadeSlaveNorPivoted) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(OnTheHost(), HybridHost()));
  const auto names = Names(plan);
  EXPECT_THAT(names, ::testing::Not(::testing::Contains("propagation")));
  EXPECT_THAT(names, ::testing::Not(::testing::Contains("pivot")));
  EXPECT_THAT(names, ::testing::Contains("change-root"));
  const auto attach = std::ranges::find(names, "attach-root") - names.begin();
  EXPECT_EQ(plan.steps.at(static_cast<std::size_t>(attach)).text[0], "/bundle/rootfs");
}

TEST(HostMounts, WhatNeedsANamespaceOfItsOwnIsRefused) {
  const auto message = [](const ContainerInput& input) {
    const auto plan = BuildContainer(input, HybridHost());
    return plan.ok() ? std::string() : plan.error().Message();
  };
  ContainerInput masked = OnTheHost();
  masked.spec.linux_config.masked_paths = {"/proc/kcore"};
  EXPECT_THAT(message(masked), HasSubstr("unable to restrict sys entries without a private MNT namespace"));
  ContainerInput mapped = OnTheHost();
  mapped.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  mapped.spec.linux_config.uid_mappings = {{0, 100000, 65536}};
  mapped.spec.linux_config.gid_mappings = {{0, 100000, 65536}};
  EXPECT_THAT(message(mapped), HasSubstr("may not mount in the host's mount namespace"));
  ContainerInput layered = OnTheHost();
  layered.storage = DockerInput().storage;
  EXPECT_THAT(message(layered), HasSubstr("an overlay needs a mount namespace"));
}

TEST(HostMounts, ExecChangesToTheRootOfTheFirstProcess) {
  ExecInput input;
  input.id = "web";
  input.spec = OnTheHost().spec;
  input.process = *input.spec.process;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildExec(input, HybridHost()));
  const auto names = Names(plan);
  EXPECT_THAT(names, ::testing::Contains("open-init-root"));
  const auto change = std::ranges::find(names, "change-root");
  ASSERT_NE(change, names.end());
  EXPECT_LT(change, std::ranges::find(names, "open-file"));  // "/" is opened behind it
}

// ---- binds ----

// set and clear of the one bind's step.
std::pair<std::uint64_t, std::uint64_t> Attributes(ContainerInput input, std::vector<std::string> options) {
  input.spec.mounts = {MakeMount("/data", "bind", "/srv/data", std::move(options))};
  HostFacts facts = HybridHost();
  facts.kernel.nosymfollow = true;
  const auto plan = BuildContainer(input, facts);
  if (!plan.ok()) return {};
  for (const Step& step : plan->steps) {
    if (step.op == Op::kOpenTree) return {step.numbers.at(1), step.numbers.at(2)};
  }
  return {};
}

TEST(BindOptions, OfOneThatNamesAnyTheOthersOfTheSourceGo) {
  constexpr std::uint64_t kFour = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  EXPECT_EQ(Attributes(DockerInput(), {"rbind", "rprivate"}), std::pair(0UL, 0UL));
  const auto [set, clear] = Attributes(DockerInput(), {"rbind", "nosuid"});
  EXPECT_EQ(set, MOUNT_ATTR_NOSUID);
  EXPECT_EQ(clear, (kFour & ~std::uint64_t{MOUNT_ATTR_NOSUID}) | MOUNT_ATTR_NOSYMFOLLOW);
}

TEST(BindOptions, InAUserNamespaceWhatTheKernelLocksStays) {
  ContainerInput input = DockerInput();
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.spec.linux_config.uid_mappings = {{0, 100000, 65536}};
  input.spec.linux_config.gid_mappings = {{0, 100000, 65536}};
  const auto [set, clear] = Attributes(input, {"rbind", "nosuid"});
  EXPECT_EQ(set, MOUNT_ATTR_NOSUID);
  EXPECT_EQ(clear, MOUNT_ATTR_NOSYMFOLLOW);  // is not locked
}

}  // namespace
}  // namespace estiba::plan
