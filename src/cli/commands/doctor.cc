// doctor: what of this host works. Asks estibad's examination, which needs no engine.

#include <algorithm>
#include <array>
#include <cstdlib>

#include <unistd.h>

#include "base/text.h"
#include "client/siblings.h"
#include "commands/commands.h"
#include "format.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/process.h"
#include "term/terminal.h"
#include "text/table.h"

namespace estiba::cli {
namespace {

using codec::Json;

constexpr std::size_t kMostOutput = 4U << 20;

constexpr Flag kFlags[] = {
    {'f', "format", Kind::kString, "string", kObjectFormatHelp},
    {'q', "quiet", Kind::kBool, "", "Only show what does not work"},
};

// It is the user's environment that is examined.
Result<Json> Examine() {
  os::Pipe out = TRY(os::MakePipe());
  os::SpawnOptions spawn = TRY(EngineFor("--doctor"));
  spawn.fds.push_back({out.write.get(), STDOUT_FILENO});
  os::Process process = TRY(os::Spawn(spawn));
  out.write.Reset();
  const std::string text = TRY(os::ReadAll(out.read.get(), kMostOutput));
  TRY(process.Wait());
  return TRY_CTX(codec::ParseJson(text), "read what estibad --doctor has found");
}

std::string Word(const Json& finding, bool colours) {
  const std::string state = finding.GetString("State");
  constexpr std::size_t kLongest = 7;
  const std::string blanks(kLongest - std::min(kLongest, state.size()), ' ');
  if (!colours) return state + blanks;
  const char* colour = state == "works" ? "\033[32m" : state == "limited" ? "\033[33m" : "\033[31m";
  return colour + state + "\033[0m" + blanks;
}

// One line a feature; below it what is lost and how to mend it.
void PrintFindings(const Json& findings, bool quiet) {
  const bool colours = ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  std::string group;
  for (const Json& finding : *findings.IfArray()) {
    const bool works = finding.GetString("State") == "works";
    if (works && quiet) continue;
    if (finding.GetString("Group") != group) PrintLine((group = finding.GetString("Group")));
    PrintLine("  " + Word(finding, colours) + "  " + finding.GetString("Name") + ": " + finding.GetString("Detail"));
    if (works) continue;
    PrintLine("      lost: " + finding.GetString("Lost"));
    PrintLine("      mend: " + finding.GetString("Mend"));
  }
}

Result<int> RunDoctor(App&, const Options& options) {
  const std::string format = options.Text("format");
  TRY(CheckFormat(format));
  const Json report = TRY(Examine());
  const Json* findings = report.Find("Findings");
  if (findings == nullptr || !findings->IsArray()) return Error(Code::kDataLoss, "estibad --doctor told no findings");
  if (format.empty()) {
    PrintFindings(*findings, options.On("quiet"));
  } else {
    TRY(Show(RenderObject(format, report)));
  }
  const Json* healthy = report.Find("Healthy");
  return healthy != nullptr && healthy->IfBool().value_or(false) ? 0 : 1;
}

}  // namespace

constinit const Command kDoctor{
    .name = "doctor",
    .usage = "[OPTIONS]",
    .summary = "Tell what of this host works, what is missing, and how to mend it",
    .flags = kFlags,
    .max_args = 0,
    .run = RunDoctor,
    .details = "Tries what containers need of the kernel, control groups, the data root, networks, other programs\n"
               "and the host's limits, as who calls it would: as root for root's engine, as a user for that user's.\n"
               "What would change the host is tried in namespaces that are gone afterwards. No engine is needed,\n"
               "and none is started. A feature works, is limited or missing; what is lost without it and a command\n"
               "that mends it on Debian follow. Exits with 1 when something is missing that containers need."};

}  // namespace estiba::cli
