#include <sched.h>

#include "child/step.h"

#include <gmock/gmock.h>
#include "input.h"
#include "plan/explain.h"
#include "plan/undo.h"
#include "plan/wire.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using ::testing::HasSubstr;

constexpr Op ChildOp(child::Op op) { return static_cast<Op>(static_cast<unsigned>(op) + 1000); }

std::size_t IndexOf(const Plan& plan, Op op) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].op == op) return i;
  }
  return plan.steps.size();
}

std::size_t Count(const Plan& plan, Op op) {
  std::size_t count = 0;
  for (const Step& step : plan.steps) count += step.op == op ? 1 : 0;
  return count;
}

std::string Message(const ContainerInput& input, const HostFacts& facts = HybridHost()) {
  const auto plan = BuildContainer(input, facts);
  return plan.ok() ? "" : plan.error().Message();
}

TEST(BuildContainer, PrivilegesGoInTheOneOrderThatWorks) {
  ContainerInput input = DockerInput();
  input.spec.process->no_new_privileges = true;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  const std::size_t bounding = IndexOf(plan, ChildOp(child::Op::kDropBounding));
  const std::size_t groups = IndexOf(plan, ChildOp(child::Op::kGroups));
  const std::size_t identity = IndexOf(plan, ChildOp(child::Op::kIdentity));
  const std::size_t capabilities = IndexOf(plan, ChildOp(child::Op::kCapabilities));
  const std::size_t no_new_privileges = IndexOf(plan, ChildOp(child::Op::kNoNewPrivileges));
  EXPECT_LT(bounding, groups);
  EXPECT_LT(groups, identity);
  EXPECT_LT(identity, capabilities);
  EXPECT_LT(capabilities, no_new_privileges);
  EXPECT_LT(no_new_privileges, plan.steps.size());
}

ContainerInput InputOnImages() {
  ContainerInput input = DockerInput();
  input.storage.lowers = {{"/layers/c.erofs", true}, "/layers/b", {"/layers/a.erofs", true}};
  return input;
}

TEST(BuildContainer, LayersThatAreImagesAreMountedForTheOverlay) {
  HostFacts facts = HybridHost();
  facts.erofs_layers = true;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(InputOnImages(), facts));
  ASSERT_EQ(Count(plan, Op::kMountImage), 2U);
  const Step& overlay = plan.steps[IndexOf(plan, Op::kMountOverlay)];
  EXPECT_THAT(overlay.text, ::testing::ElementsAre(::testing::_, ::testing::_, "", "/layers/b", ""));
  const std::size_t first = IndexOf(plan, Op::kMountImage);
  EXPECT_EQ(plan.steps[first].text[0], "/layers/c.erofs");
  EXPECT_THAT(overlay.in,
              ::testing::ElementsAre(kNoSlot, kNoSlot, plan.steps[first].out, plan.steps[first + 1].out));
  EXPECT_LT(first, IndexOf(plan, Op::kMountOverlay));
}

TEST(BuildContainer, LayersThatAreImagesAreRefusedWhereTheyCannotBeMounted) {
  const auto plan = BuildContainer(InputOnImages(), HybridHost());
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().Message(), HasSubstr("'/layers/c.erofs' is an EROFS image"));
  EXPECT_THAT(plan.error().hint(), HasSubstr("pull it again"));
}

TEST(BuildContainer, CgroupNamespaceIsMadeAfterTheCgroupsAreJoined) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(DockerInput(), HybridHost()));
  EXPECT_EQ(plan.clone_flags & CLONE_NEWCGROUP, 0U);
  EXPECT_EQ(Count(plan, ChildOp(child::Op::kJoinCgroup)), 3U);
  EXPECT_LT(IndexOf(plan, ChildOp(child::Op::kJoinCgroup)), IndexOf(plan, ChildOp(child::Op::kUnshare)));
}

TEST(BuildContainer, MasksComeAfterEveryMountAndBeforeTheRootTurnsReadOnly) {
  ContainerInput input = DockerInput();
  input.spec.root.readonly = true;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, UnifiedHost()));
  EXPECT_LT(IndexOf(plan, ChildOp(child::Op::kAttach)), IndexOf(plan, ChildOp(child::Op::kMask)));
  EXPECT_LT(IndexOf(plan, ChildOp(child::Op::kMask)), IndexOf(plan, ChildOp(child::Op::kSetAttributes)));
  EXPECT_LT(IndexOf(plan, ChildOp(child::Op::kSetAttributes)), IndexOf(plan, ChildOp(child::Op::kPivot)));
}

TEST(BuildContainer, DevicesAreBoundInAUserNamespace) {
  ContainerInput input = DockerInput();
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.spec.linux_config.uid_mappings = {{0, 100000, 65536}};
  input.spec.linux_config.gid_mappings = {{0, 100000, 65536}};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  EXPECT_EQ(Count(plan, ChildOp(child::Op::kDevice)), 0U);
  EXPECT_EQ(Count(plan, ChildOp(child::Op::kBindDevice)), 6U);
}

TEST(BuildContainer, TerminalsHaveNoGroupWhereItIsNotMapped) {
  ContainerInput input = DockerInput();
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.spec.linux_config.uid_mappings = {{0, 100000, 65536}};
  input.spec.linux_config.gid_mappings = {{0, 100000, 5}};
  const auto devpts = [&] {
    const Plan plan = BuildContainer(input, HybridHost()).value();
    for (const Step& step : plan.steps) {
      if (step.op == ChildOp(child::Op::kMount) && step.text[0] == "devpts") return Describe(step);
    }
    return std::string();
  };
  EXPECT_THAT(devpts(), HasSubstr("ptmxmode=0666)"));
  input.spec.linux_config.gid_mappings = {{0, 100000, 6}};
  EXPECT_THAT(devpts(), HasSubstr("ptmxmode=0666,gid=5)"));
}

TEST(BuildContainer, RefusesWhatItCannotDoByTheNameOfTheSetting) {
  ContainerInput input = DockerInput();
  input.spec.process->args.clear();
  EXPECT_THAT(Message(input), HasSubstr("process.args: no command specified"));

  input = DockerInput();
  input.spec.process->cwd = "tmp";
  EXPECT_THAT(Message(input), HasSubstr("process.cwd: 'tmp' is not absolute"));

  input = DockerInput();
  input.spec.process->rlimits.push_back({"RLIMIT_NOFILE", 1, 1});
  EXPECT_THAT(Message(input), HasSubstr("'RLIMIT_NOFILE' is listed twice"));

  input = DockerInput();
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kPid, ""});
  EXPECT_THAT(Message(input), HasSubstr("'pid' is listed twice"));

  input = DockerInput();
  input.spec.linux_config.intel_rdt.emplace();
  EXPECT_THAT(Message(input), HasSubstr("linux.intelRdt: resctrl is not mounted"));

  input = DockerInput();
  input.spec.mounts[5].options.push_back("tmpcopyup");
  EXPECT_THAT(Message(input), HasSubstr("mounts[5]: option 'tmpcopyup' is for tmpfs only"));

  input = DockerInput();
  input.spec.mounts[5].options.push_back("size=1m");
  EXPECT_THAT(Message(input), HasSubstr("mounts[5]: a bind mount takes no option 'size'"));
}

TEST(BuildContainer, SysctlsOfTheHostAreRefused) {
  for (const char* key : {"kernel.core_pattern", "vm.swappiness", "kernel.shm_rmid_forced/../../core_pattern"}) {
    ContainerInput input = DockerInput();
    input.spec.linux_config.sysctl = {{key, "x"}};
    EXPECT_NE(Message(input), "") << key;
  }
  ContainerInput input = DockerInput();
  std::erase_if(input.spec.linux_config.namespaces,
                [](const oci::Namespace& ns) { return ns.type == oci::NamespaceType::kNetwork; });
  EXPECT_THAT(Message(input), HasSubstr("is not allowed in the host's network namespace"));
}

std::vector<std::uint64_t> NumbersOf(const Plan& plan, child::Op op) {
  const std::size_t at = IndexOf(plan, ChildOp(op));
  return at < plan.steps.size() ? plan.steps[at].numbers : std::vector<std::uint64_t>{99};
}

TEST(BuildContainer, OnlyAUserNamespaceThatDeniesSetgroupsExcusesIt) {
  ContainerInput input = DockerInput();
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.spec.linux_config.uid_mappings = {{0, 0, 1}};
  input.spec.linux_config.gid_mappings = {{0, 0, 1}};
  ASSERT_OK_AND_ASSIGN(const Plan strict, BuildContainer(input, HybridHost()));
  EXPECT_THAT(NumbersOf(strict, child::Op::kBecomeRoot), ::testing::IsEmpty());
  EXPECT_THAT(NumbersOf(strict, child::Op::kGroups), ::testing::IsEmpty());
  EXPECT_THAT(strict.warnings, ::testing::IsEmpty());

  HostFacts facts = HybridHost();
  facts.kernel.setgroups_denied = true;
  ASSERT_OK_AND_ASSIGN(const Plan denied, BuildContainer(input, facts));
  EXPECT_THAT(NumbersOf(denied, child::Op::kBecomeRoot), ::testing::ElementsAre(1));
  EXPECT_THAT(NumbersOf(denied, child::Op::kGroups), ::testing::ElementsAre(1));
  EXPECT_THAT(denied.warnings, ::testing::ElementsAre(HasSubstr("denies setgroups(2)")));

  input.spec.process->user.additional_gids = {10};
  EXPECT_THAT(Message(input, facts), HasSubstr("process.user.additionalGids: this user namespace denies"));
}

HostFacts PlainUsersHost() {
  HostFacts facts = HybridHost();
  facts.rootless = true;
  facts.plain_user = true;
  facts.cgroups_writable = false;
  return facts;
}

ContainerInput PlainUsersInput() {
  ContainerInput input = DockerInput();
  input.spec.linux_config.resources = {};
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.spec.linux_config.uid_mappings = {{0, 1000, 1}};
  input.spec.linux_config.gid_mappings = {{0, 1000, 1}};
  return input;
}

TEST(BuildContainer, APlainUserNeedsAUserNamespace) {
  ContainerInput input = PlainUsersInput();
  EXPECT_EQ(Message(input, PlainUsersHost()), "");
  std::erase_if(input.spec.linux_config.namespaces,
                [](const oci::Namespace& ns) { return ns.type == oci::NamespaceType::kUser; });
  EXPECT_THAT(Message(input, PlainUsersHost()), HasSubstr("rootless container requires user namespaces"));
}

TEST(BuildContainer, WhoMapsOneGroupOnlyCannotSetOthers) {
  ContainerInput input = PlainUsersInput();
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, PlainUsersHost()));
  EXPECT_THAT(NumbersOf(plan, child::Op::kBecomeRoot), ::testing::ElementsAre(1));
  EXPECT_THAT(plan.warnings, ::testing::IsEmpty());
  input.spec.process->user.additional_gids = {10};
  EXPECT_THAT(Message(input, PlainUsersHost()), HasSubstr("cannot set any additional groups in a rootless container"));
  input.spec.linux_config.gid_mappings.push_back({1, 100000, 65536});
  EXPECT_EQ(Message(input, PlainUsersHost()), "");
}

TEST(BuildContainer, OwnersOfAMountMustBeMappedAndAPtysGroupIsDropped) {
  ContainerInput input = PlainUsersInput();
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, PlainUsersHost()));
  for (const Step& step : plan.steps) {
    EXPECT_THAT(step.blob, ::testing::Not(HasSubstr("gid"))) << OpName(step.op);
  }
  input.spec.mounts.push_back(MakeMount("/there", "tmpfs", "tmpfs", {"gid=5"}));
  EXPECT_THAT(Message(input, PlainUsersHost()), HasSubstr("cannot specify gid= mount options for unmapped gid '5'"));
  input.spec.linux_config.gid_mappings[0].size = 6;
  EXPECT_EQ(Message(input, PlainUsersHost()), "");
}

TEST(BuildExec, APlainUsersProcessIsBornIntoTheUserNamespace) {
  ExecInput input;
  input.id = "web";
  input.spec = PlainUsersInput().spec;
  input.process = *input.spec.process;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildExec(input, PlainUsersHost()));
  EXPECT_NE(plan.clone_flags & CLONE_NEWUSER, 0U);
  EXPECT_EQ(NumbersOf(plan, child::Op::kSetNamespace).at(0) & CLONE_NEWUSER, 0U);
  ASSERT_OK_AND_ASSIGN(const Plan roots, BuildExec(input, HybridHost()));
  EXPECT_NE(NumbersOf(roots, child::Op::kSetNamespace).at(0) & CLONE_NEWUSER, 0U);
}

TEST(BuildContainer, OnlyBindsOfDashVMakeAMissingSource) {
  ContainerInput input = DockerInput();
  input.spec.mounts.push_back(MakeMount("/etc/resolv.conf", "bind", "/run/estiba/resolv.conf", {"bind"}));
  input.made_when_missing = {"/data"};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  ASSERT_EQ(Count(plan, Op::kMaybeDirectory), 1U);
  EXPECT_THAT(plan.steps[IndexOf(plan, Op::kMaybeDirectory)].text, ::testing::ElementsAre("/srv/data"));
}

// CVE-2024-3154: our engine passes annotations of containers on, and makes no scopes.
TEST(BuildContainer, PropertiesOfSystemdAreNothingWithoutAScope) {
  ContainerInput input = DockerInput();
  ASSERT_OK_AND_ASSIGN(const Plan without, BuildContainer(input, UnifiedHost()));
  input.spec.annotations = {{"org.systemd.property.Wants", "['reboot.target']"}};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, UnifiedHost()));
  EXPECT_EQ(Encode(plan), Encode(without));
}

TEST(BuildContainer, ATmpfsIsFilledBeforeItIsClosed) {
  ContainerInput input = DockerInput();
  input.spec.mounts.push_back(MakeMount("/run", "tmpfs", "tmpfs", {"ro", "tmpcopyup"}));
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  const std::size_t open = IndexOf(plan, ChildOp(child::Op::kTmpCopyUp));
  const Step& mount = plan.steps.at(open + 1);
  ASSERT_EQ(mount.op, ChildOp(child::Op::kMount));
  EXPECT_EQ(mount.in.at(1), plan.steps[open].out);
  EXPECT_EQ(mount.numbers.at(0) & 1, 0U);  // MOUNT_ATTR_RDONLY
  EXPECT_EQ(mount.numbers.at(1) & child::kSuperReadOnly, 0U);
  const Step& close = plan.steps.at(open + 2);
  EXPECT_EQ(close.op, ChildOp(child::Op::kSetAttributes));
  EXPECT_EQ(close.numbers.at(0), 1U);
}

TEST(BuildContainer, AnIdMappedMountUsesItsMapsOrTheContainers) {
  ContainerInput input = DockerInput();
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.spec.linux_config.uid_mappings = input.spec.linux_config.gid_mappings = {{0, 100000, 65536}};
  input.spec.mounts.push_back(MakeMount("/a", "bind", "/srv/a", {"rbind", "ridmap"}));
  oci::Mount own = MakeMount("/b", "bind", "/srv/b", {"bind"});
  own.uid_mappings = own.gid_mappings = {{5, 6, 7}};
  input.spec.mounts.push_back(own);
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  std::vector<std::vector<std::string>> maps;
  std::vector<std::uint64_t> how;
  for (const Step& step : plan.steps) {
    if (step.op == Op::kMakeIdMapFd) maps.push_back(step.text);
    if (step.op == Op::kOpenTree && step.numbers.size() > 7) how.push_back(step.numbers[7]);
  }
  const std::string containers = "0 100000 65536\n";
  EXPECT_THAT(maps, ::testing::ElementsAre(std::vector<std::string>{containers, containers},
                                           std::vector<std::string>{"5 6 7\n", "5 6 7\n"}));
  EXPECT_THAT(how, ::testing::ElementsAre(2U, 1U));

  HostFacts old = HybridHost();
  old.kernel.mount_setattr = false;
  EXPECT_THAT(Message(input, old), HasSubstr("id-mapped mounts need kernel 5.12"));
}

TEST(BuildContainer, NamespacesBesideAUserNamespaceAreEnteredByBirth) {
  ContainerInput input = DockerInput();
  input.network = Network();
  for (oci::Namespace& ns : input.spec.linux_config.namespaces) {
    if (ns.type == oci::NamespaceType::kNetwork) ns.path = "/run/netns/pod";
  }
  ASSERT_OK_AND_ASSIGN(const Plan plain, BuildContainer(input, HybridHost()));
  EXPECT_EQ(Count(plain, ChildOp(child::Op::kSetNamespace)), 1U);
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, "/proc/7/ns/user"});
  ASSERT_OK_AND_ASSIGN(const Plan joined, BuildContainer(input, HybridHost()));
  EXPECT_EQ(Count(joined, ChildOp(child::Op::kSetNamespace)), 0U);
  EXPECT_EQ(joined.clone_flags & 0x10000000U, 0U);  // CLONE_NEWUSER
  for (const Step& step : joined.steps) {
    if (step.op != Op::kOpenNamespace) continue;
    EXPECT_EQ(step.numbers.at(1), 1U) << step.why;
  }
}

TEST(BuildContainer, AKnownNamespaceIsOpenedWithItsInode) {
  ContainerInput input = DockerInput();
  input.network = Network();
  for (oci::Namespace& ns : input.spec.linux_config.namespaces) {
    if (ns.type == oci::NamespaceType::kNetwork) ns.path = "/proc/7/ns/net";
  }
  input.known_namespaces = {{oci::NamespaceType::kNetwork, 4026532177}};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  const auto open = std::ranges::find(plan.steps, Op::kOpenNamespace, &Step::op);
  ASSERT_NE(open, plan.steps.end());
  EXPECT_THAT(open->numbers, ::testing::ElementsAre(0x40000000U, 0U, 4026532177U));  // CLONE_NEWNET
}

// A link on VLAN 10 of eth0: no bridge, no table, no pair.
ContainerInput OnAVlan() {
  ContainerInput input = DockerInput();
  Upper upper;
  upper.make = net::ParentSpec{"eth0.10", "eth0", 10};
  upper.link = {net::UpperKind::kIpvlan, "eth0.10", "eth0", "estiba 1", std::nullopt, 1, 0, 1400};
  upper.mode = "mode l3 bridge";
  Endpoint endpoint;
  endpoint.inside = {"eth0", {ParseIpPrefix("10.9.0.2/24").value()}, {Ip{}}};
  endpoint.upper = upper;
  input.network = Network();
  input.network.mode = Network::Mode::kBridge;
  input.network.endpoints = {endpoint};
  return input;
}

TEST(BuildContainer, ALinkOnAParentIsMadeWithoutABridgeAndTakenBack) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(OnAVlan(), HybridHost()));
  for (const Op op : {Op::kEnsureTable, Op::kEnsureBridge, Op::kAddVeth}) EXPECT_EQ(Count(plan, op), 0U);
  const auto add = std::ranges::find(plan.steps, Op::kAddUpper, &Step::op);
  ASSERT_NE(add, plan.steps.end());
  EXPECT_EQ((add - 1)->op, Op::kEnsureParent);
  EXPECT_THAT(add->text, ::testing::ElementsAre("ipvlan", "eth0.10", "eth0", "", "estiba 1", "mode l3 bridge"));
  EXPECT_THAT(add->numbers, ::testing::ElementsAre(1U, 0U, 1400U));
  const std::vector<Step> undo = UndoOf(plan);
  const auto deleted = std::ranges::find(undo, Op::kDeleteUpper, &Step::op);
  ASSERT_NE(deleted, undo.end());
  EXPECT_THAT(deleted->text, ::testing::ElementsAre("eth0.10", "estiba 1"));
  const std::string shell = ExplainShell(plan);
  EXPECT_THAT(shell, HasSubstr("ip link add link 'eth0' name 'eth0.10' type vlan id 10"));
  EXPECT_THAT(shell, HasSubstr("ip link add link 'eth0.10' name 'eth0' mtu 1400 netns \"$pid\" type ipvlan mode l3"));
}

TEST(BuildContainer, OnlyPortsThatTheKernelDoesNotLeadAreRelayed) {
  ContainerInput input = OnAVlan();
  input.network.relay = {"/run/uplink", "/lib/estiba-uplink"};
  net::PublishedPort port;
  port.host_port = 8080;
  port.container_ip = ParseIp("172.17.0.2").value();
  port.container_port = 80;
  input.network.endpoints[0].ports = {port};
  ASSERT_OK_AND_ASSIGN(const Plan led, BuildContainer(input, HybridHost()));
  EXPECT_EQ(PortRelayOf(led), nullptr);
  port.host_ip = ParseIp("::1").value();
  input.network.endpoints[0].ports.push_back(port);
  ASSERT_OK_AND_ASSIGN(const Plan relayed, BuildContainer(input, HybridHost()));
  ASSERT_NE(PortRelayOf(relayed), nullptr);
  EXPECT_THAT(PortRelayOf(relayed)->text, ::testing::ElementsAre("/run/uplink", "/lib/estiba-uplink"));
  const auto publish = std::ranges::find(relayed.steps, Op::kPublishPorts, &Step::op);
  EXPECT_THAT(publish->text, ::testing::ElementsAre(::testing::_, "[::1]:8080 172.17.0.2:80 tcp"));
  input.network.relay = {};  // a user's are relayed all
  ASSERT_OK_AND_ASSIGN(const Plan of_user, BuildContainer(input, HybridHost()));
  EXPECT_EQ(PortRelayOf(of_user), nullptr);
}

TEST(BuildContainer, PluginsAreAskedOnceNamesAreServedAndTakeItBack) {
  ContainerInput input = DockerInput();
  input.network = Network();
  input.network.mode = Network::Mode::kBridge;
  input.network.names_file = "/run/estiba/net/1";
  input.network.cni =
      CniAttachments{"/lib/estiba-cni", "/data/cni", "1", {"blue", "green"}, "{it's}", std::chrono::seconds(90)};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  for (const Op op : {Op::kEnsureTable, Op::kEnsureBridge, Op::kUseHost}) EXPECT_EQ(Count(plan, op), 0U);
  EXPECT_EQ(Count(plan, ChildOp(child::Op::kLoopbackUp)), 1U);
  const auto add = std::ranges::find(plan.steps, Op::kCniAdd, &Step::op);
  ASSERT_NE(add, plan.steps.end());
  EXPECT_EQ((add - 1)->op, Op::kServeNames);
  EXPECT_THAT((add - 1)->numbers, ::testing::ElementsAre(1U));  // lo
  EXPECT_THAT(add->text, ::testing::ElementsAre("/lib/estiba-cni", "/data/cni", "1", "blue", "green"));
  EXPECT_THAT(add->numbers, ::testing::ElementsAre(90'000U));
  EXPECT_EQ(Describe(*add), "attach to 'blue', 'green' by CNI plugins");
  const std::vector<Step> undo = UndoOf(plan);
  const auto del = std::ranges::find(undo, Op::kCniDel, &Step::op);
  ASSERT_NE(del, undo.end());
  EXPECT_EQ(del->text, add->text);
  EXPECT_EQ((del + 1)->op, Op::kForgetNames);
  const std::string shell = ExplainShell(plan);
  EXPECT_THAT(shell, HasSubstr(R"(printf %s '{it'\''s}' | '/lib/estiba-cni' attach '/data/cni' "$pid")"));
  ASSERT_OK_AND_ASSIGN(const Plan again, Decode(Encode(plan)));
  EXPECT_EQ(std::ranges::find(again.steps, Op::kCniAdd, &Step::op)->blob, "{it's}");
}

TEST(BuildContainer, OffsetsWithoutTimeNamespacesAreRefused) {
  ContainerInput input = DockerInput();
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kTime, ""});
  input.spec.linux_config.boottime_offset = oci::TimeOffset{1, 0};
  HostFacts facts = HybridHost();
  facts.kernel.time_namespace = false;
  EXPECT_THAT(Message(input, facts), HasSubstr("linux.timeOffsets: this kernel has no time namespaces"));
}

TEST(BuildContainer, AMissingCgroupNamespaceIsAWarning) {
  HostFacts facts = HybridHost();
  facts.kernel.cgroup_namespace = false;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(DockerInput(), facts));
  EXPECT_THAT(plan.warnings, ::testing::ElementsAre(HasSubstr("no cgroup namespaces")));
  EXPECT_EQ(Count(plan, ChildOp(child::Op::kUnshare)), 0U);
}

TEST(BuildContainer, AHooksTimeIsNoLongerThanPollTakes) {
  ContainerInput input = DockerInput();
  oci::Hook hook;
  hook.path = "/usr/bin/hook";
  hook.timeout = 5'000'000;
  input.spec.hooks.prestart = {hook};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  EXPECT_EQ(plan.steps[IndexOf(plan, Op::kRunHook)].numbers[0], 2147483647U);
}

TEST(BuildContainer, WhatTheHostMountsAsCgroupsIsShownWithoutMountSetattrOnlyIfItIsOneMount) {
  ContainerInput input = DockerInput();
  std::erase_if(input.spec.linux_config.namespaces,
                [](const oci::Namespace& ns) { return ns.type == oci::NamespaceType::kCgroup; });
  HostFacts facts = UnifiedHost();
  facts.kernel.mount_setattr = false;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, facts));
  const Step& attach = plan.steps[IndexOf(plan, ChildOp(child::Op::kAttach))];
  ASSERT_EQ(attach.text[0], "/sys/fs/cgroup");
  EXPECT_EQ(attach.numbers.at(0) & 1, 1U);  // read-only once it is attached
  facts = HybridHost();
  facts.kernel.mount_setattr = false;
  input.use_cgroup = false;
  input.spec.linux_config.resources = {};
  EXPECT_THAT(Message(input, facts), HasSubstr("can be shown with kernel 5.12"));
}

TEST(BuildContainer, AMissingTimeNamespaceIsAWarning) {
  ContainerInput input = DockerInput();
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kTime, ""});
  HostFacts facts = HybridHost();
  facts.kernel.time_namespace = false;
  ASSERT_OK_AND_ASSIGN(const Plan without, BuildContainer(input, facts));
  EXPECT_EQ(without.warnings.size(), 1U);
  ASSERT_OK_AND_ASSIGN(const Plan with, BuildContainer(input, HybridHost()));
  EXPECT_NE(with.clone_flags & 0x80, 0U);
}

TEST(BuildContainer, LimitsWithoutADelegatedCgroupAreRefusedByName) {
  HostFacts facts = HybridHost();
  facts.cgroups_writable = false;
  EXPECT_THAT(Message(DockerInput(), facts), HasSubstr("memory"));
}

}  // namespace
}  // namespace estiba::plan
