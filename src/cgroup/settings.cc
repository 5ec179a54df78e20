#include "cgroup/settings.h"

#include <algorithm>

#include <cmath>
#include <cstdint>

#include "settings_builder.h"

namespace estiba::cgroup {
namespace {

std::string MajorMinor(std::int64_t major, std::int64_t minor) {
  return std::to_string(major) + ":" + std::to_string(minor);
}

// ---- memory --------------------------------------------------------------------------------------------------

// memory.swap of the specification is memory and swap together; both versions want it to make sense.
Status CheckSwap(const oci::MemoryResources& memory, const Hierarchies& hierarchies) {
  const std::int64_t swap = memory.swap.value_or(0);
  if (swap == 0 || swap == -1) return Ok();
  const std::string field = "linux.resources.memory.swap";
  if (swap < 0) return Error(Code::kInvalidArgument, field + ": invalid value " + std::to_string(swap));
  const std::int64_t limit = memory.limit.value_or(0);
  if (limit <= 0)
    return Error(Code::kInvalidArgument, field + ": unable to set swap limit without memory limit");
  if (swap < limit)
    return Error(Code::kInvalidArgument, field + ": memory+swap limit should be larger than or equal to memory limit");
  if (!hierarchies.swap_accounting)
    return Error(Code::kFailedPrecondition, field + ": this kernel does not account swap")
        .Hint("boot with swapaccount=1, or leave the swap limit away");
  return Ok();
}

Status LegacyMemory(const oci::MemoryResources& memory, Builder& out) {
  const auto text = [](std::int64_t value) { return std::to_string(value); };
  if (memory.limit.value_or(0) != 0) {
    Write& limit = out.Add("memory", "memory.limit_in_bytes", text(*memory.limit), "memory.limit");
    limit.check_usage = memory.check_before_update.value_or(false) && *memory.limit > 0;
  }
  if (memory.swap.value_or(0) != 0) {
    Write& swap = out.Add("memory", "memory.memsw.limit_in_bytes", text(*memory.swap), "memory.swap");
    swap.optional = *memory.swap == -1;  // nothing to lift where swap is not accounted
  } else if (memory.limit.value_or(0) == -1) {
    // An unlimited memory under a swap limit would be refused: v1 has always lifted both.
    out.Add("memory", "memory.memsw.limit_in_bytes", "-1", "memory.limit").optional = true;
  }
  if (memory.reservation.value_or(0) != 0)
    out.Add("memory", "memory.soft_limit_in_bytes", text(*memory.reservation), "memory.reservation");
  // Kernels ≥ 5.16 took the kernel memory limit away; what is charged counts in memory.limit all the same.
  if (memory.kernel.value_or(0) != 0)
    out.Add("memory", "memory.kmem.limit_in_bytes", text(*memory.kernel), "memory.kernel").optional = true;
  if (memory.kernel_tcp.value_or(0) != 0)
    out.Add("memory", "memory.kmem.tcp.limit_in_bytes", text(*memory.kernel_tcp), "memory.kernelTCP");
  if (memory.swappiness)
    out.Add("memory", "memory.swappiness", std::to_string(*memory.swappiness), "memory.swappiness");
  if (memory.use_hierarchy.value_or(false))
    out.Add("memory", "memory.use_hierarchy", "1", "memory.useHierarchy").optional = true;  // always so since 5.11
  if (memory.disable_oom_killer.value_or(false))
    out.Add("memory", "memory.oom_control", "1", "memory.disableOOMKiller");
  return Ok();
}

Status RefuseLegacyMemory(const oci::MemoryResources& memory) {
  const auto refuse = [](const std::string& field) {
    return Error(Code::kNotImplemented, "linux.resources.memory." + field + ": cgroup v2 has no such setting");
  };
  if (memory.kernel.value_or(0) > 0) return refuse("kernel");
  if (memory.kernel_tcp.value_or(0) > 0) return refuse("kernelTCP");
  if (memory.swappiness) return refuse("swappiness");
  if (memory.disable_oom_killer.value_or(false)) return refuse("disableOOMKiller");
  return Ok();
}

Status UnifiedMemory(const oci::MemoryResources& memory, Builder& out) {
  TRY(RefuseLegacyMemory(memory));
  const auto text = [](std::int64_t value) { return value < 0 ? std::string("max") : std::to_string(value); };
  const std::int64_t limit = memory.limit.value_or(0);
  std::int64_t swap = memory.swap.value_or(0);
  if (limit == -1 && swap == 0) swap = -1;  // as v1
  // Swap first: memory.max may have to reclaim, and where that goes is decided by then.
  if (swap != 0) {
    const std::int64_t alone = swap == -1 ? -1 : swap - limit;
    Write& write = out.Add("memory", "memory.swap.max", text(alone), "memory.swap");
    write.optional = alone <= 0;  // a kernel without swap neither gives nor takes any
  }
  if (limit != 0) {
    Write& write = out.Add("memory", "memory.max", text(limit), "memory.limit");
    write.check_usage = memory.check_before_update.value_or(false) && limit > 0;
  }
  if (memory.reservation.value_or(0) != 0)
    out.Add("memory", "memory.low", text(*memory.reservation), "memory.reservation");
  return Ok();
}

Status Memory(const oci::MemoryResources& memory, Builder& out) {
  const bool any = memory.limit.value_or(0) != 0 || memory.reservation.value_or(0) != 0 ||
                   memory.swap.value_or(0) != 0 || memory.kernel.value_or(0) != 0 ||
                   memory.kernel_tcp.value_or(0) != 0 || memory.swappiness || memory.disable_oom_killer.value_or(false);
  if (!any) return Ok();
  const Hierarchy* hierarchy = TRY(out.Require("memory", "memory"));
  TRY(CheckSwap(memory, out.hierarchies()));
  return hierarchy->unified ? UnifiedMemory(memory, out) : LegacyMemory(memory, out);
}

// ---- cpu -----------------------------------------------------------------------------------------------------

Status LegacyCpu(const oci::CpuResources& cpu, Builder& out) {
  if (cpu.shares.value_or(0) != 0) out.Add("cpu", "cpu.shares", std::to_string(*cpu.shares), "cpu.shares");
  if (cpu.realtime_period.value_or(0) != 0)
    out.Add("cpu", "cpu.rt_period_us", std::to_string(*cpu.realtime_period), "cpu.realtimePeriod");
  if (cpu.realtime_runtime.value_or(0) != 0)
    out.Add("cpu", "cpu.rt_runtime_us", std::to_string(*cpu.realtime_runtime), "cpu.realtimeRuntime");
  if (cpu.period.value_or(0) != 0)
    out.Add("cpu", "cpu.cfs_period_us", std::to_string(*cpu.period), "cpu.period");
  if (cpu.quota.value_or(0) != 0)
    out.Add("cpu", "cpu.cfs_quota_us", std::to_string(*cpu.quota < 0 ? -1 : *cpu.quota), "cpu.quota");
  if (cpu.burst) out.Add("cpu", "cpu.cfs_burst_us", std::to_string(*cpu.burst), "cpu.burst");
  if (cpu.idle) out.Add("cpu", "cpu.idle", std::to_string(*cpu.idle), "cpu.idle");
  return Ok();
}

Status UnifiedCpu(const oci::CpuResources& cpu, Builder& out) {
  if (cpu.realtime_period.value_or(0) != 0 || cpu.realtime_runtime.value_or(0) != 0)
    return Error(Code::kNotImplemented, "linux.resources.cpu.realtimeRuntime: cgroup v2 has no such setting");
  if (cpu.idle) out.Add("cpu", "cpu.idle", std::to_string(*cpu.idle), "cpu.idle");
  if (cpu.shares.value_or(0) != 0 && cpu.idle.value_or(0) == 0)  // an idle group's weight cannot be written
    out.Add("cpu", "cpu.weight", std::to_string(SharesToWeight(*cpu.shares)), "cpu.shares");
  const std::int64_t quota = cpu.quota.value_or(0);
  const std::uint64_t period = cpu.period.value_or(0);
  if (quota != 0 || period != 0) {
    const std::string limit = quota > 0 ? std::to_string(quota) : "max";
    out.Add("cpu", "cpu.max", limit + " " + std::to_string(period != 0 ? period : 100000), "cpu.quota");
  }
  if (cpu.burst) out.Add("cpu", "cpu.max.burst", std::to_string(*cpu.burst), "cpu.burst");
  return Ok();
}

Status Cpu(const oci::CpuResources& cpu, Builder& out) {
  const bool any = cpu.shares.value_or(0) != 0 || cpu.quota.value_or(0) != 0 || cpu.period.value_or(0) != 0 ||
                   cpu.burst || cpu.idle || cpu.realtime_period.value_or(0) != 0 ||
                   cpu.realtime_runtime.value_or(0) != 0;
  if (any) {
    const Hierarchy* hierarchy = TRY(out.Require("cpu", "cpu"));
    TRY(hierarchy->unified ? UnifiedCpu(cpu, out) : LegacyCpu(cpu, out));
  }
  if (cpu.cpus.empty() && cpu.mems.empty()) return Ok();
  TRY(out.Require("cpuset", "cpu.cpus"));
  if (!cpu.cpus.empty()) out.Add("cpuset", "cpuset.cpus", cpu.cpus, "cpu.cpus");
  if (!cpu.mems.empty()) out.Add("cpuset", "cpuset.mems", cpu.mems, "cpu.mems");
  return Ok();
}

// ---- block devices -------------------------------------------------------------------------------------------

// 10…1000 to io.weight's 1…10000.
std::uint64_t IoWeight(std::uint16_t weight) {
  return weight <= 10 ? 1 : 1 + (static_cast<std::uint64_t>(weight) - 10) * 9999 / 990;
}

void LegacyThrottle(const std::vector<oci::ThrottleDevice>& devices, const char* file, const char* field,
                    Builder& out) {
  for (const auto& device : devices)
    out.Add("blkio", file, MajorMinor(device.major, device.minor) + " " + std::to_string(device.rate), field);
}

Status LegacyBlockIo(const oci::BlockIoResources& io, Builder& out) {
  const auto add = [&](const char* file, const char* alternative, std::string value, const char* field) {
    Write& write = out.Add("blkio", file, std::move(value), field);
    write.alternative_file = alternative;
    write.alternative_value = write.value;
  };
  if (io.weight.value_or(0) != 0)
    add("blkio.weight", "blkio.bfq.weight", std::to_string(*io.weight), "blockIO.weight");
  if (io.leaf_weight.value_or(0) != 0)
    out.Add("blkio", "blkio.leaf_weight", std::to_string(*io.leaf_weight), "blockIO.leafWeight");
  for (const auto& device : io.weight_devices) {
    const std::string name = MajorMinor(device.major, device.minor) + " ";
    if (device.weight.value_or(0) != 0)
      add("blkio.weight_device", "blkio.bfq.weight_device", name + std::to_string(*device.weight),
          "blockIO.weightDevice");
    if (device.leaf_weight.value_or(0) != 0)
      out.Add("blkio", "blkio.leaf_weight_device", name + std::to_string(*device.leaf_weight),
              "blockIO.weightDevice");
  }
  LegacyThrottle(io.throttle_read_bps, "blkio.throttle.read_bps_device", "blockIO.throttleReadBpsDevice", out);
  LegacyThrottle(io.throttle_write_bps, "blkio.throttle.write_bps_device", "blockIO.throttleWriteBpsDevice", out);
  LegacyThrottle(io.throttle_read_iops, "blkio.throttle.read_iops_device", "blockIO.throttleReadIOPSDevice", out);
  LegacyThrottle(io.throttle_write_iops, "blkio.throttle.write_iops_device", "blockIO.throttleWriteIOPSDevice", out);
  return Ok();
}

void UnifiedThrottle(const std::vector<oci::ThrottleDevice>& devices, const char* key, const char* field,
                     Builder& out) {
  for (const auto& device : devices) {
    const std::string rate = device.rate == 0 ? "max" : std::to_string(device.rate);  // 0 lifts it in v1
    out.Add("io", "io.max", MajorMinor(device.major, device.minor) + " " + key + "=" + rate, field);
  }
}

Status UnifiedBlockIo(const oci::BlockIoResources& io, Builder& out) {
  const auto add = [&](std::uint16_t weight, const std::string& device, const char* field) {
    Write& write = out.Add("io", "io.bfq.weight", device + std::to_string(weight), field);
    write.alternative_file = "io.weight";
    write.alternative_value = device + std::to_string(IoWeight(weight));
  };
  if (io.leaf_weight.value_or(0) != 0)
    return Error(Code::kNotImplemented, "linux.resources.blockIO.leafWeight: cgroup v2 has no such setting");
  if (io.weight.value_or(0) != 0) add(*io.weight, "", "blockIO.weight");
  for (const auto& device : io.weight_devices) {
    if (device.leaf_weight.value_or(0) != 0)
      return Error(Code::kNotImplemented, "linux.resources.blockIO.weightDevice: cgroup v2 has no leaf weights");
    if (device.weight.value_or(0) != 0)
      add(*device.weight, MajorMinor(device.major, device.minor) + " ", "blockIO.weightDevice");
  }
  UnifiedThrottle(io.throttle_read_bps, "rbps", "blockIO.throttleReadBpsDevice", out);
  UnifiedThrottle(io.throttle_write_bps, "wbps", "blockIO.throttleWriteBpsDevice", out);
  UnifiedThrottle(io.throttle_read_iops, "riops", "blockIO.throttleReadIOPSDevice", out);
  UnifiedThrottle(io.throttle_write_iops, "wiops", "blockIO.throttleWriteIOPSDevice", out);
  return Ok();
}

Status BlockIo(const oci::BlockIoResources& io, Builder& out) {
  const bool any = io.weight.value_or(0) != 0 || io.leaf_weight.value_or(0) != 0 || !io.weight_devices.empty() ||
                   !io.throttle_read_bps.empty() || !io.throttle_write_bps.empty() ||
                   !io.throttle_read_iops.empty() || !io.throttle_write_iops.empty();
  if (!any) return Ok();
  // v1 calls the controller blkio, v2 io.
  const bool legacy = out.hierarchies().Has("blkio");
  TRY(out.Require(legacy ? "blkio" : "io", "blockIO"));
  return legacy ? LegacyBlockIo(io, out) : UnifiedBlockIo(io, out);
}

// ---- the rest ------------------------------------------------------------------------------------------------

Status Pids(const oci::Resources& resources, Builder& out) {
  if (!resources.pids_limit) return Ok();
  TRY(out.Require("pids", "pids.limit"));
  // None at all is one: the process that is there counts, and may not even be born in a cgroup that takes none.
  const std::int64_t limit = *resources.pids_limit == 0 ? 1 : *resources.pids_limit;
  out.Add("pids", "pids.max", limit < 0 ? "max" : std::to_string(limit), "pids.limit");
  return Ok();
}

Status Hugepages(const oci::Resources& resources, Builder& out) {
  if (resources.hugepages.empty()) return Ok();
  const Hierarchy* hierarchy = TRY(out.Require("hugetlb", "hugepageLimits"));
  const std::string suffix = hierarchy->unified ? ".max" : ".limit_in_bytes";
  for (const auto& page : resources.hugepages) {
    if (page.page_size.empty() || page.page_size.find('/') != std::string::npos)
      return Error(Code::kInvalidArgument,
                   "linux.resources.hugepageLimits: invalid page size '" + page.page_size + "'");
    const std::string prefix = "hugetlb." + page.page_size;
    out.Add("hugetlb", prefix + suffix, std::to_string(page.limit), "hugepageLimits");
    // Reservations too, where the kernel (≥ 5.7) accounts them.
    out.Add("hugetlb", prefix + ".rsvd" + suffix, std::to_string(page.limit), "hugepageLimits").optional = true;
  }
  return Ok();
}

Status Network(const oci::NetworkResources& network, Builder& out) {
  if (network.class_id) {
    TRY(out.Require("net_cls", "network.classID"));
    out.Add("net_cls", "net_cls.classid", std::to_string(*network.class_id), "network.classID");
  }
  if (network.priorities.empty()) return Ok();
  TRY(out.Require("net_prio", "network.priorities"));
  for (const auto& entry : network.priorities)
    out.Add("net_prio", "net_prio.ifpriomap", entry.name + " " + std::to_string(entry.priority),
            "network.priorities");
  return Ok();
}

Status Rdma(const oci::Resources& resources, Builder& out) {
  if (resources.rdma.empty()) return Ok();
  TRY(out.Require("rdma", "rdma"));
  for (const auto& entry : resources.rdma) {
    std::string value = entry.device;
    if (entry.hca_handles) value += " hca_handle=" + std::to_string(*entry.hca_handles);
    if (entry.hca_objects) value += " hca_object=" + std::to_string(*entry.hca_objects);
    out.Add("rdma", "rdma.max", value, "rdma");
  }
  return Ok();
}

Status Unified(const oci::Resources& resources, Builder& out) {
  for (const auto& [file, value] : resources.unified) {
    const std::string field = "unified[" + file + "]";
    if (file.empty() || file.find('/') != std::string::npos || file.find('.') == std::string::npos)
      return Error(Code::kInvalidArgument, "linux.resources." + field + ": not the name of a cgroup file");
    const Hierarchy* hierarchy = TRY(out.Require("unified", field));
    const std::string controller = file.substr(0, file.find('.'));
    const bool there = controller == "cgroup" ||
                       std::ranges::find(hierarchy->controllers, controller) != hierarchy->controllers.end();
    if (!there)
      return Error(Code::kFailedPrecondition, "linux.resources." + field + ": the '" + controller +
                                                  "' controller is not on this host's cgroup v2 hierarchy");
    out.Add("unified", file, value, field);
  }
  return Ok();
}

}  // namespace

std::uint64_t SharesToWeight(std::uint64_t shares) {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const double l = std::log2(static_cast<double>(shares));
  // 1e-9: 1024 must give 100 whatever the last bit of pow() is.
  return static_cast<std::uint64_t>(std::ceil(std::pow(10.0, (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0) - 1e-9));
}

Result<std::vector<Write>> Settings(const oci::Resources& resources, const Hierarchies& hierarchies) {
  Builder out(hierarchies);
  TRY(Memory(resources.memory, out));
  TRY(Cpu(resources.cpu, out));
  TRY(Pids(resources, out));
  TRY(BlockIo(resources.block_io, out));
  TRY(Hugepages(resources, out));
  TRY(Network(resources.network, out));
  TRY(Rdma(resources, out));
  TRY(Unified(resources, out));
  return std::move(out).Take();
}

std::vector<std::string> NeededControllers(const oci::Resources& resources) {
  std::vector<std::string> needed;
  const auto need = [&](const std::string& controller) {
    if (std::ranges::find(needed, controller) == needed.end()) needed.push_back(controller);
  };
  if (!resources.hugepages.empty()) need("hugetlb");
  if (!resources.rdma.empty()) need("rdma");
  if (resources.network.class_id) need("net_cls");
  if (!resources.network.priorities.empty()) need("net_prio");
  for (const auto& [file, value] : resources.unified)
    if (!file.starts_with("cgroup.")) need(file.substr(0, file.find('.')));
  return needed;
}

}  // namespace estiba::cgroup
