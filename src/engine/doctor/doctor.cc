#include "engine/doctor.h"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/json_reader.h"
#include "engine/rootless.h"
#include "findings.h"
#include "net/user_network.h"
#include "os/file.h"
#include "os/netns.h"
#include "os/process.h"
#include "os/userns.h"

namespace estiba::engine {
namespace {

using codec::Json;

constexpr std::array<const char*, 3> kStates = {"works", "limited", "missing"};
constexpr const char* kOrder[] = {"Kernel",  "Cgroups",  "Users",  "Storage",
                                  "Network", "Programs", "Limits", "Engine"};
constexpr std::size_t kMostOutput = 1U << 20;

constexpr Feature kUserNamespace{
    "Users", "user namespace", true, "no engine of this user starts",
    "sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000 (where AppArmor "
    "restricts them: kernel.apparmor_restrict_unprivileged_userns=0)"};

// What the other process prints; lines that are none of ours end it.
void ReadFindings(std::string_view text, Findings& findings) {
  for (const std::string& line : Split(std::string(text), '\n')) {
    if (line.empty()) continue;
    const auto json = codec::ParseJson(line);
    if (!json.ok()) continue;
    auto finding = Finding::FromJson(*json);
    if (finding.ok()) findings.push_back(*std::move(finding));
  }
}

Result<std::string> RunInside(const Config& config) {
  os::Pipe out = TRY(os::MakePipe());
  os::SpawnOptions spawn;
  spawn.program = "/proc/self/exe";
  spawn.argv = {"estibad", "--doctor-inside"};
  if (!config.file.empty()) spawn.argv.insert(spawn.argv.end(), {"--config", config.file});
  for (char** variable = ::environ; *variable != nullptr; ++variable) spawn.env.emplace_back(*variable);
  spawn.fds = {{out.write.get(), 1}, {2, 2}};
  os::Process process = TRY(os::Spawn(spawn));
  out.write.Reset();
  std::string text = TRY(os::ReadAll(out.read.get(), kMostOutput));
  TRY(process.Wait());
  return text;
}

Status EnterNetwork() {
  const os::UniqueFd network = TRY(os::CreateNetworkNamespace());
  return os::EnterNetworkNamespace(network.get());
}

void Print(const Findings& findings) {
  for (const Finding& finding : findings)
    if (!os::WriteAll(STDOUT_FILENO, finding.ToJson().Dump() + "\n").ok()) return;
}

}  // namespace

Json Finding::ToJson() const {
  return Json::MakeObject({{"Group", group},
                           {"Name", name},
                           {"State", kStates[static_cast<std::size_t>(state)]},
                           {"Needed", needed},
                           {"Detail", detail},
                           {"Lost", lost},
                           {"Mend", mend}});
}

Result<Finding> Finding::FromJson(const Json& json) {
  Finding finding;
  std::string state;
  codec::Reader reader(json);
  reader.Require("Group", &finding.group);
  reader.Require("Name", &finding.name);
  reader.Require("State", &state);
  reader.Read("Needed", &finding.needed);
  reader.Read("Detail", &finding.detail);
  reader.Read("Lost", &finding.lost);
  reader.Read("Mend", &finding.mend);
  TRY(reader.Finish());
  const auto found = std::ranges::find(kStates, state);
  if (found == kStates.end()) return Error(Code::kDataLoss, "a finding that is '" + state + "'");
  finding.state = static_cast<State>(found - kStates.begin());
  return finding;
}

void Tell(Findings& findings, const Feature& feature, bool works, std::string detail,
          FindingState otherwise) {
  Finding finding{feature.group,
                  feature.name,
                  works ? FindingState::kWorks : otherwise,
                  feature.needed,
                  std::move(detail),
                  "",
                  ""};
  if (!works) {
    finding.lost = feature.lost;
    finding.mend = feature.mend;
  }
  findings.push_back(std::move(finding));
}

void Tell(Findings& findings, const Feature& feature, const Status& tried, std::string detail,
          FindingState otherwise) {
  Tell(findings, feature, tried.ok(), tried.ok() ? std::move(detail) : tried.error().Message(), otherwise);
}

void TellThere(Findings& findings, const Feature& feature, bool there, FindingState otherwise) {
  Tell(findings, feature, there, there ? "there" : "not there", otherwise);
}

std::vector<Finding> ExamineHost(const DoctorOptions& options) {
  Findings findings;
  const auto inside = RunInside(options.config);
  if (inside.ok()) ReadFindings(*inside, findings);
  if (findings.empty())
    Tell(findings, {"Kernel", "namespaces", true, "nothing was tried", "look at the error"},
         inside.ok() ? Status(Error(Code::kInternal, "the examining process said nothing"))
                     : inside.error().Clone(),
         "");
  ExamineCgroups(options.config.rootless, findings);
  if (options.config.rootless) ExamineUsers(options, findings);
  ExaminePrograms(options, findings);
  ExamineLimits(options.config, findings);
  ExamineEngine(options.config, findings);
  const auto place = [](const Finding& finding) {
    return std::ranges::find(kOrder, finding.group) - std::begin(kOrder);
  };
  std::ranges::stable_sort(findings, {}, place);
  return findings;
}

Status ExamineInside(const Config& config) {
  Findings findings;
  if (config.rootless) {
    const Status made = MakeUserNamespace();
    Tell(findings, kUserNamespace, made, "made, with the user's subordinate ids");
    if (!made.ok()) {
      Print(findings);
      return Ok();
    }
  }
  TRY(os::EnterNewMountNamespace());
  ExamineKernel(config.rootless, findings);
  ExamineStorage(config, findings);
  const Status entered = config.rootless ? net::EnterNewUserNetwork() : EnterNetwork();
  Tell(findings,
       {"Network", "network namespace", true, "containers have only the host's network",
        "sysctl user.max_net_namespaces=15000"},
       entered, "made");
  if (entered.ok()) ExamineNetwork(config.rootless, findings);
  Print(findings);
  return Ok();
}

}  // namespace estiba::engine
