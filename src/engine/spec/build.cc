#include "build.h"

#include "base/parse.h"
#include "base/text.h"
#include "network_mode.h"

namespace estiba::engine {
namespace {

using apitypes::HostConfig;

constexpr const char* kInitTarget = "/sbin/docker-init";

void AddNamespace(oci::RuntimeSpec& spec, oci::NamespaceType type, std::string path = "") {
  spec.linux_config.namespaces.push_back({type, std::move(path)});
}

std::string NamespacePath(const SpecContext& context, const char* key, const char* file) {
  const auto found = context.joined.find(key);
  return found == context.joined.end() ? "" : "/proc/" + std::to_string(found->second) + "/ns/" + file;
}

void BuildNamespaces(const ContainerRecord& record, const SpecContext& context, oci::RuntimeSpec& spec) {
  const HostConfig& host = record.create.host_config;
  AddNamespace(spec, oci::NamespaceType::kMount);
  if (host.pid_mode != "host") AddNamespace(spec, oci::NamespaceType::kPid, NamespacePath(context, "pid", "pid"));
  if (host.ipc_mode != "host") AddNamespace(spec, oci::NamespaceType::kIpc, NamespacePath(context, "ipc", "ipc"));
  if (host.uts_mode != "host") AddNamespace(spec, oci::NamespaceType::kUts);
  if (!UsesHostNetwork(record)) {
    const std::string path = JoinedNetworkPath(host.network_mode);
    AddNamespace(spec, oci::NamespaceType::kNetwork, path.empty() ? NamespacePath(context, "network", "net") : path);
  }
  if (host.cgroupns_mode != "host") AddNamespace(spec, oci::NamespaceType::kCgroup);
  if (record.ids.empty()) return;
  AddNamespace(spec, oci::NamespaceType::kUser);
  spec.linux_config.uid_mappings = record.ids.uids;
  spec.linux_config.gid_mappings = record.ids.gids;
}

std::string Hostname(const ContainerRecord& record, const SpecContext& context) {
  const std::string& wanted = record.create.config.hostname;
  return wanted.empty() ? context.host_name : wanted;
}

Result<std::vector<oci::Rlimit>> BuildRlimits(const ContainerRecord& record, const SpecContext& context) {
  std::vector<oci::Rlimit> limits;
  const auto add = [&](const std::string& type, std::uint64_t soft, std::uint64_t hard) {
    std::erase_if(limits, [&](const oci::Rlimit& limit) { return limit.type == type; });
    limits.push_back({type, soft, hard});
  };
  if (const auto& nofile = context.limits.nofile) add("RLIMIT_NOFILE", nofile->first, nofile->second);
  if (const auto& nproc = context.limits.nproc) add("RLIMIT_NPROC", nproc->first, nproc->second);
  for (const apitypes::Ulimit& limit : record.create.host_config.resources.ulimits) {
    // -1 is "unlimited", which as an unsigned number is RLIM_INFINITY.
    add(TRY(RlimitName(limit.name)), static_cast<std::uint64_t>(limit.soft), static_cast<std::uint64_t>(limit.hard));
  }
  return limits;
}

std::vector<std::string> Argv(const ContainerRecord& record) {
  std::vector<std::string> argv = record.command.Argv();
  if (record.create.host_config.init.value_or(false)) {
    argv.insert(argv.begin(), {kInitTarget, "--"});
  }
  return argv;
}

// What links add goes before the container's own.
std::vector<std::string> EnvOf(const ContainerRecord& record, const SpecContext& context, bool tty) {
  return ApplyEnv(ProcessEnv(context.link_env, Hostname(record, context), tty), record.create.config.env);
}

Result<oci::Process> BuildProcess(const ContainerRecord& record, const SpecContext& context) {
  const apitypes::ContainerConfig& config = record.create.config;
  const HostConfig& host = record.create.host_config;
  oci::Process process;
  process.terminal = config.tty;
  if (host.console_size.size() == 2 && host.console_size[0] != 0) {
    process.console_size = oci::ConsoleSize{host.console_size[0], host.console_size[1]};
  }
  process.user.username = config.user;
  for (const std::string& group : host.group_add) {
    const auto gid = ParseUint(group, INT32_MAX);
    if (!gid.ok()) {
      return Error(Code::kInvalidArgument, "HostConfig.GroupAdd: group '" + group + "' must be given by its number");
    }
    process.user.additional_gids.push_back(static_cast<std::uint32_t>(gid.value()));
  }
  process.args = Argv(record);
  process.env = EnvOf(record, context, config.tty);
  process.cwd = config.working_dir.empty() ? "/" : config.working_dir;
  process.rlimits = TRY(BuildRlimits(record, context));
  // Always given, so that what the engine was started with does not reach the container.
  process.oom_score_adj = static_cast<int>(host.oom_score_adj);
  return process;
}

void BuildDevices(const SpecContext& context, const HostConfig& host, oci::RuntimeSpec& spec) {
  for (const HostDevice& device : context.devices) {
    spec.linux_config.devices.push_back(device.device);
    if (host.privileged) continue;
    spec.linux_config.resources.devices.push_back(
        {true, device.device.type == 'b' ? 'b' : 'c', device.device.major, device.device.minor, device.access});
  }
}

}  // namespace

bool UsesHostNetwork(const ContainerRecord& record) { return record.create.host_config.network_mode == "host"; }

std::string JoinedContainer(const std::string& mode) {
  return mode.starts_with("container:") ? mode.substr(std::string_view("container:").size()) : "";
}

Result<oci::RuntimeSpec> BuildSpec(const ContainerRecord& record, const SpecContext& context) {
  const HostConfig& host = record.create.host_config;
  oci::RuntimeSpec spec;
  spec.process = TRY(BuildProcess(record, context));
  spec.root.readonly = host.readonly_rootfs;
  if (host.uts_mode != "host") {
    spec.hostname = Hostname(record, context);
    spec.domainname = record.create.config.domainname;
  }
  BuildNamespaces(record, context, spec);
  spec.mounts = TRY(BuildMounts(record, context));
  oci::Linux& config = spec.linux_config;
  config.resources = BuildResources(host.resources, context);
  // The plan starts with refusing all but the default nodes.
  if (host.privileged) config.resources.devices = {{true, 'a', std::nullopt, std::nullopt, "rwm"}};
  BuildDevices(context, host, spec);
  for (const std::string& rule : host.resources.device_cgroup_rules) {
    config.resources.devices.push_back(TRY(ParseDeviceRule(rule)));
  }
  for (const auto& [key, value] : host.sysctls) config.sysctl.emplace_back(key, value);
  for (const auto& [key, value] : host.annotations) spec.annotations.emplace_back(key, value);
  config.cgroups_path = context.cgroup_path;
  TRY(BuildSecurity(record, context, spec));
  return spec;
}

Result<oci::Process> BuildExecProcess(const ContainerRecord& record, const SpecContext& context,
                                      const apitypes::ExecCreate& create) {
  oci::RuntimeSpec spec;
  ContainerRecord copy = record;
  if (create.privileged) copy.create.host_config.privileged = true;
  spec.process = TRY(BuildProcess(copy, context));
  TRY(BuildSecurity(copy, context, spec));
  oci::Process process = std::move(*spec.process);
  process.terminal = create.tty;
  process.console_size.reset();
  if (create.tty && create.console_size.size() == 2) {
    process.console_size = oci::ConsoleSize{create.console_size[0], create.console_size[1]};
  }
  if (!create.user.empty()) process.user.username = create.user;
  process.args = create.cmd;
  process.env = ApplyEnv(EnvOf(record, context, create.tty), create.env);
  if (!create.working_dir.empty()) process.cwd = create.working_dir;
  return process;
}

}  // namespace estiba::engine
