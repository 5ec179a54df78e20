#include "status_text.h"

#include "monitorapi/health.h"

namespace estiba::engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::string Count(std::int64_t n, const char* unit) { return std::to_string(n) + " " + unit; }

std::string HealthText(const std::string& health) {
  if (health.empty()) return "";
  return health == monitorapi::kHealthStarting ? " (health: starting)" : " (" + health + ")";
}

}  // namespace

std::string HumanDuration(std::int64_t seconds) {
  const std::int64_t minutes = seconds / 60;
  const std::int64_t hours = (seconds + 1800) / 3600;  // rounded, as docker does
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return Count(seconds, "seconds");
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return Count(minutes, "minutes");
  if (hours == 1) return "About an hour";
  if (hours < 48) return Count(hours, "hours");
  if (hours < 24 * 7 * 2) return Count(hours / 24, "days");
  if (hours < 24 * 30 * 2) return Count(hours / 24 / 7, "weeks");
  if (hours < 24 * 365 * 2) return Count(hours / 24 / 30, "months");
  return Count(hours / 24 / 365, "years");
}

std::string StatusText(const ContainerState& state, bool removing, std::int64_t now_ns) {
  const std::string up = "Up " + HumanDuration((now_ns - state.started_at) / kSecond);
  const std::string ago = HumanDuration((now_ns - state.finished_at) / kSecond) + " ago";
  const std::string code = "(" + std::to_string(state.exit_code) + ") ";
  if (removing) return "Removal In Progress";
  switch (state.phase) {
    case Phase::kCreated: case Phase::kStarting: return "Created";
    case Phase::kRunning: return up + HealthText(state.health);
    case Phase::kPaused: return up + " (Paused)";
    case Phase::kRestarting: return "Restarting " + code + ago;
    case Phase::kExited: break;
  }
  return "Exited " + code + ago;
}

}  // namespace estiba::engine
