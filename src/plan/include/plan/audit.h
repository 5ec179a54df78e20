#pragma once
// A plan read for isolation that is missing or weakened, and the setting that did it. Pure: what is not in the plan, a
// kernel's age or a program in the image, is not judged.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/language.h"
#include "plan/plan.h"

namespace estiba::plan {

// What a hostile program in the container gains.
enum class Severity : unsigned char {
  kLow,       // a layer of defence less
  kMedium,    // what one further mistake, of the kernel or of the host, makes an escape
  kHigh,      // the host's other processes or files can be seen, disturbed or changed in part
  kCritical,  // the host is the container's
};
inline constexpr std::size_t kSeverities = 4;

struct Finding {
  Severity severity = Severity::kLow;
  std::string rule;    // "host-network": stable, for lists of what is accepted
  std::string field;   // "linux.namespaces", "mounts[3]"
  std::string reason;
  std::string remedy;
};

struct AuditOptions {
  Language language = Language::kEnglish;
  bool rootless = false;  // whoever starts it is root of nothing but a user namespace
  bool security_module = false;  // AppArmor or SELinux is on where it shall run
};

// Worst first; of equals, in the order of the plan.
std::vector<Finding> Audit(const Plan& plan, const AuditOptions& options = {});

std::string AuditText(const Plan& plan, const std::vector<Finding>& findings, Language language);
std::string AuditJson(const Plan& plan, const std::vector<Finding>& findings);

// "low", "medium", "high", "critical": as JSON and --fail-on have them.
std::string_view SeverityName(Severity severity);
std::optional<Severity> FindSeverity(std::string_view name);

}  // namespace estiba::plan
