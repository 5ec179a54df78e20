// config.json out of the structs. What is unset is left out.

#include "codec/json.h"
#include "oci/runtime_json.h"

namespace estiba::oci {
namespace {

using codec::Json;

// Adds what is set.
void Put(Json& out, const char* key, const std::string& value) {
  if (!value.empty()) out.Set(key, value);
}
void Put(Json& out, const char* key, const std::vector<std::string>& values) {
  if (!values.empty()) out.Set(key, Json(values));
}
void Put(Json& out, const char* key, bool value) {
  if (value) out.Set(key, true);
}
template <typename T>
void Put(Json& out, const char* key, const std::optional<T>& value) {
  if (value) out.Set(key, Json(*value));
}
void Put(Json& out, const char* key, const StringMap& map) {
  if (map.empty()) return;
  Json object = Json::MakeObject();
  for (const auto& [name, value] : map) object.Set(name, value);
  out.Set(key, std::move(object));
}
void Put(Json& out, const char* key, Json value) {
  if (!value.empty()) out.Set(key, std::move(value));
}

template <typename T, typename F>
void PutEach(Json& out, const char* key, const std::vector<T>& items, F write) {
  if (items.empty()) return;
  Json list = Json::MakeArray();
  for (const T& item : items) list.Append(write(item));
  out.Set(key, std::move(list));
}

Json WriteMapping(const IdMapping& mapping) {
  return Json::MakeObject({{"containerID", mapping.container_id}, {"hostID", mapping.host_id}, {"size", mapping.size}});
}

Json WriteUser(const User& user) {
  Json out = Json::MakeObject({{"uid", user.uid}, {"gid", user.gid}});
  Put(out, "umask", user.umask);
  PutEach(out, "additionalGids", user.additional_gids, [](std::uint32_t gid) { return Json(gid); });
  Put(out, "username", user.username);
  return out;
}

Json WriteCapabilities(const Capabilities& caps) {
  Json out = Json::MakeObject();
  Put(out, "bounding", caps.bounding);
  Put(out, "effective", caps.effective);
  Put(out, "inheritable", caps.inheritable);
  Put(out, "permitted", caps.permitted);
  Put(out, "ambient", caps.ambient);
  return out;
}

Json WriteScheduler(const Scheduler& scheduler) {
  Json out = Json::MakeObject({{"policy", scheduler.policy}});
  if (scheduler.nice != 0) out.Set("nice", scheduler.nice);
  if (scheduler.priority != 0) out.Set("priority", scheduler.priority);
  Put(out, "flags", scheduler.flags);
  if (scheduler.runtime != 0) out.Set("runtime", scheduler.runtime);
  if (scheduler.deadline != 0) out.Set("deadline", scheduler.deadline);
  if (scheduler.period != 0) out.Set("period", scheduler.period);
  return out;
}

Json WriteProcess(const Process& process) {
  Json out = Json::MakeObject({{"terminal", process.terminal}});
  if (process.console_size)
    out.Set("consoleSize", Json::MakeObject({{"height", process.console_size->height},
                                             {"width", process.console_size->width}}));
  out.Set("user", WriteUser(process.user));
  Put(out, "args", process.args);
  Put(out, "env", process.env);
  out.Set("cwd", process.cwd);
  if (process.capabilities) out.Set("capabilities", WriteCapabilities(*process.capabilities));
  PutEach(out, "rlimits", process.rlimits, [](const Rlimit& limit) {
    return Json::MakeObject({{"type", limit.type}, {"hard", limit.hard}, {"soft", limit.soft}});
  });
  Put(out, "noNewPrivileges", process.no_new_privileges);
  Put(out, "oomScoreAdj", process.oom_score_adj);
  Put(out, "apparmorProfile", process.apparmor_profile);
  Put(out, "selinuxLabel", process.selinux_label);
  if (process.scheduler) out.Set("scheduler", WriteScheduler(*process.scheduler));
  if (process.io_priority)
    out.Set("ioPriority", Json::MakeObject({{"class", process.io_priority->io_class},
                                            {"priority", process.io_priority->priority}}));
  if (process.exec_cpu_affinity) {
    Json affinity = Json::MakeObject();
    Put(affinity, "initial", process.exec_cpu_affinity->initial);
    Put(affinity, "final", process.exec_cpu_affinity->final_cpus);
    out.Set("execCPUAffinity", std::move(affinity));
  }
  return out;
}

Json WriteMount(const Mount& mount) {
  Json out = Json::MakeObject({{"destination", mount.destination}});
  Put(out, "type", mount.type);
  Put(out, "source", mount.source);
  Put(out, "options", mount.options);
  PutEach(out, "uidMappings", mount.uid_mappings, WriteMapping);
  PutEach(out, "gidMappings", mount.gid_mappings, WriteMapping);
  return out;
}

Json WriteHook(const Hook& hook) {
  Json out = Json::MakeObject({{"path", hook.path}});
  Put(out, "args", hook.args);
  if (hook.env) out.Set("env", Json(*hook.env));
  Put(out, "timeout", hook.timeout);
  return out;
}

Json WriteHooks(const Hooks& hooks) {
  Json out = Json::MakeObject();
  PutEach(out, "prestart", hooks.prestart, WriteHook);
  PutEach(out, "createRuntime", hooks.create_runtime, WriteHook);
  PutEach(out, "createContainer", hooks.create_container, WriteHook);
  PutEach(out, "startContainer", hooks.start_container, WriteHook);
  PutEach(out, "poststart", hooks.poststart, WriteHook);
  PutEach(out, "poststop", hooks.poststop, WriteHook);
  return out;
}

// ---- linux ---------------------------------------------------------------------------------------------------

Json WriteOffset(const TimeOffset& offset) {
  return Json::MakeObject({{"secs", offset.secs}, {"nanosecs", offset.nanosecs}});
}

Json WriteDevice(const Device& device) {
  Json out = Json::MakeObject({{"path", device.path}, {"type", std::string(1, device.type)}});
  if (device.type != 'p') {
    out.Set("major", device.major);
    out.Set("minor", device.minor);
  }
  Put(out, "fileMode", device.file_mode);
  Put(out, "uid", device.uid);
  Put(out, "gid", device.gid);
  return out;
}

Json WriteDeviceRule(const DeviceRule& rule) {
  Json out = Json::MakeObject({{"allow", rule.allow}});
  if (rule.type != 'a') out.Set("type", std::string(1, rule.type));
  Put(out, "major", rule.major);
  Put(out, "minor", rule.minor);
  Put(out, "access", rule.access);
  return out;
}

Json WriteMemory(const MemoryResources& memory) {
  Json out = Json::MakeObject();
  Put(out, "limit", memory.limit);
  Put(out, "reservation", memory.reservation);
  Put(out, "swap", memory.swap);
  Put(out, "kernel", memory.kernel);
  Put(out, "kernelTCP", memory.kernel_tcp);
  Put(out, "swappiness", memory.swappiness);
  Put(out, "disableOOMKiller", memory.disable_oom_killer);
  Put(out, "useHierarchy", memory.use_hierarchy);
  Put(out, "checkBeforeUpdate", memory.check_before_update);
  return out;
}

Json WriteCpu(const CpuResources& cpu) {
  Json out = Json::MakeObject();
  Put(out, "shares", cpu.shares);
  Put(out, "quota", cpu.quota);
  Put(out, "burst", cpu.burst);
  Put(out, "period", cpu.period);
  Put(out, "realtimeRuntime", cpu.realtime_runtime);
  Put(out, "realtimePeriod", cpu.realtime_period);
  Put(out, "cpus", cpu.cpus);
  Put(out, "mems", cpu.mems);
  Put(out, "idle", cpu.idle);
  return out;
}

Json WriteThrottle(const ThrottleDevice& device) {
  return Json::MakeObject({{"major", device.major}, {"minor", device.minor}, {"rate", device.rate}});
}

Json WriteBlockIo(const BlockIoResources& io) {
  Json out = Json::MakeObject();
  Put(out, "weight", io.weight);
  Put(out, "leafWeight", io.leaf_weight);
  PutEach(out, "weightDevice", io.weight_devices, [](const WeightDevice& device) {
    Json entry = Json::MakeObject({{"major", device.major}, {"minor", device.minor}});
    Put(entry, "weight", device.weight);
    Put(entry, "leafWeight", device.leaf_weight);
    return entry;
  });
  PutEach(out, "throttleReadBpsDevice", io.throttle_read_bps, WriteThrottle);
  PutEach(out, "throttleWriteBpsDevice", io.throttle_write_bps, WriteThrottle);
  PutEach(out, "throttleReadIOPSDevice", io.throttle_read_iops, WriteThrottle);
  PutEach(out, "throttleWriteIOPSDevice", io.throttle_write_iops, WriteThrottle);
  return out;
}

Json WriteNetwork(const NetworkResources& network) {
  Json out = Json::MakeObject();
  Put(out, "classID", network.class_id);
  PutEach(out, "priorities", network.priorities, [](const InterfacePriority& entry) {
    return Json::MakeObject({{"name", entry.name}, {"priority", entry.priority}});
  });
  return out;
}

Json WriteRdma(const std::vector<RdmaLimit>& limits) {
  Json out = Json::MakeObject();
  for (const RdmaLimit& limit : limits) {
    Json entry = Json::MakeObject();
    Put(entry, "hcaHandles", limit.hca_handles);
    Put(entry, "hcaObjects", limit.hca_objects);
    out.Set(limit.device, std::move(entry));
  }
  return out;
}

Json WriteResources(const Resources& resources) {
  Json out = Json::MakeObject();
  PutEach(out, "devices", resources.devices, WriteDeviceRule);
  Put(out, "memory", WriteMemory(resources.memory));
  Put(out, "cpu", WriteCpu(resources.cpu));
  if (resources.pids_limit) out.Set("pids", Json::MakeObject({{"limit", *resources.pids_limit}}));
  Put(out, "blockIO", WriteBlockIo(resources.block_io));
  PutEach(out, "hugepageLimits", resources.hugepages, [](const HugepageLimit& limit) {
    return Json::MakeObject({{"pageSize", limit.page_size}, {"limit", limit.limit}});
  });
  Put(out, "network", WriteNetwork(resources.network));
  Put(out, "rdma", WriteRdma(resources.rdma));
  Put(out, "unified", resources.unified);
  return out;
}

Json WriteSeccompRule(const SeccompRule& rule) {
  Json out = Json::MakeObject({{"names", Json(rule.names)}, {"action", SeccompActionName(rule.action)}});
  Put(out, "errnoRet", rule.errno_ret);
  PutEach(out, "args", rule.args, [](const SeccompArg& arg) {
    Json entry = Json::MakeObject({{"index", arg.index}, {"value", arg.value}});
    if (arg.value_two != 0) entry.Set("valueTwo", arg.value_two);
    entry.Set("op", SeccompOpName(arg.op));
    return entry;
  });
  return out;
}

Json WriteSeccomp(const Seccomp& seccomp) {
  Json out = Json::MakeObject({{"defaultAction", SeccompActionName(seccomp.default_action)}});
  Put(out, "defaultErrnoRet", seccomp.default_errno_ret);
  Put(out, "architectures", seccomp.architectures);
  if (seccomp.flags) out.Set("flags", Json(*seccomp.flags));
  Put(out, "listenerPath", seccomp.listener_path);
  Put(out, "listenerMetadata", seccomp.listener_metadata);
  PutEach(out, "syscalls", seccomp.syscalls, WriteSeccompRule);
  return out;
}

Json WriteIntelRdt(const IntelRdt& rdt) {
  Json out = Json::MakeObject();
  Put(out, "closID", rdt.clos_id);
  Put(out, "schemata", rdt.schemata);
  Put(out, "l3CacheSchema", rdt.l3_cache_schema);
  Put(out, "memBwSchema", rdt.mem_bw_schema);
  Put(out, "enableMonitoring", rdt.enable_monitoring);
  return out;
}

void WriteIsolation(const Linux& config, Json& out) {
  PutEach(out, "namespaces", config.namespaces, [](const Namespace& entry) {
    Json object = Json::MakeObject({{"type", NamespaceName(entry.type)}});
    Put(object, "path", entry.path);
    return object;
  });
  PutEach(out, "uidMappings", config.uid_mappings, WriteMapping);
  PutEach(out, "gidMappings", config.gid_mappings, WriteMapping);
  Json offsets = Json::MakeObject();
  if (config.monotonic_offset) offsets.Set("monotonic", WriteOffset(*config.monotonic_offset));
  if (config.boottime_offset) offsets.Set("boottime", WriteOffset(*config.boottime_offset));
  Put(out, "timeOffsets", std::move(offsets));
  PutEach(out, "devices", config.devices, WriteDevice);
  Json net_devices = Json::MakeObject();
  for (const NetDevice& device : config.net_devices) {
    Json entry = Json::MakeObject();
    Put(entry, "name", device.name);
    net_devices.Set(device.host_name, std::move(entry));
  }
  Put(out, "netDevices", std::move(net_devices));
}

Json WriteLinux(const Linux& config) {
  Json out = Json::MakeObject();
  WriteIsolation(config, out);
  Put(out, "cgroupsPath", config.cgroups_path);
  Put(out, "resources", WriteResources(config.resources));
  Put(out, "rootfsPropagation", config.rootfs_propagation);
  if (config.seccomp) out.Set("seccomp", WriteSeccomp(*config.seccomp));
  Put(out, "maskedPaths", config.masked_paths);
  Put(out, "readonlyPaths", config.readonly_paths);
  Put(out, "mountLabel", config.mount_label);
  Put(out, "sysctl", config.sysctl);
  if (!config.personality.empty()) out.Set("personality", Json::MakeObject({{"domain", config.personality}}));
  if (config.intel_rdt) out.Set("intelRdt", WriteIntelRdt(*config.intel_rdt));
  if (config.memory_policy) {
    Json policy = Json::MakeObject({{"mode", config.memory_policy->mode}, {"nodes", config.memory_policy->nodes}});
    Put(policy, "flags", config.memory_policy->flags);
    out.Set("memoryPolicy", std::move(policy));
  }
  return out;
}

}  // namespace

std::string WriteRuntimeSpec(const RuntimeSpec& spec, bool indent) {
  Json out = Json::MakeObject({{"ociVersion", spec.oci_version}});
  if (spec.process) out.Set("process", WriteProcess(*spec.process));
  if (!spec.root.path.empty() || spec.root.readonly)
    out.Set("root", Json::MakeObject({{"path", spec.root.path}, {"readonly", spec.root.readonly}}));
  Put(out, "hostname", spec.hostname);
  Put(out, "domainname", spec.domainname);
  PutEach(out, "mounts", spec.mounts, WriteMount);
  Put(out, "hooks", WriteHooks(spec.hooks));
  Put(out, "annotations", spec.annotations);
  Put(out, "linux", WriteLinux(spec.linux_config));
  return out.Dump(indent ? 2 : 0);
}

}  // namespace estiba::oci
