// The `linux` object of config.json.

#include <array>

#include "oci/runtime_json.h"
#include "runtime_parse.h"

namespace estiba::oci {
namespace {

constexpr std::array kNamespaceTypes = {NamespaceType::kPid, NamespaceType::kNetwork, NamespaceType::kMount,
                                        NamespaceType::kIpc, NamespaceType::kUts,     NamespaceType::kUser,
                                        NamespaceType::kCgroup, NamespaceType::kTime};

void ReadNamespace(codec::Reader& in, Linux* out) {
  std::string type;
  Namespace entry;
  in.Read("type", &type);
  in.Read("path", &entry.path);
  if (!in.ok()) return;
  for (const NamespaceType known : kNamespaceTypes) {
    if (type != NamespaceName(known)) continue;
    entry.type = known;
    out->namespaces.push_back(std::move(entry));
    return;
  }
  in.Fail("type", "unknown namespace type '" + type + "'");
}

std::int64_t ReadDeviceNumber(codec::Reader& in, const char* key, bool required) {
  std::optional<std::int64_t> number;
  in.Read(key, &number);
  if (required && in.ok() && !number) in.Fail(key, "missing");
  return number.value_or(0);
}

void ReadDevice(codec::Reader& in, Linux* out) {
  std::string type;
  Device device;
  in.Read("path", &device.path);
  in.Read("type", &type);
  device.major = ReadDeviceNumber(in, "major", type != "p");
  device.minor = ReadDeviceNumber(in, "minor", type != "p");
  in.Read("fileMode", &device.file_mode);
  in.Read("uid", &device.uid);
  in.Read("gid", &device.gid);
  if (!in.ok()) return;
  if (type != "c" && type != "b" && type != "u" && type != "p")
    return in.Fail("type", "unknown device type '" + type + "'");
  device.type = type[0];
  out->devices.push_back(std::move(device));
}

void ReadTimeOffset(codec::Reader& in, const char* key, std::optional<TimeOffset>* out) {
  in.Object(key, [&](codec::Reader& entry) {
    TimeOffset& offset = out->emplace();
    entry.Read("secs", &offset.secs);
    entry.Read("nanosecs", &offset.nanosecs);
  });
}

void ReadDeviceRule(codec::Reader& in, Resources* out) {
  std::string type = "a";
  DeviceRule rule;
  in.Read("allow", &rule.allow);
  in.Read("type", &type);
  in.Read("major", &rule.major);
  in.Read("minor", &rule.minor);
  in.Read("access", &rule.access);
  if (!in.ok()) return;
  if (type.empty()) type = "a";
  if (type != "a" && type != "b" && type != "c") return in.Fail("type", "unknown device type '" + type + "'");
  rule.type = type[0];
  out->devices.push_back(std::move(rule));
}

void ReadMemory(codec::Reader& in, MemoryResources* out) {
  in.Read("limit", &out->limit);
  in.Read("reservation", &out->reservation);
  in.Read("swap", &out->swap);
  in.Read("kernel", &out->kernel);
  in.Read("kernelTCP", &out->kernel_tcp);
  in.Read("swappiness", &out->swappiness);
  in.Read("disableOOMKiller", &out->disable_oom_killer);
  in.Read("useHierarchy", &out->use_hierarchy);
  in.Read("checkBeforeUpdate", &out->check_before_update);
}

void ReadCpu(codec::Reader& in, CpuResources* out) {
  in.Read("shares", &out->shares);
  in.Read("quota", &out->quota);
  in.Read("burst", &out->burst);
  in.Read("period", &out->period);
  in.Read("realtimeRuntime", &out->realtime_runtime);
  in.Read("realtimePeriod", &out->realtime_period);
  in.Read("cpus", &out->cpus);
  in.Read("mems", &out->mems);
  in.Read("idle", &out->idle);
}

void ReadThrottle(codec::Reader& in, const char* key, std::vector<ThrottleDevice>* out) {
  in.EachObject(key, [&](codec::Reader& entry) {
    ThrottleDevice& device = out->emplace_back();
    entry.Read("major", &device.major);
    entry.Read("minor", &device.minor);
    entry.Read("rate", &device.rate);
  });
}

void ReadBlockIo(codec::Reader& in, BlockIoResources* out) {
  in.Read("weight", &out->weight);
  in.Read("leafWeight", &out->leaf_weight);
  in.EachObject("weightDevice", [&](codec::Reader& entry) {
    WeightDevice& device = out->weight_devices.emplace_back();
    entry.Read("major", &device.major);
    entry.Read("minor", &device.minor);
    entry.Read("weight", &device.weight);
    entry.Read("leafWeight", &device.leaf_weight);
  });
  ReadThrottle(in, "throttleReadBpsDevice", &out->throttle_read_bps);
  ReadThrottle(in, "throttleWriteBpsDevice", &out->throttle_write_bps);
  ReadThrottle(in, "throttleReadIOPSDevice", &out->throttle_read_iops);
  ReadThrottle(in, "throttleWriteIOPSDevice", &out->throttle_write_iops);
}

void ReadNetwork(codec::Reader& in, NetworkResources* out) {
  in.Read("classID", &out->class_id);
  in.EachObject("priorities", [&](codec::Reader& entry) {
    InterfacePriority& priority = out->priorities.emplace_back();
    entry.Read("name", &priority.name);
    entry.Read("priority", &priority.priority);
  });
}

void ReadSeccompArg(codec::Reader& in, SeccompRule* out) {
  SeccompArg arg;
  std::string op;
  in.Read("index", &arg.index);
  in.Read("value", &arg.value);
  in.Read("valueTwo", &arg.value_two);
  in.Read("op", &op);
  if (!in.ok()) return;
  const auto parsed = ParseSeccompOp(op);
  if (!parsed.ok()) return in.Fail("op", "unknown operator '" + op + "'");
  arg.op = *parsed;
  out->args.push_back(arg);
}

SeccompAction ReadAction(codec::Reader& in, const char* key) {
  std::string name;
  in.Require(key, &name);
  if (!in.ok()) return SeccompAction::kErrno;
  const auto action = ParseSeccompAction(name);
  if (action.ok()) return *action;
  in.Fail(key, "unknown action '" + name + "'");
  return SeccompAction::kErrno;
}

void ReadIntelRdt(codec::Reader& in, IntelRdt* out) {
  in.Read("closID", &out->clos_id);
  in.Read("schemata", &out->schemata);
  in.Read("l3CacheSchema", &out->l3_cache_schema);
  in.Read("memBwSchema", &out->mem_bw_schema);
  in.Read("enableMonitoring", &out->enable_monitoring);
}

void ReadIsolation(codec::Reader& in, Linux* out) {
  in.EachObject("namespaces", [&](codec::Reader& entry) { ReadNamespace(entry, out); });
  ReadIdMappings(in, "uidMappings", &out->uid_mappings);
  ReadIdMappings(in, "gidMappings", &out->gid_mappings);
  in.Object("timeOffsets", [&](codec::Reader& entry) {
    ReadTimeOffset(entry, "monotonic", &out->monotonic_offset);
    ReadTimeOffset(entry, "boottime", &out->boottime_offset);
  });
  in.EachObject("devices", [&](codec::Reader& entry) { ReadDevice(entry, out); });
  in.EachMember("netDevices", [&](const std::string& host, codec::Reader& entry) {
    NetDevice& device = out->net_devices.emplace_back();
    device.host_name = host;
    entry.Read("name", &device.name);
  });
}

}  // namespace

void ReadResources(codec::Reader& in, Resources* out) {
  in.EachObject("devices", [&](codec::Reader& entry) { ReadDeviceRule(entry, out); });
  in.Object("memory", [&](codec::Reader& entry) { ReadMemory(entry, &out->memory); });
  in.Object("cpu", [&](codec::Reader& entry) { ReadCpu(entry, &out->cpu); });
  in.Object("pids", [&](codec::Reader& entry) { entry.Read("limit", &out->pids_limit); });
  in.Object("blockIO", [&](codec::Reader& entry) { ReadBlockIo(entry, &out->block_io); });
  in.EachObject("hugepageLimits", [&](codec::Reader& entry) {
    HugepageLimit& limit = out->hugepages.emplace_back();
    entry.Read("pageSize", &limit.page_size);
    entry.Read("limit", &limit.limit);
  });
  in.Object("network", [&](codec::Reader& entry) { ReadNetwork(entry, &out->network); });
  in.EachMember("rdma", [&](const std::string& device, codec::Reader& entry) {
    RdmaLimit& limit = out->rdma.emplace_back();
    limit.device = device;
    entry.Read("hcaHandles", &limit.hca_handles);
    entry.Read("hcaObjects", &limit.hca_objects);
  });
  ReadStringMap(in, "unified", &out->unified);
}

void ReadSeccomp(codec::Reader& in, Seccomp* out) {
  out->default_action = ReadAction(in, "defaultAction");
  in.Read("defaultErrnoRet", &out->default_errno_ret);
  in.Read("architectures", &out->architectures);
  in.Read("flags", &out->flags);
  in.Read("listenerPath", &out->listener_path);
  in.Read("listenerMetadata", &out->listener_metadata);
  in.EachObject("syscalls", [&](codec::Reader& entry) {
    SeccompRule& rule = out->syscalls.emplace_back();
    entry.Read("names", &rule.names);
    rule.action = ReadAction(entry, "action");
    entry.Read("errnoRet", &rule.errno_ret);
    entry.EachObject("args", [&](codec::Reader& arg) { ReadSeccompArg(arg, &rule); });
  });
}

void ReadLinux(codec::Reader& in, Linux* out) {
  ReadIsolation(in, out);
  in.Read("cgroupsPath", &out->cgroups_path);
  in.Object("resources", [&](codec::Reader& entry) { ReadResources(entry, &out->resources); });
  in.Read("rootfsPropagation", &out->rootfs_propagation);
  in.Object("seccomp", [&](codec::Reader& entry) { ReadSeccomp(entry, &out->seccomp.emplace()); });
  in.Read("maskedPaths", &out->masked_paths);
  in.Read("readonlyPaths", &out->readonly_paths);
  in.Read("mountLabel", &out->mount_label);
  ReadStringMap(in, "sysctl", &out->sysctl);
  in.Object("personality", [&](codec::Reader& entry) {
    std::vector<std::string> flags;
    entry.Read("domain", &out->personality);
    entry.Read("flags", &flags);
    if (!flags.empty()) entry.Fail("flags", "no flags are defined");
  });
  in.Object("intelRdt", [&](codec::Reader& entry) { ReadIntelRdt(entry, &out->intel_rdt.emplace()); });
  in.Object("memoryPolicy", [&](codec::Reader& entry) {
    MemoryPolicy& policy = out->memory_policy.emplace();
    entry.Read("mode", &policy.mode);
    entry.Read("nodes", &policy.nodes);
    entry.Read("flags", &policy.flags);
  });
}

}  // namespace estiba::oci
