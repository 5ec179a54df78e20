#include "process.h"

#include <algorithm>

#include <array>
#include <csignal>
#include <utility>

#include "base/parse.h"
#include "base/text.h"

namespace estiba::engine {
namespace {

std::string_view KeyOf(std::string_view entry) { return entry.substr(0, entry.find('=')); }

constexpr std::array<std::pair<std::string_view, int>, 33> kSignals = {{
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},     {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},     {"IOT", SIGIOT},   {"BUS", SIGBUS},       {"FPE", SIGFPE},   {"KILL", SIGKILL},
    {"USR1", SIGUSR1},     {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},     {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},
    {"TERM", SIGTERM},     {"STKFLT", 16},    {"CHLD", SIGCHLD},     {"CLD", SIGCHLD},  {"CONT", SIGCONT},
    {"STOP", SIGSTOP},     {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU}, {"URG", SIGURG},
    {"XCPU", SIGXCPU},     {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH},
    {"IO", SIGIO},         {"PWR", SIGPWR},   {"SYS", SIGSYS},
}};
// The C library keeps 32 and 33 to itself; people count real-time signals from 34 to 64.
constexpr int kFirstRealTime = 34;
constexpr int kLastRealTime = 64;

std::optional<int> RealTime(std::string_view name) {
  if (name == "RTMIN") return kFirstRealTime;
  if (name == "RTMAX") return kLastRealTime;
  const bool up = name.starts_with("RTMIN+");
  if (!up && !name.starts_with("RTMAX-")) return std::nullopt;
  const auto offset = ParseUint(name.substr(6), kLastRealTime - kFirstRealTime);
  if (!offset.ok()) return std::nullopt;
  const int distance = static_cast<int>(offset.value());
  return up ? kFirstRealTime + distance : kLastRealTime - distance;
}

}  // namespace

std::vector<std::string> Command::Argv() const {
  std::vector<std::string> argv = entrypoint;
  argv.insert(argv.end(), cmd.begin(), cmd.end());
  return argv;
}

Result<Command> MergeCommand(const std::optional<std::vector<std::string>>& entrypoint,
                             const std::vector<std::string>& cmd, const ImageDefaults& image) {
  Command command{entrypoint.value_or(std::vector<std::string>{}), cmd};
  if (command.entrypoint.empty()) {
    if (command.cmd.empty()) command.cmd = image.cmd;
    if (!entrypoint.has_value()) command.entrypoint = image.entrypoint;
  }
  if (command.entrypoint.size() == 1 && command.entrypoint[0].empty()) command.entrypoint.clear();
  if (command.entrypoint.empty() && command.cmd.empty()) {
    return Error(Code::kInvalidArgument, "no command specified");
  }
  return command;
}

std::vector<std::string> MergeEnv(const std::vector<std::string>& wanted, const std::vector<std::string>& image) {
  std::vector<std::string> env = wanted;
  for (const std::string& entry : image) {
    bool set = false;
    for (const std::string& ours : wanted) set = set || KeyOf(ours) == KeyOf(entry);
    if (!set) env.push_back(entry);
  }
  return env;
}

std::vector<std::string> ApplyEnv(std::vector<std::string> base, const std::vector<std::string>& changes) {
  for (const std::string& change : changes) {
    const auto same = [&](const std::string& entry) { return KeyOf(entry) == KeyOf(change); };
    const bool removes = change.find('=') == std::string::npos;
    const auto found = std::find_if(base.begin(), base.end(), same);
    if (removes) {
      base.erase(std::remove_if(base.begin(), base.end(), same), base.end());
    } else if (found != base.end()) {
      *found = change;
    } else {
      base.push_back(change);
    }
  }
  return base;
}

std::vector<std::string> ProcessEnv(const std::vector<std::string>& env, std::string_view hostname, bool tty) {
  std::vector<std::string> base = {"PATH=" + std::string(kDefaultPath), "HOSTNAME=" + std::string(hostname)};
  if (tty) base.emplace_back("TERM=xterm");
  return ApplyEnv(std::move(base), env);
}

Result<int> ParseSignal(std::string_view text) {
  const auto number = ParseUint(text, 64);
  if (number.ok() && number.value() > 0) return static_cast<int>(number.value());
  std::string name(text);
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const auto& [known, value] : kSignals) {
    if (name == known) return value;
  }
  if (const auto real_time = RealTime(name)) return *real_time;
  return Error(Code::kInvalidArgument, "Invalid signal: " + std::string(text));
}

}  // namespace estiba::engine
