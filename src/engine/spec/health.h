#pragma once
// A container's health check: what the request and the image say, and what its monitor is told. Pure.

#include <string>
#include <vector>

#include "apitypes/container.h"
#include "base/result.h"
#include "monitorapi/messages.h"

namespace estiba::engine {

// Of HostConfig.Annotations: "none", "kill", "restart" or "stop" when the container becomes unhealthy (podman's
// --health-on-failure; the API has no field for it).
inline constexpr char kHealthOnFailure[] = "dev.estiba.health-on-failure";

Status ValidateHealth(const apitypes::HealthConfig& health);
// What `wanted` leaves open is as in `below`, member by member.
apitypes::HealthConfig MergeHealth(apitypes::HealthConfig wanted, const apitypes::HealthConfig& below);
// After the image was merged in: whether it can be carried out. As docker, a kind of test that nobody knows is none,
// but `warnings` tell.
Status CheckHealth(const apitypes::ContainerCreate& create, std::vector<std::string>& warnings);

// What is run to probe it; empty: nothing is.
std::vector<std::string> ProbeCommand(const apitypes::ContainerConfig& config);
// With docker's defaults; not enabled: it is not probed. For what CheckHealth() has passed.
monitorapi::HealthCheck HealthCheckOf(const apitypes::ContainerCreate& create);

// A value of the filter "health".
Status CheckHealthFilter(const std::string& value);

}  // namespace estiba::engine
