#include "spec/build.h"

#include <algorithm>

#include "tests/support.h"

namespace estiba::engine {
namespace {

ContainerRecord Record() {
  ContainerRecord record;
  record.id = std::string(64, 'a');
  record.name = "web";
  record.command.cmd = {"sh"};
  record.create.config.hostname = "inside";
  record.create.host_config.network_mode = "bridge";
  return record;
}

SpecContext Context() {
  SpecContext context;
  context.names_dir = "/data/containers/a";
  context.volumes_root = "/data/volumes";
  context.cgroup_path = "/estiba/a";
  context.host_name = "outside";
  context.init_program = "/lib/estiba-init";
  return context;
}

const oci::Mount* At(const oci::RuntimeSpec& spec, const std::string& destination) {
  for (const oci::Mount& mount : spec.mounts) {
    if (mount.destination == destination) return &mount;
  }
  return nullptr;
}

bool Has(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

TEST(Spec, AnOrdinaryContainerIsConfinedAsDockersIs) {
  ASSERT_OK_AND_ASSIGN(oci::RuntimeSpec spec, BuildSpec(Record(), Context()));
  EXPECT_EQ(spec.hostname, "inside");
  EXPECT_EQ(spec.process->capabilities->bounding.size(), 14U);
  EXPECT_TRUE(spec.process->capabilities->inheritable.empty());
  EXPECT_TRUE(spec.linux_config.seccomp.has_value());
  EXPECT_TRUE(Has(spec.linux_config.masked_paths, "/proc/kcore"));
  EXPECT_TRUE(Has(spec.linux_config.readonly_paths, "/proc/sys"));
  for (const auto type : {oci::NamespaceType::kMount, oci::NamespaceType::kPid, oci::NamespaceType::kIpc,
                          oci::NamespaceType::kUts, oci::NamespaceType::kNetwork, oci::NamespaceType::kCgroup}) {
    EXPECT_TRUE(oci::HasNewNamespace(spec.linux_config, type)) << oci::NamespaceName(type);
  }
  ASSERT_NE(At(spec, "/sys"), nullptr);
  EXPECT_TRUE(Has(At(spec, "/sys")->options, "ro"));
  ASSERT_NE(At(spec, "/etc/hosts"), nullptr);
  EXPECT_EQ(At(spec, "/etc/hosts")->source, "/data/containers/a/hosts");
  EXPECT_TRUE(spec.process->oom_score_adj.has_value());
}

TEST(Spec, PrivilegedLiftsWhatDockersLifts) {
  ContainerRecord record = Record();
  record.create.host_config.privileged = true;
  ASSERT_OK_AND_ASSIGN(oci::RuntimeSpec spec, BuildSpec(record, Context()));
  EXPECT_FALSE(spec.linux_config.seccomp.has_value());
  EXPECT_TRUE(spec.linux_config.masked_paths.empty());
  EXPECT_TRUE(Has(spec.process->capabilities->effective, "CAP_SYS_ADMIN"));
  EXPECT_TRUE(Has(At(spec, "/sys")->options, "rw"));
}

TEST(Spec, SeccompProfilesAreMadeOnceForAllThatHaveTheSame) {
  SpecContext context = Context();
  ContainerRecord record = Record();
  ASSERT_OK_AND_ASSIGN(const auto usual, SeccompOf(record, context));
  EXPECT_EQ(SeccompOf(record, context).value(), usual);
  record.create.host_config.cap_add = {"SYS_ADMIN"};
  ASSERT_OK_AND_ASSIGN(const auto more, SeccompOf(record, context));
  EXPECT_NE(more->compiled.program.size(), usual->compiled.program.size()) << "what a capability is for is let through";
  record.create.host_config.security_opt = {"seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"};
  ASSERT_OK_AND_ASSIGN(const auto own, SeccompOf(record, context));
  EXPECT_EQ(own->profile.default_action, oci::SeccompAction::kAllow);
  record.create.host_config.security_opt = {"seccomp=unconfined"};
  EXPECT_EQ(SeccompOf(record, context).value(), nullptr);
}

TEST(Spec, AMountOfTheUserReplacesADefaultOne) {
  ContainerRecord record = Record();
  ASSERT_OK_AND_ASSIGN(MountPoint shm, ParseBind("/host/shm:/dev/shm:ro"));
  ASSERT_OK_AND_ASSIGN(MountPoint hosts, ParseBind("/my/hosts:/etc/hosts"));
  record.mounts = {shm, hosts};
  ASSERT_OK_AND_ASSIGN(oci::RuntimeSpec spec, BuildSpec(record, Context()));
  const auto count = [&](const char* path) {
    return std::count_if(spec.mounts.begin(), spec.mounts.end(), [&](const auto& m) { return m.destination == path; });
  };
  EXPECT_EQ(count("/dev/shm"), 1);
  EXPECT_EQ(count("/etc/hosts"), 1);
  EXPECT_EQ(At(spec, "/etc/hosts")->source, "/my/hosts");
  EXPECT_EQ(At(spec, "/dev/shm")->type, "bind");
}

TEST(Spec, ReadOnlyReachesWhatIsMountedBelowWhereTheKernelCan) {
  ContainerRecord record = Record();
  MountPoint& bind = record.mounts.emplace_back();
  bind.source = "/srv";
  bind.target = "/data";
  bind.read_only = true;
  const auto option = [&](bool kernel) {
    SpecContext context = Context();
    context.recursive_read_only = kernel;
    const oci::RuntimeSpec spec = BuildSpec(record, context).value();
    return At(spec, "/data")->options.at(1);
  };
  EXPECT_EQ(option(true), "rro");
  EXPECT_EQ(option(false), "ro");
  bind.read_only_forced = true;
  EXPECT_EQ(option(false), "rro");  // refused by name when the plan is made
}

TEST(Spec, LimitsBecomeResources) {
  ContainerRecord record = Record();
  auto& resources = record.create.host_config.resources;
  resources.memory = 64 << 20;
  resources.nano_cpus = 500'000'000;
  resources.pids_limit = 50;
  resources.ulimits = {{"nofile", 2048, 1024}, {"core", -1, -1}};
  ASSERT_OK_AND_ASSIGN(oci::RuntimeSpec spec, BuildSpec(record, Context()));
  EXPECT_EQ(spec.linux_config.resources.memory.limit, 64 << 20);
  EXPECT_EQ(spec.linux_config.resources.memory.swap, 128 << 20);
  EXPECT_EQ(spec.linux_config.resources.cpu.quota, 50'000);
  EXPECT_EQ(spec.linux_config.resources.cpu.period, 100'000U);
  EXPECT_EQ(spec.linux_config.resources.pids_limit, 50);
  ASSERT_EQ(spec.process->rlimits.size(), 2U);
  EXPECT_EQ(spec.process->rlimits[0].soft, 1024U);
  EXPECT_EQ(spec.process->rlimits[1].hard, UINT64_MAX);
}

TEST(Spec, SharedNamespacesAreNotNew) {
  ContainerRecord record = Record();
  record.create.host_config.network_mode = "host";
  record.create.host_config.pid_mode = "host";
  record.create.host_config.ipc_mode = "container:other";
  SpecContext context = Context();
  context.joined["ipc"] = 42;
  ASSERT_OK_AND_ASSIGN(oci::RuntimeSpec spec, BuildSpec(record, context));
  EXPECT_EQ(oci::FindNamespace(spec.linux_config, oci::NamespaceType::kNetwork), nullptr);
  EXPECT_EQ(oci::FindNamespace(spec.linux_config, oci::NamespaceType::kPid), nullptr);
  EXPECT_EQ(oci::FindNamespace(spec.linux_config, oci::NamespaceType::kIpc)->path, "/proc/42/ns/ipc");
}

TEST(Spec, InitIsPutBeforeTheCommand) {
  ContainerRecord record = Record();
  record.create.host_config.init = true;
  ASSERT_OK_AND_ASSIGN(oci::RuntimeSpec spec, BuildSpec(record, Context()));
  EXPECT_EQ(spec.process->args, (std::vector<std::string>{"/sbin/docker-init", "--", "sh"}));
  EXPECT_EQ(At(spec, "/sbin/docker-init")->source, "/lib/estiba-init");
}

}  // namespace
}  // namespace estiba::engine
