// Findings for people and programs.

#include <algorithm>

#include "audit_rules.h"
#include "explain_json.h"
#include "plan/audit.h"

namespace estiba::plan {
namespace {

constexpr Words kTitle = {"audit of {0}: {1}\n", "auditoría de {0}: {1}\n"};
constexpr Words kNothing = {"nothing found", "no se encontró nada"};
constexpr Words kRemedy = {"remedy", "remedio"};
constexpr std::array<Words, kSeverities> kNames = {
    {{"low", "baja"}, {"medium", "media"}, {"high", "alta"}, {"critical", "crítica"}}};

std::array<std::size_t, kSeverities> Count(const std::vector<Finding>& findings) {
  std::array<std::size_t, kSeverities> count{};
  for (const Finding& finding : findings) ++count[static_cast<std::size_t>(finding.severity)];
  return count;
}

}  // namespace

std::string AuditText(const Plan& plan, const std::vector<Finding>& findings, Language language) {
  std::string summary;
  const auto count = Count(findings);
  for (std::size_t i = kSeverities; i-- > 0;) {
    if (count[i] == 0) continue;
    summary += (summary.empty() ? "" : ", ") + std::to_string(count[i]) + " " + kNames[i].In(language);
  }
  if (summary.empty()) summary = kNothing.In(language);
  std::string out = Fill(kTitle.In(language), std::array{Quote(plan.name), summary});
  for (const Finding& finding : findings) {
    out += std::string("\n") + kNames[static_cast<std::size_t>(finding.severity)].In(language) + "  " + finding.rule +
           "  (" + finding.field + ")\n  " + finding.reason + "\n  " + kRemedy.In(language) + ": " + finding.remedy +
           "\n";
  }
  return out;
}

std::string AuditJson(const Plan& plan, const std::vector<Finding>& findings) {
  JsonWriter json;
  json.BeginObject();
  json.Member("id", plan.id);
  json.Member("name", plan.name);
  json.BeginObject("summary");
  const auto count = Count(findings);
  for (std::size_t i = kSeverities; i-- > 0;)
    json.Member(SeverityName(static_cast<Severity>(i)), static_cast<std::int64_t>(count[i]));
  json.EndObject();
  json.BeginArray("findings");
  for (const Finding& finding : findings) {
    json.BeginItem();
    json.Member("severity", SeverityName(finding.severity));
    json.Member("rule", finding.rule);
    json.Member("field", finding.field);
    json.Member("reason", finding.reason);
    json.Member("remedy", finding.remedy);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take() + "\n";
}

std::string_view SeverityName(Severity severity) { return kNames[static_cast<std::size_t>(severity)].en; }

std::optional<Severity> FindSeverity(std::string_view name) {
  for (std::size_t i = 0; i < kSeverities; ++i) {
    if (name == kNames[i].en) return static_cast<Severity>(i);
  }
  return std::nullopt;
}

}  // namespace estiba::plan
