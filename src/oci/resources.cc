#include "oci/resources.h"

#include <algorithm>

namespace estiba::oci {
namespace {

template <typename T>
void Take(std::optional<T>& now, const std::optional<T>& change) {
  if (change) now = change;
}

void Take(std::string& now, const std::string& change) {
  if (!change.empty()) now = change;
}

template <typename T, typename Same>
void TakeEach(std::vector<T>& now, const std::vector<T>& change, Same same) {
  for (const T& entry : change) {
    const auto found = std::ranges::find_if(now, [&](const T& old) { return same(old, entry); });
    if (found == now.end()) {
      now.push_back(entry);
    } else {
      *found = entry;
    }
  }
}

void TakeMemory(MemoryResources& now, const MemoryResources& change) {
  // Lifting the memory limit lifts that of swap, which says memory and swap together.
  if (change.limit == -1 && !change.swap) now.swap.reset();
  Take(now.limit, change.limit);
  Take(now.reservation, change.reservation);
  Take(now.swap, change.swap);
  Take(now.kernel, change.kernel);
  Take(now.kernel_tcp, change.kernel_tcp);
  Take(now.swappiness, change.swappiness);
  Take(now.disable_oom_killer, change.disable_oom_killer);
  Take(now.use_hierarchy, change.use_hierarchy);
  Take(now.check_before_update, change.check_before_update);
}

void TakeCpu(CpuResources& now, const CpuResources& change) {
  if (change.idle && !change.shares) now.shares.reset();  // an idle group has no weight to set
  Take(now.shares, change.shares);
  Take(now.quota, change.quota);
  Take(now.burst, change.burst);
  Take(now.period, change.period);
  Take(now.realtime_runtime, change.realtime_runtime);
  Take(now.realtime_period, change.realtime_period);
  Take(now.cpus, change.cpus);
  Take(now.mems, change.mems);
  Take(now.idle, change.idle);
}

void TakeBlockIo(BlockIoResources& now, const BlockIoResources& change) {
  const auto same = [](const auto& a, const auto& b) { return a.major == b.major && a.minor == b.minor; };
  Take(now.weight, change.weight);
  Take(now.leaf_weight, change.leaf_weight);
  TakeEach(now.weight_devices, change.weight_devices, same);
  TakeEach(now.throttle_read_bps, change.throttle_read_bps, same);
  TakeEach(now.throttle_write_bps, change.throttle_write_bps, same);
  TakeEach(now.throttle_read_iops, change.throttle_read_iops, same);
  TakeEach(now.throttle_write_iops, change.throttle_write_iops, same);
}

}  // namespace

Resources MergeResources(Resources now, const Resources& change) {
  if (!change.devices.empty()) now.devices = change.devices;
  TakeMemory(now.memory, change.memory);
  TakeCpu(now.cpu, change.cpu);
  Take(now.pids_limit, change.pids_limit);
  TakeBlockIo(now.block_io, change.block_io);
  TakeEach(now.hugepages, change.hugepages,
           [](const auto& a, const auto& b) { return a.page_size == b.page_size; });
  Take(now.network.class_id, change.network.class_id);
  TakeEach(now.network.priorities, change.network.priorities,
           [](const auto& a, const auto& b) { return a.name == b.name; });
  TakeEach(now.rdma, change.rdma, [](const auto& a, const auto& b) { return a.device == b.device; });
  TakeEach(now.unified, change.unified, [](const auto& a, const auto& b) { return a.first == b.first; });
  return now;
}

}  // namespace estiba::oci
