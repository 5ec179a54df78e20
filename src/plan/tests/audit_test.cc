// What a setting costs, one row a setting.

#include "plan/audit.h"

#include <sys/stat.h>

#include <functional>
#include <set>

#include <gmock/gmock.h>

#include "../audit_rules.h"
#include "input.h"
#include "security/capability.h"
#include "security/seccomp.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using oci::NamespaceType;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A container that nothing can be said against.
ContainerInput GoodInput() {
  ContainerInput input = DockerInput();
  oci::RuntimeSpec& spec = input.spec;
  spec.process->user = {.uid = 0, .gid = 0};
  spec.process->no_new_privileges = true;
  spec.process->apparmor_profile = "estiba-default";
  spec.root.readonly = true;
  oci::Linux& config = spec.linux_config;
  config.namespaces.push_back({NamespaceType::kUser, ""});
  config.uid_mappings = config.gid_mappings = {{0, 100000, 65536}};
  config.seccomp = security::DefaultSeccompProfile(security::DefaultCapabilities());
  config.masked_paths = {"/proc/acpi",       "/proc/kcore", "/proc/keys",
                         "/proc/timer_list", "/proc/scsi",  "/sys/firmware"};
  config.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  config.sysctl.clear();
  config.resources.cpu.shares = 512;
  config.resources.devices = {{.allow = false, .access = "rwm"}};
  return input;
}

std::vector<Finding> AuditOf(const ContainerInput& input, AuditOptions options = {}) {
  HostFacts facts = HybridHost();
  facts.kernel.apparmor = facts.kernel.selinux = true;
  const auto plan = BuildContainer(input, facts);
  EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : plan.error().ToString());
  return plan.ok() ? Audit(*plan, options) : std::vector<Finding>();
}

// "rule severity field" of each.
std::vector<std::string> Lines(const std::vector<Finding>& findings) {
  std::vector<std::string> lines;
  for (const Finding& finding : findings)
    lines.push_back(finding.rule + " " + std::string(SeverityName(finding.severity)) + " " + finding.field);
  return lines;
}

TEST(Audit, AContainerThatUsesEverythingIsClean) { EXPECT_THAT(Lines(AuditOf(GoodInput())), IsEmpty()); }

struct Row {
  const char* finding;
  std::function<void(ContainerInput&)> change;
};

void Without(ContainerInput& input, NamespaceType type) {
  std::erase_if(input.spec.linux_config.namespaces,
                [&](const oci::Namespace& ns) { return ns.type == type; });
}
void Give(ContainerInput& input, const char* capability) {
  oci::Capabilities& sets = *input.spec.process->capabilities;
  for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted}) set->emplace_back(capability);
}
void Bind(ContainerInput& input, const char* source, std::vector<std::string> options) {
  options.emplace_back("rbind");
  input.spec.mounts.push_back(MakeMount("/bound", "bind", source, std::move(options)));
}
void Root(ContainerInput& input) { Without(input, NamespaceType::kUser); }

const Row kRows[] = {
    {"host-mounts critical linux.namespaces",
     [](auto& i) {
       Without(i, NamespaceType::kMount);
       Without(i, NamespaceType::kUser);
       i.storage.kind = Storage::Kind::kBundle;
       i.storage.rootfs = "/srv/root";
       i.spec.linux_config.masked_paths.clear();
       i.spec.linux_config.readonly_paths.clear();
     }},
    {"host-pid high linux.namespaces", [](auto& i) { Without(i, NamespaceType::kPid); }},
    {"host-pid high linux.namespaces",
     [](auto& i) {
       Without(i, NamespaceType::kPid);
       i.spec.linux_config.namespaces.push_back({NamespaceType::kPid, "/proc/1/ns/pid"});
     }},
    {"host-network high linux.namespaces", [](auto& i) { Without(i, NamespaceType::kNetwork); }},
    {"host-network-admin critical process.capabilities",
     [](auto& i) {
       Root(i);
       Without(i, NamespaceType::kNetwork);
       Give(i, "CAP_NET_ADMIN");
     }},
    {"host-ipc medium linux.namespaces", [](auto& i) { Without(i, NamespaceType::kIpc); }},
    {"host-uts low linux.namespaces",
     [](auto& i) {
       i.spec.hostname.clear();
       Without(i, NamespaceType::kUts);
     }},
    {"host-cgroup low linux.namespaces", [](auto& i) { Without(i, NamespaceType::kCgroup); }},
    {"joined-namespace low linux.namespaces: ipc",
     [](auto& i) {
       Without(i, NamespaceType::kIpc);
       i.spec.linux_config.namespaces.push_back({NamespaceType::kIpc, "/proc/4711/ns/ipc"});
     }},
    {"root-of-host medium process.user", Root},
    {"no-user-namespace low linux.namespaces",
     [](auto& i) {
       Root(i);
       i.spec.process->user.uid = 1000;
     }},
    {"cap-sys-admin critical process.capabilities",
     [](auto& i) {
       Root(i);
       Give(i, "CAP_SYS_ADMIN");
     }},
    {"cap-sys-admin high process.capabilities", [](auto& i) { Give(i, "CAP_SYS_ADMIN"); }},
    {"cap-wake-alarm low process.capabilities", [](auto& i) { Give(i, "CAP_WAKE_ALARM"); }},
    {"inheritable-capabilities medium process.capabilities.inheritable",
     [](auto& i) { i.spec.process->capabilities->inheritable = {"CAP_KILL"}; }},
    {"ambient-capabilities low process.capabilities.ambient",
     [](auto& i) {
       i.spec.process->capabilities->inheritable = i.spec.process->capabilities->ambient = {"CAP_KILL"};
     }},
    {"no-seccomp high linux.seccomp", [](auto& i) { i.spec.linux_config.seccomp.reset(); }},
    {"seccomp-agent medium linux.seccomp.listenerPath",
     [](auto& i) {
       i.spec.linux_config.seccomp->listener_path = "/run/agent";
       i.spec.linux_config.seccomp->syscalls.push_back(
           {.names = {"mkdir"}, .action = oci::SeccompAction::kNotify});
     }},
    {"new-privileges medium process.noNewPrivileges",
     [](auto& i) { i.spec.process->no_new_privileges = false; }},
    {"unmasked-paths low linux.maskedPaths", [](auto& i) { i.spec.linux_config.masked_paths.pop_back(); }},
    {"unmasked-paths medium linux.maskedPaths",
     [](auto& i) {
       Root(i);
       i.spec.linux_config.masked_paths.clear();
     }},
    {"writable-proc high linux.readonlyPaths",
     [](auto& i) {
       Root(i);
       i.spec.linux_config.readonly_paths.clear();
     }},
    {"writable-sysfs high mounts[3]",
     [](auto& i) {
       Root(i);
       i.spec.mounts[3].options = {"nosuid"};
     }},
    {"writable-cgroup medium mounts[4]",
     [](auto& i) {
       Root(i);
       i.spec.mounts[4].options = {"nosuid"};
     }},
    {"block-device critical linux.devices[0]",
     [](auto& i) {
       i.spec.linux_config.devices = {{.path = "/dev/sda", .type = 'b', .major = 8, .minor = 0}};
     }},
    {"memory-device critical linux.devices[0]",
     [](auto& i) {
       i.spec.linux_config.devices = {{.path = "/dev/mem", .type = 'c', .major = 1, .minor = 1}};
     }},
    {"device medium linux.devices[0]",
     [](auto& i) {
       i.spec.linux_config.devices = {{.path = "/dev/kvm", .type = 'c', .major = 10, .minor = 232}};
     }},
    {"any-device high linux.resources.devices",
     [](auto& i) {
       Root(i);
       i.spec.linux_config.resources.devices.push_back({.allow = true, .access = "rwm"});
     }},
    {"no-cgroup medium linux.cgroupsPath",
     [](auto& i) {
       i.use_cgroup = false;
       i.spec.linux_config.resources = {};
     }},
    {"engine-socket critical mounts[6]", [](auto& i) { Bind(i, "/var/run/docker.sock", {"ro"}); }},
    {"engine-socket critical mounts[6]", [](auto& i) { Bind(i, "/run", {"ro"}); }},
    {"host-path critical mounts[6]",
     [](auto& i) {
       Root(i);
       Bind(i, "/etc", {});
     }},
    {"host-path medium mounts[6]",
     [](auto& i) {
       Root(i);
       Bind(i, "/etc/hosts", {});
     }},
    {"host-path-readable high mounts[6]",
     [](auto& i) {
       Root(i);
       Bind(i, "/root", {"ro"});
     }},
    {"kernel-path high mounts[6]",
     [](auto& i) {
       Root(i);
       Bind(i, "/sys", {});
     }},
    {"shared-mount medium mounts[6]", [](auto& i) { Bind(i, "/srv", {"rshared"}); }},
    {"shared-root medium linux.rootfsPropagation",
     [](auto& i) { i.spec.linux_config.rootfs_propagation = "shared"; }},
    {"writable-root low root.readonly", [](auto& i) { i.spec.root.readonly = false; }},
    {"no-memory-limit medium linux.resources.memory.limit",
     [](auto& i) { i.spec.linux_config.resources.memory.limit = -1; }},
    {"no-pids-limit medium linux.resources.pids.limit",
     [](auto& i) { i.spec.linux_config.resources.pids_limit.reset(); }},
    {"no-cpu-limit low linux.resources.cpu", [](auto& i) { i.spec.linux_config.resources.cpu = {}; }},
    {"host-hook medium hooks.createRuntime[0]",
     [](auto& i) { i.spec.hooks.create_runtime = {{.path = "/bin/hook"}}; }},
    {"host-hook medium hooks.createContainer[0]",
     [](auto& i) { i.spec.hooks.create_container = {{.path = "/bin/hook"}}; }},
    {"unconfined high process.apparmorProfile",
     [](auto& i) { i.spec.process->apparmor_profile = "unconfined"; }},
    {"no-label low process.apparmorProfile", [](auto& i) { i.spec.process->apparmor_profile.clear(); }},
    {"no-pivot medium --no-pivot", [](auto& i) { i.no_pivot = true; }},
    {"oom-protected low process.oomScoreAdj", [](auto& i) { i.spec.process->oom_score_adj = -900; }},
    {"open-port low ports",
     [](auto& i) {
       i.network.mode = Network::Mode::kBridge;
       i.network.endpoints = {MakeEndpoint()};
     }},
};

TEST(Audit, EachSettingIsFoundWithItsSeverityAndField) {
  for (const Row& row : kRows) {
    ContainerInput input = GoodInput();
    row.change(input);
    EXPECT_THAT(Lines(AuditOf(input)), Contains(row.finding));
  }
}

TEST(Audit, EveryRuleHasARow) {
  std::set<std::string> tried;
  for (const Row& row : kRows)
    tried.insert(std::string(row.finding).substr(0, std::string(row.finding).find(' ')));
  for (const Rule& rule : AllRules()) EXPECT_TRUE(tried.contains(rule.name)) << rule.name;
}

TEST(Audit, EveryCapabilityIsOfDockersDefaultOrHasARule) {
  security::CapabilitySet known = security::DefaultCapabilities();
  for (const CapabilityRule& rule : CapabilityRules()) known |= security::CapabilityBit(rule.number);
  EXPECT_EQ(known, security::AllCapabilities());
}

TEST(Audit, EverySentenceIsInBothLanguages) {
  const auto expect_both = [](const Words& words) {
    EXPECT_STRNE(words.en, "");
    EXPECT_STRNE(words.es, "") << words.en;
    EXPECT_STRNE(words.es, words.en);
    EXPECT_EQ(std::string_view(words.en).find("{0}") == std::string_view::npos,
              std::string_view(words.es).find("{0}") == std::string_view::npos)
        << words.en;
  };
  for (const Rule& rule : AllRules()) {
    expect_both(rule.reason);
    expect_both(rule.remedy);
  }
  for (const CapabilityRule& rule : CapabilityRules()) expect_both(rule.reason);
  expect_both(kCapabilityRemedy);
}

TEST(Audit, ANarrowBindOfTheHostIsNoFinding) {
  ContainerInput input = GoodInput();
  Bind(input, "/srv/data", {});
  input.spec.mounts.push_back(MakeMount("/usr/share/x", "bind", "/usr/share/x", {"rbind", "ro"}));
  EXPECT_THAT(Lines(AuditOf(input)), IsEmpty());
}

TEST(Audit, RootOfAUserNamespaceOnlyIsNotRootOfTheHost) {
  ContainerInput input = GoodInput();
  Root(input);
  EXPECT_THAT(Lines(AuditOf(input, {.rootless = true})), IsEmpty());
}

TEST(Audit, TheWorstComesFirst) {
  ContainerInput input = GoodInput();
  input.spec.root.readonly = false;
  input.spec.process->no_new_privileges = false;
  Bind(input, "/run/docker.sock", {});
  const auto findings = AuditOf(input);
  EXPECT_TRUE(std::ranges::is_sorted(findings, std::ranges::greater(), &Finding::severity));
  EXPECT_EQ(findings.front().rule, "engine-socket");
}

TEST(Audit, WhereASecurityModuleIsOnAContainerWithoutALabelIsWorse) {
  ContainerInput input = GoodInput();
  input.spec.process->apparmor_profile.clear();
  EXPECT_THAT(Lines(AuditOf(input, {.security_module = true})),
              ::testing::ElementsAre("no-label medium process.apparmorProfile"));
  // Its offsets are written into a file of /proc too, which is no label.
  input.spec.linux_config.namespaces.push_back({NamespaceType::kTime, ""});
  input.spec.linux_config.boottime_offset = oci::TimeOffset{1, 0};
  EXPECT_THAT(Lines(AuditOf(input)), ::testing::ElementsAre("no-label low process.apparmorProfile"));
  input.spec.process->selinux_label = "system_u:system_r:container_t:s0:c1,c2";
  EXPECT_THAT(Lines(AuditOf(input, {.security_module = true})), IsEmpty());
}

TEST(Audit, TextAndJsonSayTheSame) {
  ContainerInput input = GoodInput();
  input.spec.linux_config.seccomp.reset();
  HostFacts facts = HybridHost();
  facts.kernel.apparmor = true;
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, facts));
  const auto english = Audit(plan);
  EXPECT_THAT(AuditText(plan, english, Language::kEnglish),
              HasSubstr("audit of 'web': 1 high\n\nhigh  no-seccomp"));
  EXPECT_THAT(AuditJson(plan, english), HasSubstr("\"rule\":\"no-seccomp\""));
  const auto spanish = Audit(plan, {.language = Language::kSpanish});
  EXPECT_THAT(AuditText(plan, spanish, Language::kSpanish),
              HasSubstr("auditoría de 'web': 1 alta\n\nalta  no-seccomp"));
  EXPECT_THAT(AuditText(plan, spanish, Language::kSpanish), Not(HasSubstr("remedy")));
  EXPECT_THAT(AuditText(plan, {}, Language::kEnglish), HasSubstr("nothing found"));
}

}  // namespace
}  // namespace estiba::plan
