// Whom a container's cgroup is handed to: the specification's conditions, one by one.

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "input.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

// DockerInput, as a user of its own user namespace and with cgroups that may be written to.
ContainerInput Delegating() {
  ContainerInput input = DockerInput();
  oci::Linux& config = input.spec.linux_config;
  std::erase_if(config.namespaces, [](const oci::Namespace& ns) {
    return ns.type == oci::NamespaceType::kCgroup || ns.type == oci::NamespaceType::kUser;
  });
  config.namespaces.push_back({oci::NamespaceType::kCgroup, ""});
  config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  config.uid_mappings = {{.container_id = 0, .host_id = 100000, .size = 65536}};
  config.gid_mappings = config.uid_mappings;
  std::erase_if(input.spec.mounts, [](const oci::Mount& mount) { return mount.destination == "/sys/fs/cgroup"; });
  input.spec.mounts.push_back(MakeMount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "rw"}));
  input.spec.process->user.uid = 7;
  return input;
}

std::optional<std::uint64_t> Owner(const ContainerInput& input, const HostFacts& facts) {
  const auto plan = BuildContainer(input, facts);
  EXPECT_TRUE(plan.ok()) << plan.error().Message();
  if (!plan.ok()) return std::nullopt;
  const auto step = std::ranges::find(plan->steps, Op::kOwnCgroup, &Step::op);
  return step == plan->steps.end() ? std::nullopt : std::optional(step->numbers.at(0));
}

TEST(CgroupOwner, IsTheHostsUserOfTheProcess) {
  EXPECT_EQ(Owner(Delegating(), UnifiedHost()), 100007U);
}

TEST(CgroupOwner, IsTheUserItselfWithoutAUserNamespace) {
  ContainerInput input = Delegating();
  input.spec.linux_config.uid_mappings.clear();
  input.spec.linux_config.gid_mappings.clear();
  std::erase_if(input.spec.linux_config.namespaces,
                [](const oci::Namespace& ns) { return ns.type == oci::NamespaceType::kUser; });
  EXPECT_EQ(Owner(input, UnifiedHost()), 7U);
  input.spec.process->user.uid = 0;  // his already
  EXPECT_EQ(Owner(input, UnifiedHost()), std::nullopt);
}

TEST(CgroupOwner, StaysWithoutAWritableMountOfIt) {
  ContainerInput input = Delegating();
  input.spec.mounts.back().options.emplace_back("ro");
  EXPECT_EQ(Owner(input, UnifiedHost()), std::nullopt);
  input.spec.mounts.back().options = {"rro"};
  EXPECT_EQ(Owner(input, UnifiedHost()), std::nullopt);
  input.spec.mounts.back().options = {"ro", "rw"};  // the last one counts
  EXPECT_EQ(Owner(input, UnifiedHost()), 100007U);
  input.spec.mounts.back().destination = "/cgroup";
  EXPECT_EQ(Owner(input, UnifiedHost()), std::nullopt);
}

TEST(CgroupOwner, StaysWithoutACgroupNamespace) {
  ContainerInput input = Delegating();
  std::erase_if(input.spec.linux_config.namespaces,
                [](const oci::Namespace& ns) { return ns.type == oci::NamespaceType::kCgroup; });
  EXPECT_EQ(Owner(input, UnifiedHost()), std::nullopt);
}

TEST(CgroupOwner, StaysOnVersionOneAndForAPlainUser) {
  EXPECT_EQ(Owner(Delegating(), HybridHost()), std::nullopt);
  HostFacts facts = UnifiedHost();
  facts.plain_user = facts.rootless = true;
  EXPECT_EQ(Owner(Delegating(), facts), std::nullopt);
}

TEST(CgroupOwner, StaysWhereTheUserIsNobodyOnTheHost) {
  ContainerInput input = Delegating();
  input.spec.process->user.uid = 70000;
  EXPECT_EQ(Owner(input, UnifiedHost()), std::nullopt);
}

}  // namespace
}  // namespace estiba::plan
