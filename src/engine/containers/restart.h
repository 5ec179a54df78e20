#pragma once
// Restart policies: in the monitor's words, and who is started again when nobody supervised its end. Pure.

#include "monitorapi/messages.h"
#include "record.h"

namespace estiba::engine {

monitorapi::RestartPolicy MonitorPolicy(const apitypes::RestartPolicy& policy);

// For a container whose monitor died, or whose host was restarted.
bool ShouldRestart(const ContainerRecord& record, const ContainerState& state, bool host_restarted);
// `--rm`: it was started, if only in vain, and does not run.
bool RemovesItself(const ContainerRecord& record, const ContainerState& state);

}  // namespace estiba::engine
