#include "validate.h"

#include <cstdio>

#include "../config_reader.h"
#include "base/parse.h"
#include "build.h"
#include "health.h"
#include "id_maps.h"
#include "log_driver.h"
#include "network_mode.h"

namespace estiba::engine {
namespace {

using apitypes::HostConfig;

constexpr std::int64_t kMinMemory = 6 << 20;

Error Bad(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

Status Refuse(bool present, const char* field) {
  if (!present) return Ok();
  return Bad(std::string(field) + " is not supported by this engine");
}

bool OneOf(const std::string& value, std::initializer_list<const char*> known) {
  for (const char* item : known) {
    if (value == item) return true;
  }
  return false;
}

Status RefuseUnsupported(const HostConfig& host) {
  const apitypes::Resources& resources = host.resources;
  TRY(Refuse(!host.volume_driver.empty() && host.volume_driver != "local", "HostConfig.VolumeDriver"));
  TRY(Refuse(!host.cgroup.empty(), "HostConfig.Cgroup"));
  TRY(Refuse(!OneOf(host.isolation, {"", "default"}), "HostConfig.Isolation"));
  TRY(Refuse(!resources.device_requests.empty(), "HostConfig.DeviceRequests"));
  TRY(Refuse(!resources.blkio_weight_device.empty(), "HostConfig.BlkioWeightDevice"));
  TRY(Refuse(!resources.blkio_device_read_bps.empty(), "HostConfig.BlkioDeviceReadBps"));
  TRY(Refuse(!resources.blkio_device_write_bps.empty(), "HostConfig.BlkioDeviceWriteBps"));
  TRY(Refuse(!resources.blkio_device_read_iops.empty(), "HostConfig.BlkioDeviceReadIOps"));
  TRY(Refuse(!resources.blkio_device_write_iops.empty(), "HostConfig.BlkioDeviceWriteIOps"));
  TRY(Refuse(resources.kernel_memory > 0, "HostConfig.KernelMemory"));
  TRY(Refuse(resources.kernel_memory_tcp > 0, "HostConfig.KernelMemoryTCP"));
  TRY(Refuse(resources.cpu_count != 0, "HostConfig.CpuCount"));
  TRY(Refuse(resources.cpu_percent != 0, "HostConfig.CpuPercent"));
  TRY(Refuse(!OneOf(host.uts_mode, {"", "host"}), "HostConfig.UTSMode"));
  if (!OneOf(host.runtime, {"", "estiba", "runc"})) {
    return Bad("unknown or invalid runtime name: " + host.runtime);
  }
  return Ok();
}

Status ValidateModes(const HostConfig& host) {
  if (!OneOf(host.cgroupns_mode, {"", "private", "host"})) {
    return Bad("invalid cgroup namespace mode: " + host.cgroupns_mode);
  }
  if (!OneOf(host.ipc_mode, {"", "private", "shareable", "host", "none"}) && JoinedContainer(host.ipc_mode).empty()) {
    return Bad("invalid IPC mode: " + host.ipc_mode);
  }
  TRY(ParseUserns(host.userns_mode));
  if (!OneOf(host.pid_mode, {"", "private", "host"}) && JoinedContainer(host.pid_mode).empty()) {
    return Bad("invalid PID mode: " + host.pid_mode);
  }
  return Ok();
}

Status ValidateConfig(const apitypes::ContainerConfig& config) {
  if (!config.working_dir.empty() && config.working_dir[0] != '/') {
    return Bad("the working directory '" + config.working_dir + "' is invalid, it needs to be an absolute path");
  }
  for (const std::string& entry : config.env) {
    if (entry.empty() || entry[0] == '=') return Bad("invalid environment variable: " + entry);
  }
  if (!config.stop_signal.empty()) TRY(ParseSignal(config.stop_signal));
  if (config.hostname.size() > 63) return Bad("invalid hostname '" + config.hostname + "': longer than 63 letters");
  return config.healthcheck ? ValidateHealth(*config.healthcheck) : Ok();
}

Status ValidateRanges(const HostConfig& host) {
  if (host.oom_score_adj < -1000 || host.oom_score_adj > 1000) {
    return Bad("Invalid value " + std::to_string(host.oom_score_adj) + ", range for oom score adj is [-1000, 1000]");
  }
  if (host.shm_size < 0) return Bad("SHM size can not be less than 0");
  return Ok();
}

}  // namespace

Result<std::uint64_t> SizeLimit(const HostConfig& host) {
  std::uint64_t bytes = 0;
  for (const auto& [key, value] : host.storage_opt) {
    if (key != "size") return Bad("--storage-opt: Unknown option " + key);
    const auto size = ParseSize(value);
    if (!size.ok() || *size < 0) return Bad("--storage-opt size: invalid size: '" + value + "'");
    bytes = static_cast<std::uint64_t>(*size);
  }
  return bytes;
}

Status ValidateRestartPolicy(const apitypes::RestartPolicy& policy, bool auto_remove) {
  if (!OneOf(policy.name, {"", "no", "always", "unless-stopped", "on-failure"})) {
    return Bad("invalid restart policy: unknown policy '" + policy.name +
               "'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'");
  }
  if (policy.maximum_retry_count < 0) {
    return Bad("invalid restart policy: maximum retry count cannot be negative");
  }
  if (policy.maximum_retry_count > 0 && policy.name != "on-failure") {
    return Bad("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
  if (auto_remove && !OneOf(policy.name, {"", "no"})) {
    return Bad("can't create 'AutoRemove' container with restart policy");
  }
  return Ok();
}

Status ValidateResources(const apitypes::Resources& resources, const HostLimits& host,
                         std::vector<std::string>* warnings) {
  if (resources.memory != 0 && resources.memory < kMinMemory) return Bad("Minimum memory limit allowed is 6MB");
  if (resources.memory == 0 && resources.memory_swap > 0) {
    return Bad("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (resources.memory > 0 && resources.memory_swap > 0 && resources.memory_swap < resources.memory) {
    return Bad("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (resources.memory > 0 && resources.memory_reservation > resources.memory) {
    return Bad("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  if (resources.memory > 0 && !host.swap_limit) {
    warnings->emplace_back("Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory "
                           "limited without swap.");
  }
  if (resources.nano_cpus != 0 && (resources.cpu_period != 0 || resources.cpu_quota != 0)) {
    return Bad("Conflicting options: Nano CPUs and CPU Period/Quota cannot both be set");
  }
  if (resources.nano_cpus < 0 || resources.nano_cpus > std::int64_t{host.cpus} * 1'000'000'000 ||
      (resources.nano_cpus > 0 && resources.nano_cpus < 10'000'000)) {
    char text[160];
    std::snprintf(text, sizeof text,
                  "range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available", host.cpus, host.cpus);
    return Bad(text);
  }
  if (resources.cpu_period != 0 && (resources.cpu_period < 1000 || resources.cpu_period > 1'000'000)) {
    return Bad("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (resources.cpu_quota > 0 && resources.cpu_quota < 1000) {
    return Bad("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
  if (resources.cpu_shares < 0) return Bad("shares cannot be negative");
  if (resources.blkio_weight != 0 && (resources.blkio_weight < 10 || resources.blkio_weight > 1000)) {
    return Bad("range of blkio weight is from 10 to 1000");
  }
  for (const apitypes::Ulimit& limit : resources.ulimits) {
    TRY(RlimitName(limit.name));
    if (limit.hard >= 0 && (limit.soft < 0 || limit.soft > limit.hard)) {
      return Bad("ulimit soft limit must be less than or equal to hard limit: " + limit.name);
    }
  }
  for (const std::string& rule : resources.device_cgroup_rules) TRY(ParseDeviceRule(rule));
  return Ok();
}

Status ValidateCreate(apitypes::ContainerCreate& create, const HostLimits& host, std::vector<std::string>* warnings) {
  HostConfig& config = create.host_config;
  TRY(ValidateConfig(create.config));
  TRY(RefuseUnsupported(config));
  TRY(ValidateModes(config));
  TRY(ValidateNetworkMode(create));
  TRY(ValidateLog(config.log_config));
  if (config.restart_policy.name.empty()) config.restart_policy.name = "no";
  TRY(ValidateRestartPolicy(config.restart_policy, config.auto_remove));
  TRY(ValidateResources(config.resources, host, warnings));
  TRY(ValidateRanges(config));
  TRY(SizeLimit(config));
  TRY(ParseSecurityOptions(config.security_opt));
  return Ok();
}

Result<Command> MergeImage(apitypes::ContainerCreate& create, const ImageDefaults& image) {
  apitypes::ContainerConfig& config = create.config;
  Command command = TRY(MergeCommand(config.entrypoint, config.cmd.value_or(std::vector<std::string>{}), image));
  config.env = MergeEnv(config.env, image.env);
  if (config.working_dir.empty()) config.working_dir = image.working_dir;
  if (config.user.empty()) config.user = image.user;
  if (config.stop_signal.empty()) config.stop_signal = image.stop_signal;
  for (const auto& [key, value] : image.labels) config.labels.emplace(key, value);
  if (image.healthcheck)
    config.healthcheck = MergeHealth(config.healthcheck.value_or(apitypes::HealthConfig{}), *image.healthcheck);
  for (const std::string& volume : image.volumes) config.volumes.insert(volume);
  for (const std::string& port : image.exposed_ports) config.exposed_ports.insert(port);
  config.cmd = command.cmd;
  if (command.entrypoint.empty()) {
    config.entrypoint.reset();
  } else {
    config.entrypoint = command.entrypoint;
  }
  return command;
}

Result<std::vector<net::PublishRequest>> CollectPorts(const apitypes::ContainerCreate& create) {
  std::vector<net::PublishRequest> requests;
  const HostConfig& host = create.host_config;
  const auto add = [&](const net::ContainerPort& port, const apitypes::PortBinding& binding) -> Status {
    const net::HostPortRange range = TRY(net::ParseHostPort(binding.host_port));
    requests.push_back({binding.host_ip, range.first, range.last, port});
    return Ok();
  };
  for (const auto& [text, bindings] : host.port_bindings) {
    const net::ContainerPort port = TRY(net::ParseContainerPort(text));
    if (bindings.empty()) TRY(add(port, {}));
    for (const apitypes::PortBinding& binding : bindings) TRY(add(port, binding));
  }
  if (!host.publish_all_ports) return requests;
  for (const std::string& text : create.config.exposed_ports) {
    const std::vector<net::ContainerPort> ports = TRY(net::ParseExpose(text));
    for (const net::ContainerPort& port : ports) {
      if (!host.port_bindings.contains(net::ToString(port))) TRY(add(port, {}));
    }
  }
  return requests;
}

}  // namespace estiba::engine
