// Limits and restart policy of containers that exist.

#include "base/log.h"
#include "cgroup/settings.h"
#include "containers.h"
#include "restart.h"

namespace estiba::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;

template <typename T>
void Take(const T& from, T& to) {
  if (from != T{}) to = from;
}

// What the request sets replaces what was; 0 and empty leave it.
void Merge(const apitypes::Resources& from, apitypes::Resources& to) {
  if (from.nano_cpus != 0) to.cpu_period = to.cpu_quota = 0;
  if (from.cpu_period != 0 || from.cpu_quota != 0) to.nano_cpus = 0;
  Take(from.cpu_shares, to.cpu_shares);
  Take(from.memory, to.memory);
  Take(from.nano_cpus, to.nano_cpus);
  Take(from.blkio_weight, to.blkio_weight);
  Take(from.cpu_period, to.cpu_period);
  Take(from.cpu_quota, to.cpu_quota);
  Take(from.cpu_realtime_period, to.cpu_realtime_period);
  Take(from.cpu_realtime_runtime, to.cpu_realtime_runtime);
  Take(from.cpuset_cpus, to.cpuset_cpus);
  Take(from.cpuset_mems, to.cpuset_mems);
  Take(from.memory_reservation, to.memory_reservation);
  Take(from.memory_swap, to.memory_swap);
  if (from.pids_limit.has_value()) to.pids_limit = from.pids_limit;
}

}  // namespace

Result<std::vector<std::string>> Containers::Update(const std::string& id,
                                                    const apitypes::ContainerUpdate& update) {
  const ContainerPtr container = TRY(Get(id));
  const std::lock_guard operation(container->operation);
  TRY(CheckThere(container));
  ContainerRecord record;
  std::shared_ptr<MonitorLink> link;
  {
    auto data = container->data.Lock();
    record = data->record;
    if (record.removing)
      return Error(Code::kConflict, "Container is marked for removal and cannot be \"update\".");
    if (data->link && !data->concluding && data->state.Running()) link = data->link;
  }
  apitypes::HostConfig& host = record.create.host_config;
  std::vector<std::string> warnings;
  Merge(update.resources, host.resources);
  TRY(ValidateResources(host.resources, w_.host->limits, &warnings));
  if (!update.restart_policy.name.empty()) {
    TRY(ValidateRestartPolicy(update.restart_policy, host.auto_remove));
    host.restart_policy = update.restart_policy;
  }
  SpecContext context;
  context.limits = w_.config()->limits;
  context.swap_limit = w_.host->limits.swap_limit;
  const oci::Resources resources = BuildResources(host.resources, context);
  const std::vector<cgroup::Write> writes = TRY(cgroup::Settings(resources, w_.host->facts.cgroups));
  if (link) {
    monitorapi::Update request;
    request.set_restart = !update.restart_policy.name.empty();
    request.restart = MonitorPolicy(host.restart_policy);
    for (const cgroup::Write& write : writes) {
      request.writes.push_back({write.controller, write.file, write.value, write.field, write.optional,
                                write.alternative_file, write.alternative_value});
    }
    TRY_CTX(link->Call(request, {}, kPatience), "Cannot update container " + record.id);
  }
  container->data.Lock()->record.create.host_config = host;
  TRY(SaveRecord(container));
  Publish(container, "update");
  return warnings;
}

}  // namespace estiba::engine
