// Plans as text, compared with files. ESTIBA_UPDATE_GOLDEN=1 rewrites them: look at the difference before you commit.

#include "input.h"
#include "os/file.h"
#include "plan/explain.h"
#include "tests/golden.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using testing::ExpectGolden;

TEST(Golden, ADockerContainerWithoutNetworkOnAHybridHost) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(DockerInput(), HybridHost()));
  ExpectGolden("docker_none_hybrid.txt", ExplainText(plan));
}

TEST(Golden, TheSameOnAHostWithUnifiedCgroupsOnly) {
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(DockerInput(), UnifiedHost()));
  ExpectGolden("docker_none_unified.txt", ExplainText(plan));
}

TEST(Golden, ABridgedContainerWithATerminalAndAPublishedPort) {
  ContainerInput input = DockerInput();
  input.network.mode = Network::Mode::kBridge;
  input.network.endpoints = {MakeEndpoint()};
  input.network.names_file = "/run/estiba/net/0123";
  input.network.names = "estiba-endpoint 1\n";
  input.spec.process->terminal = true;
  input.spec.process->console_size = oci::ConsoleSize{24, 80};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  ExpectGolden("docker_bridge_tty.txt", ExplainText(plan));
}

TEST(Golden, TheShellScriptOfAContainerWithBothFamiliesKeptApart) {
  ContainerInput input = DockerInput();
  input.network.mode = Network::Mode::kBridge;
  Endpoint endpoint = MakeEndpoint();
  endpoint.bridge.gateways.push_back(ParseIpPrefix("fd00::1/64").value());
  endpoint.bridge.connects = false;
  endpoint.bridge.mode_ipv6 = net::GatewayMode::kRouted;
  endpoint.bridge.trusted = {"eth1"};
  endpoint.veth.isolated = true;
  endpoint.inside.addresses.push_back(ParseIpPrefix("fd00::2/64").value());
  endpoint.inside.gateways.push_back(ParseIp("fd00::1").value());
  endpoint.inside.sysctls = {{"ipv4/conf/eth0/log_martians", "1"}};
  endpoint.ports.push_back({net::Protocol::kSctp, Ip{true, {}}, 8080, ParseIp("fd00::2").value(), 80});
  input.network.endpoints = {endpoint};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  ExpectGolden("docker_dual_stack.sh", ExplainShell(plan));
}

TEST(Golden, TheShellScriptOfAContainerOnABridgeWithVlansInAVrf) {
  ContainerInput input = DockerInput();
  input.network.mode = Network::Mode::kBridge;
  Endpoint endpoint = MakeEndpoint();
  endpoint.vlan = 20;
  endpoint.vrf = "red";
  input.network.endpoints = {endpoint};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  ExpectGolden("docker_vlan_vrf.sh", ExplainShell(plan));
}

TEST(Golden, ABundleInAUserNamespaceWithHooks) {
  ContainerInput input = DockerInput();
  input.storage = Storage();
  input.storage.rootfs = "/bundle/rootfs";
  input.bundle = "/bundle";
  input.isolate_from_parent = false;
  input.network.mode = Network::Mode::kAsSpec;
  input.spec.process->user.username.clear();
  input.spec.process->no_new_privileges = true;
  input.spec.root.readonly = true;
  input.spec.linux_config.namespaces.push_back({oci::NamespaceType::kUser, ""});
  input.spec.linux_config.uid_mappings = {{0, 100000, 65536}};
  input.spec.linux_config.gid_mappings = {{0, 100000, 65536}};
  oci::Hook hook;
  hook.path = "/usr/bin/hook";
  hook.timeout = 5;
  input.spec.hooks.create_runtime = {hook};
  input.spec.hooks.create_container = {hook};
  input.spec.hooks.start_container = {hook};
  input.spec.hooks.poststop = {hook};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, UnifiedHost()));
  ExpectGolden("bundle_userns_hooks.txt", ExplainText(plan));
}

TEST(Golden, TheSameInSpanish) {
  ContainerInput input = DockerInput();
  input.network.mode = Network::Mode::kBridge;
  input.network.endpoints = {MakeEndpoint()};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  ExpectGolden("docker_bridge_es.txt", ExplainText(plan, {.language = Language::kSpanish}));
}

TEST(Golden, AnExecWithATerminal) {
  ExecInput input;
  const ContainerInput container = DockerInput();
  input.id = container.id;
  input.name = container.name;
  input.spec = container.spec;
  input.process = *container.spec.process;
  input.process.args = {"sh", "-c", "id"};
  input.process.terminal = true;
  input.cgroup_path = container.cgroup_path;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildExec(input, HybridHost()));
  ExpectGolden("exec_tty.txt", ExplainText(plan));
}

TEST(Golden, TheShellScriptOfABridgedContainer) {
  ContainerInput input = DockerInput();
  input.network.mode = Network::Mode::kBridge;
  input.network.endpoints = {MakeEndpoint()};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HybridHost()));
  ExpectGolden("docker_bridge.sh", ExplainShell(plan));
}

}  // namespace
}  // namespace estiba::plan
