#include "plan/explain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "explain_json.h"
#include "plan/undo.h"

namespace estiba::plan {
namespace {

std::string Pad(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// "1.25 ms", "80 µs"
std::string Duration(std::chrono::nanoseconds duration) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  if (micros < 1000) return std::to_string(micros) + " µs";
  const std::string fraction = std::to_string(micros % 1000 / 10);
  return std::to_string(micros / 1000) + (fraction.size() < 2 ? ".0" : ".") + fraction + " ms";
}

const Timing* FindTiming(const std::vector<Timing>& timings, std::size_t step) {
  for (const Timing& timing : timings) {
    if (timing.step == step) return &timing;
  }
  return nullptr;
}

// What the words of the second column mean, for those this plan uses.
std::string Legend(const Plan& plan) {
  constexpr std::array<std::pair<Where, std::string_view>, 5> kPlaces = {
      {{Where::kHost, "done on the host, before the process exists"},
       {Where::kHostChild, "done on the host to the process that now exists"},
       {Where::kChild, "done by the process itself, which still sees the host's files"},
       {Where::kRoot, "done by the process itself, inside the container's root"},
       {Where::kAfter, "done on the host, once the program runs"}}};
  std::string text;
  for (const auto& [where, meaning] : kPlaces) {
    const auto here = [where](const Step& step) { return step.where == where; };
    if (std::ranges::any_of(plan.steps, here))
      text += "  " + Pad(std::string(WhereName(where)), 10) + "  " + std::string(meaning) + "\n";
  }
  return text + "Behind each step stands the setting that asks for it.\n\n";
}

bool IsClonePoint(const Plan& plan, std::size_t index) {
  return plan.steps[index].where != Where::kHost && (index == 0 || plan.steps[index - 1].where == Where::kHost);
}

}  // namespace

std::string ExplainText(const Plan& plan, const std::vector<Timing>& timings) {
  std::string out = plan.kind == Kind::kExec ? "exec in container '" : "container '";
  out += plan.name + "'";
  if (plan.name != plan.id) out += " (" + plan.id.substr(0, 12) + ")";
  out += ", step by step:\n" + Legend(plan);
  std::size_t number = 0;
  const auto line = [&](std::string_view where, const std::string& what, const std::string& why) {
    std::string text = std::to_string(++number);
    out += std::string(text.size() < 3 ? 3 - text.size() : 0, ' ') + text + "  " + Pad(std::string(where), 10) + "  ";
    out += why.empty() ? what : Pad(what, 56) + "  " + why;
    out += "\n";
  };
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (IsClonePoint(plan, i)) {
      const std::string namespaces = DescribeNamespaces(plan.clone_flags);
      line("host", plan.kind == Kind::kExec ? "clone into the container" : "clone with new namespaces: " + namespaces,
           "linux.namespaces");
    }
    const Step& step = plan.steps[i];
    std::string what = Describe(step);
    if (const Timing* timing = FindTiming(timings, i)) what += "  [" + Duration(timing->duration) + "]";
    line(WhereName(step.where), what, step.why);
  }
  const std::vector<Step> undo = UndoOf(plan);
  if (!undo.empty()) out += "\nwhen it has ended:\n";
  number = 0;
  for (const Step& step : undo) line("host", Describe(step), step.why);
  if (!plan.warnings.empty()) out += "\n";
  for (const std::string& warning : plan.warnings) out += "warning: " + warning + "\n";
  return out;
}

std::string ExplainJson(const Plan& plan, const std::vector<Timing>& timings) {
  JsonWriter json;
  json.BeginObject();
  json.Member("id", plan.id);
  json.Member("name", plan.name);
  json.Member("kind", plan.kind == Kind::kExec ? "exec" : "container");
  json.Member("namespaces", DescribeNamespaces(plan.clone_flags));
  json.Member("cgroup", plan.cgroup_path);
  json.Member("args", plan.args);
  json.BeginArray("steps");
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Timing* timing = FindTiming(timings, i);
    json.StepObject(plan.steps[i], Describe(plan.steps[i]), timing == nullptr ? -1 : timing->duration.count());
  }
  json.EndArray();
  json.BeginArray("undo");
  for (const Step& step : UndoOf(plan)) json.StepObject(step, Describe(step), -1);
  json.EndArray();
  json.Member("warnings", plan.warnings);
  json.EndObject();
  return json.Take() + "\n";
}

}  // namespace estiba::plan
