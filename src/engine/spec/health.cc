#include "health.h"

#include <algorithm>
#include <array>
#include <utility>

namespace estiba::engine {
namespace {

using apitypes::ContainerConfig;
using apitypes::HealthConfig;
using monitorapi::HealthAction;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMillisecond;

constexpr auto kActions = std::to_array<std::pair<const char*, HealthAction>>({{"none", HealthAction::kNone},
                                                                               {"kill", HealthAction::kKill},
                                                                               {"restart", HealthAction::kRestart},
                                                                               {"stop", HealthAction::kStop}});

Error Bad(std::string what) { return Error(Code::kInvalidArgument, std::move(what)); }

Result<HealthAction> ActionOf(const apitypes::HostConfig& host) {
  const auto found = host.annotations.find(kHealthOnFailure);
  if (found == host.annotations.end()) return HealthAction::kNone;
  for (const auto& [name, action] : kActions)
    if (found->second == name) return action;
  return Bad("invalid on-failure action '" + found->second + "' (annotation " + kHealthOnFailure +
             "): must be one of none, kill, restart, stop");
}

bool IsKind(const HealthConfig& health, const char* kind) { return !health.test.empty() && health.test[0] == kind; }

std::int64_t OrElse(std::int64_t value, std::int64_t otherwise) { return value == 0 ? otherwise : value; }

}  // namespace

Status ValidateHealth(const HealthConfig& health) {
  for (const auto& [name, value] : {std::pair("Interval", health.interval), {"Timeout", health.timeout}})
    if (value != 0 && value < kMillisecond) return Bad(std::string(name) + " in Healthcheck cannot be less than 1ms");
  if (health.retries < 0) return Bad("Retries in Healthcheck cannot be negative");
  for (const auto& [name, value] :
       {std::pair("StartPeriod", health.start_period), {"StartInterval", health.start_interval}})
    if (value != 0 && value < kMillisecond) return Bad(std::string(name) + " in Healthcheck cannot be less than 1ms");
  return Ok();
}

HealthConfig MergeHealth(HealthConfig wanted, const HealthConfig& below) {
  if (wanted.test.empty()) wanted.test = below.test;
  if (wanted.interval == 0) wanted.interval = below.interval;
  if (wanted.timeout == 0) wanted.timeout = below.timeout;
  if (wanted.start_period == 0) wanted.start_period = below.start_period;
  if (wanted.start_interval == 0) wanted.start_interval = below.start_interval;
  if (wanted.retries == 0) wanted.retries = below.retries;
  return wanted;
}

Status CheckHealth(const apitypes::ContainerCreate& create, std::vector<std::string>& warnings) {
  TRY(ActionOf(create.host_config));
  const auto& health = create.config.healthcheck;
  if (!health || health->test.empty() || IsKind(*health, "NONE")) return Ok();
  const bool known = IsKind(*health, "CMD") || IsKind(*health, "CMD-SHELL");
  if (known && health->test.size() < 2) return Bad("the healthcheck has no command: Healthcheck.Test is [\"" +
                                                   health->test[0] + "\"]");
  if (!known)
    warnings.push_back("Unknown healthcheck type '" + health->test[0] +
                       "' (expected 'CMD'): the container's health is not checked.");
  return Ok();
}

std::vector<std::string> ProbeCommand(const ContainerConfig& config) {
  if (!config.healthcheck || config.healthcheck->test.size() < 2) return {};
  const HealthConfig& health = *config.healthcheck;
  std::vector<std::string> command;
  if (IsKind(health, "CMD-SHELL")) {
    command = config.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : config.shell;
  } else if (!IsKind(health, "CMD")) {
    return {};
  }
  command.insert(command.end(), health.test.begin() + 1, health.test.end());
  return command;
}

monitorapi::HealthCheck HealthCheckOf(const apitypes::ContainerCreate& create) {
  monitorapi::HealthCheck check;
  check.enabled = !ProbeCommand(create.config).empty();
  if (!check.enabled) return check;
  const HealthConfig& health = *create.config.healthcheck;
  constexpr std::int64_t kMostRetries = UINT32_MAX;
  check.interval = OrElse(health.interval, 30 * kSecond);
  check.timeout = OrElse(health.timeout, 30 * kSecond);
  check.start_period = health.start_period;
  check.start_interval = OrElse(health.start_interval, 5 * kSecond);
  check.retries = static_cast<std::uint32_t>(std::min(OrElse(health.retries, 3), kMostRetries));
  const auto action = ActionOf(create.host_config);
  if (action.ok()) check.on_failure = *action;
  return check;
}

Status CheckHealthFilter(const std::string& value) {
  constexpr std::array kKnown{"none", "starting", "healthy", "unhealthy"};
  if (std::ranges::find(kKnown, value) != kKnown.end()) return Ok();
  return Bad("invalid filter 'health=" + value + "': invalid value for health (" + value +
             "): must be one of none, starting, healthy, unhealthy");
}

}  // namespace estiba::engine
