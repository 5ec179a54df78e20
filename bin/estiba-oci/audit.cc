// audit: the plan of a bundle read for isolation that is missing or weakened.

#include "plan/audit.h"

#include <algorithm>

#include "commands.h"
#include "language.h"
#include "launch.h"
#include "os/file.h"
#include "plan_of.h"

namespace estiba::ocicli {
namespace {

constexpr int kFound = 2;  // 1 is: could not be audited

// From which severity on findings are a failure; nothing: from none on.
Result<std::optional<plan::Severity>> Threshold(const Flags& flags) {
  const std::string given = flags.Has("fail-on") ? flags.Get("fail-on") : "high";
  if (given == "never") return std::optional<plan::Severity>();
  if (const auto severity = plan::FindSeverity(given)) return severity;
  return Error(Code::kInvalidArgument, "--fail-on: '" + given + "' is not low, medium, high, critical or never");
}

}  // namespace

Result<int> AuditCommand(const Context& context) {
  const auto threshold = TRY(Threshold(context.flags));
  const plan::Language language = TRY(LanguageOf(context.flags));
  plan::HostFacts facts = TRY(AskHost(context.globals));
  const bool security_module = facts.kernel.apparmor || facts.kernel.selinux;
  // Labels are judged, not set: a bundle may be for another host.
  facts.kernel.apparmor = facts.kernel.selinux = true;
  const plan::Plan plan = TRY(PlanOf(context, facts));
  const auto findings = plan::Audit(
      plan, {.language = language, .rootless = facts.rootless, .security_module = security_module});
  TRY(os::WriteAll(1, context.flags.On("json") ? plan::AuditJson(plan, findings)
                                               : plan::AuditText(plan, findings, language)));
  const bool failed = threshold.has_value() && std::ranges::any_of(findings, [&](const plan::Finding& finding) {
                        return finding.severity >= *threshold;
                      });
  return failed ? kFound : 0;
}

}  // namespace estiba::ocicli
