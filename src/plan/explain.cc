#include "plan/explain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "explain_json.h"
#include "plan/undo.h"
#include "words.h"

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

constexpr Words kTitle = {"container {0}{1}, step by step:\n", "contenedor {0}{1}, paso a paso:\n"};
constexpr Words kExecTitle = {"exec in container {0}{1}, step by step:\n",
                              "ejecución en el contenedor {0}{1}, paso a paso:\n"};
constexpr Words kReasons = {"Behind each step stands the setting that asks for it.\n\n",
                            "Tras cada paso figura el ajuste que lo pide.\n\n"};
constexpr Words kClone = {"clone with new namespaces: {0}", "clonar con espacios de nombres nuevos: {0}"};
constexpr Words kCloneInto = {"clone into the container", "clonar dentro del contenedor"};
constexpr Words kUndo = {"\nwhen it has ended:\n", "\ncuando haya terminado:\n"};
constexpr Words kWarning = {"warning: ", "aviso: "};
constexpr Words kTotal = {"\nmeasured: {0} in {1} steps\n", "\nmedido: {0} en {1} pasos\n"};

// What the words of the second column mean, for those this plan uses.
std::string Legend(const Plan& plan, Language language) {
  constexpr std::array<std::pair<Where, Words>, 5> kPlaces = {
      {{Where::kHost,
        {"done on the host, before the process exists", "se hace en el anfitrión, antes de que exista el proceso"}},
       {Where::kHostChild, {"done on the host to the process that now exists",
                            "se hace en el anfitrión, al proceso que ya existe"}},
       {Where::kChild, {"done by the process itself, which still sees the host's files",
                        "lo hace el propio proceso, que aún ve los archivos del anfitrión"}},
       {Where::kRoot, {"done by the process itself, inside the container's root",
                       "lo hace el propio proceso, dentro de la raíz del contenedor"}},
       {Where::kAfter, {"done on the host, once the program runs",
                        "se hace en el anfitrión, cuando el programa ya se ejecuta"}}}};
  std::string text;
  for (const auto& [where, meaning] : kPlaces) {
    const auto here = [where](const Step& step) { return step.where == where; };
    if (std::ranges::any_of(plan.steps, here))
      text += "  " + Pad(std::string(WhereName(where)), 10) + "  " + meaning.In(language) + "\n";
  }
  return text + kReasons.In(language);
}

bool IsClonePoint(const Plan& plan, std::size_t index) {
  return plan.steps[index].where != Where::kHost && (index == 0 || plan.steps[index - 1].where == Where::kHost);
}

std::string Title(const Plan& plan, Language language) {
  const Words& title = plan.kind == Kind::kExec ? kExecTitle : kTitle;
  const std::string id = plan.name == plan.id ? std::string() : " (" + plan.id.substr(0, 12) + ")";
  return Fill(title.In(language), std::array{Quote(plan.name), id});
}

std::string CloneText(const Plan& plan, Language language) {
  const Words& words = plan.kind == Kind::kExec ? kCloneInto : kClone;
  return Fill(words.In(language), std::array{DescribeNamespaces(plan.clone_flags)});
}

// Columns count characters, not bytes: UTF-8's further bytes are none.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// The numbered lines, one after the other.
class Lines {
 public:
  explicit Lines(const ExplainOptions& options) : options_(options) {}

  void Add(std::string_view where, std::string what, const std::string& why, std::size_t step) {
    if (const Timing* timing = FindTiming(options_.timings, step))
      what += "  [" + Duration(timing->duration) + "]";
    std::string text = std::to_string(++number_);
    out_ += std::string(text.size() < 3 ? 3 - text.size() : 0, ' ') + text + "  " + Pad(std::string(where), 10) + "  ";
    const std::size_t width = Width(what);
    out_ += what;
    if (!why.empty()) out_ += std::string(width < 56 ? 56 - width : 0, ' ') + "  " + why;
    out_ += "\n";
  }
  std::string Take() {
    number_ = 0;
    return std::exchange(out_, {});
  }

 private:
  const ExplainOptions& options_;
  std::string out_;
  std::size_t number_ = 0;
};

std::string Total(const ExplainOptions& options) {
  if (options.timings.empty()) return {};
  std::chrono::nanoseconds sum{};
  for (const Timing& timing : options.timings) sum += timing.duration;
  return Fill(kTotal.In(options.language), std::array{Duration(sum), std::to_string(options.timings.size())});
}

}  // namespace

std::string ExplainText(const Plan& plan, const ExplainOptions& options) {
  const Language language = options.language;
  Lines lines(options);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (IsClonePoint(plan, i)) lines.Add("host", CloneText(plan, language), "linux.namespaces", kCloneStep);
    const Step& step = plan.steps[i];
    lines.Add(WhereName(step.where), Describe(step, language), step.why, i);
  }
  std::string out = Title(plan, language) + Legend(plan, language) + lines.Take() + Total(options);
  const std::vector<Step> undo = UndoOf(plan);
  if (!undo.empty()) out += kUndo.In(language);
  for (const Step& step : undo) lines.Add("host", Describe(step, language), step.why, plan.steps.size());
  out += lines.Take();
  if (!plan.warnings.empty()) out += "\n";
  for (const std::string& warning : plan.warnings) out += kWarning.In(language) + warning + "\n";
  return out;
}

std::string ExplainJson(const Plan& plan, const ExplainOptions& options) {
  const auto nanoseconds = [&](std::size_t step) -> std::int64_t {
    const Timing* timing = FindTiming(options.timings, step);
    return timing == nullptr ? -1 : timing->duration.count();
  };
  JsonWriter json;
  json.BeginObject();
  json.Member("id", plan.id);
  json.Member("name", plan.name);
  json.Member("kind", plan.kind == Kind::kExec ? "exec" : "container");
  json.Member("namespaces", DescribeNamespaces(plan.clone_flags));
  json.Member("cgroup", plan.cgroup_path);
  json.Member("args", plan.args);
  if (const std::int64_t clone = nanoseconds(kCloneStep); clone >= 0) json.Member("cloneNanoseconds", clone);
  json.BeginArray("steps");
  for (std::size_t i = 0; i < plan.steps.size(); ++i)
    json.StepObject(plan.steps[i], Describe(plan.steps[i], options.language), nanoseconds(i));
  json.EndArray();
  json.BeginArray("undo");
  for (const Step& step : UndoOf(plan)) json.StepObject(step, Describe(step, options.language), -1);
  json.EndArray();
  json.Member("warnings", plan.warnings);
  json.EndObject();
  return json.Take() + "\n";
}

}  // namespace estiba::plan
