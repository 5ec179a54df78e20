#include "restart.h"

namespace estiba::engine {

monitorapi::RestartPolicy MonitorPolicy(const apitypes::RestartPolicy& policy) {
  monitorapi::RestartPolicy made;
  if (policy.name == "always") made.kind = monitorapi::RestartKind::kAlways;
  if (policy.name == "unless-stopped") made.kind = monitorapi::RestartKind::kUnlessStopped;
  if (policy.name == "on-failure") made.kind = monitorapi::RestartKind::kOnFailure;
  made.max_retries = static_cast<std::uint32_t>(policy.maximum_retry_count);
  return made;
}

bool ShouldRestart(const ContainerRecord& record, const ContainerState& state, bool host_restarted) {
  const apitypes::RestartPolicy& policy = record.create.host_config.restart_policy;
  if (record.removing) return false;
  // "always" comes back with the host even when somebody had stopped it; "unless-stopped" does not.
  if (policy.name == "always") return host_restarted || !state.stopped_by_user;
  if (policy.name == "unless-stopped") return !state.stopped_by_user;
  if (policy.name != "on-failure" || state.stopped_by_user || state.exit_code == 0) return false;
  return policy.maximum_retry_count == 0 ||
         state.restart_count < static_cast<std::uint64_t>(policy.maximum_retry_count);
}

bool RemovesItself(const ContainerRecord& record, const ContainerState& state) {
  return record.create.host_config.auto_remove && state.starts > 0 && !state.Running() &&
         state.phase != Phase::kStarting;
}

}  // namespace estiba::engine
