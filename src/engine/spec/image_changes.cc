#include "image_changes.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/duration.h"
#include "base/parse.h"
#include "base/text.h"
#include "dockerfile_words.h"
#include "health.h"
#include "process.h"

namespace estiba::engine {
namespace {

using apitypes::ContainerConfig;
using apitypes::HealthConfig;

struct Instruction {
  std::string name;  // in capitals
  std::string rest;
};

std::string ToUpper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

Instruction SplitInstruction(std::string_view line) {
  const std::string_view text = Trim(line);
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  return {ToUpper(text.substr(0, end)), std::string(Trim(text.substr(end)))};
}

// Lines as a Dockerfile has them: a '\' at the end goes on with the next, '#' begins a comment line.
std::vector<std::string> LinesOf(const std::vector<std::string>& changes) {
  std::vector<std::string> out;
  for (const std::string& change : changes) {
    std::string line;
    for (const std::string& piece : Split(change, '\n')) {
      const std::string_view text = Trim(piece);
      if (text.empty() || text.starts_with('#')) continue;
      const bool goes_on = text.ends_with('\\');
      line += goes_on ? text.substr(0, text.size() - 1) : text;
      if (!goes_on) out.push_back(std::exchange(line, {}));
    }
    if (!line.empty()) out.push_back(std::move(line));
  }
  return out;
}

class Changer {
 public:
  explicit Changer(ContainerConfig config) : config_(std::move(config)) {}

  Status Apply(const std::string& line) {
    using Method = Status (Changer::*)(const std::string&);
    static const std::vector<std::pair<std::string_view, Method>> kMethods{
        {"CMD", &Changer::Cmd},         {"ENTRYPOINT", &Changer::Entrypoint}, {"ENV", &Changer::Env},
        {"EXPOSE", &Changer::Expose},   {"HEALTHCHECK", &Changer::Healthcheck}, {"LABEL", &Changer::Label},
        {"ONBUILD", &Changer::OnBuild}, {"STOPSIGNAL", &Changer::StopSignal}, {"USER", &Changer::User},
        {"VOLUME", &Changer::Volume},   {"WORKDIR", &Changer::Workdir}};
    const Instruction instruction = SplitInstruction(line);
    const auto found = std::ranges::find(kMethods, instruction.name, &std::pair<std::string_view, Method>::first);
    if (found == kMethods.end())
      return Error(Code::kInvalidArgument, instruction.name + " is not a valid change command");
    if (instruction.rest.empty())
      return Error(Code::kInvalidArgument, instruction.name + " requires at least one argument");
    return TRY_CTX((this->*found->second)(instruction.rest), "'" + line + "'");
  }

  ContainerConfig Take() { return std::move(config_); }

 private:
  Result<std::string> Expand(std::string_view word) const { return ExpandWord(word, config_.env); }

  Result<std::vector<std::string>> ExpandAll(const std::string& text) const {
    std::vector<std::string> out;
    for (const std::string& word : SplitWords(text)) {
      std::string value = TRY(Expand(word));
      out.push_back(std::move(value));
    }
    return out;
  }

  std::vector<std::string> CommandLine(const std::string& text) const {
    if (auto exec = ParseExecForm(text)) return std::move(*exec);
    std::vector<std::string> out = config_.shell;
    if (out.empty()) out = {"/bin/sh", "-c"};
    out.push_back(text);
    return out;
  }

  Status Cmd(const std::string& text) {
    config_.cmd = CommandLine(text);
    command_set_ = true;
    return Ok();
  }

  // A command that was for another entrypoint goes with that.
  Status Entrypoint(const std::string& text) {
    config_.entrypoint = CommandLine(text);
    if (!command_set_) config_.cmd.reset();
    return Ok();
  }

  // "A=b C='d e'", or the old form "A b c".
  Result<std::vector<std::pair<std::string, std::string>>> Pairs(const std::string& text) const {
    std::vector<std::pair<std::string, std::string>> out;
    const std::vector<std::string> words = SplitWords(text);
    if (words.front().find('=') == std::string::npos) {
      if (words.size() < 2) return Error(Code::kInvalidArgument, "a name and a value are needed");
      std::string value = TRY(Expand(Trim(std::string_view(text).substr(words.front().size()))));
      out.emplace_back(words.front(), std::move(value));
      return out;
    }
    for (const std::string& word : words) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos)
        return Error(Code::kInvalidArgument, "can't find = in \"" + word + "\". Must be of the form: name=value");
      std::string name = TRY(Expand(std::string_view(word).substr(0, equals)));
      if (name.empty()) return Error(Code::kInvalidArgument, "names can not be blank");
      std::string value = TRY(Expand(std::string_view(word).substr(equals + 1)));
      out.emplace_back(std::move(name), std::move(value));
    }
    return out;
  }

  Status Env(const std::string& text) {
    const auto pairs = TRY(Pairs(text));
    std::vector<std::string> changes;
    for (const auto& [name, value] : pairs) changes.push_back(name + "=" + value);
    config_.env = ApplyEnv(std::move(config_.env), changes);
    return Ok();
  }

  Status Label(const std::string& text) {
    const auto pairs = TRY(Pairs(text));
    for (const auto& [name, value] : pairs) config_.labels[name] = value;
    return Ok();
  }

  Status Expose(const std::string& text) {
    const std::vector<std::string> words = TRY(ExpandAll(text));
    for (const std::string& word : words) {
      const std::size_t slash = std::min(word.find('/'), word.size());
      const std::string protocol = slash < word.size() ? ToLower(word.substr(slash + 1)) : "tcp";
      if (protocol != "tcp" && protocol != "udp" && protocol != "sctp")
        return Error(Code::kInvalidArgument, "Invalid proto: " + protocol);
      const std::string range = word.substr(0, slash);
      const std::size_t dash = std::min(range.find('-'), range.size());
      const auto first = ParseUint(range.substr(0, dash), 65535);
      const auto last = dash < range.size() ? ParseUint(range.substr(dash + 1), 65535) : ParseUint(range, 65535);
      if (!first.ok() || !last.ok() || *first > *last)
        return Error(Code::kInvalidArgument, "Invalid containerPort: " + word);
      for (std::uint64_t port = *first; port <= *last; ++port)
        config_.exposed_ports.insert(std::to_string(port) + "/" + protocol);
    }
    return Ok();
  }

  Status Healthcheck(const std::string& text) {
    HealthConfig check;
    std::string rest = text;
    while (rest.starts_with("--")) {
      const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
      TRY(HealthOption(rest.substr(2, end - 2), check));
      rest = Trim(std::string_view(rest).substr(end));
    }
    const Instruction kind = SplitInstruction(rest);
    if (kind.name == "NONE") {
      if (!kind.rest.empty()) return Error(Code::kInvalidArgument, "HEALTHCHECK NONE takes no arguments");
      check.test = {"NONE"};
    } else if (kind.name == "CMD") {
      if (kind.rest.empty()) return Error(Code::kInvalidArgument, "Missing command after HEALTHCHECK CMD");
      const auto exec = ParseExecForm(kind.rest);
      check.test = exec ? *exec : std::vector<std::string>{kind.rest};
      check.test.insert(check.test.begin(), exec ? "CMD" : "CMD-SHELL");
    } else {
      return Error(Code::kInvalidArgument, "Unknown type \"" + kind.name + "\" in HEALTHCHECK (try CMD)");
    }
    config_.healthcheck = std::move(check);
    return Ok();
  }

  static Status HealthOption(const std::string& option, HealthConfig& check) {
    const std::size_t equals = std::min(option.find('='), option.size());
    const std::string name = option.substr(0, equals);
    const std::string value = equals < option.size() ? option.substr(equals + 1) : "";
    if (name == "retries") {
      check.retries = static_cast<std::int64_t>(TRY(ParseUint(value, INT32_MAX)));
      return Ok();
    }
    std::int64_t* target = name == "interval"         ? &check.interval
                           : name == "timeout"        ? &check.timeout
                           : name == "start-period"   ? &check.start_period
                           : name == "start-interval" ? &check.start_interval
                                                      : nullptr;
    if (target == nullptr) return Error(Code::kInvalidArgument, "unknown flag: --" + name);
    const auto duration = TRY(ParseGoDuration(value));
    constexpr std::int64_t kLeast = 1'000'000;
    if (duration.count() != 0 && duration.count() < kLeast)
      return Error(Code::kInvalidArgument, "Interval \"" + name + "\" cannot be less than 1ms");
    *target = duration.count();
    return Ok();
  }

  Status OnBuild(const std::string& text) {
    const std::string trigger = SplitInstruction(text).name;
    if (trigger == "ONBUILD")
      return Error(Code::kInvalidArgument, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger == "FROM" || trigger == "MAINTAINER")
      return Error(Code::kInvalidArgument, trigger + " isn't allowed as an ONBUILD trigger");
    config_.on_build.push_back(text);
    return Ok();
  }

  Result<std::string> One(const std::string& text, const char* name) const {
    if (SplitWords(text).size() != 1)
      return Error(Code::kInvalidArgument, std::string(name) + " requires exactly one argument");
    return Expand(text);
  }

  Status StopSignal(const std::string& text) {
    const std::string signal = TRY(One(text, "STOPSIGNAL"));
    TRY(ParseSignal(signal));
    config_.stop_signal = signal;
    return Ok();
  }

  Status User(const std::string& text) {
    config_.user = TRY(One(text, "USER"));
    return Ok();
  }

  Status Volume(const std::string& text) {
    const auto exec = ParseExecForm(text);
    const std::vector<std::string> paths = exec ? *exec : TRY(ExpandAll(text));
    for (const std::string& path : paths) {
      if (Trim(path).empty()) return Error(Code::kInvalidArgument, "VOLUME specified can not be an empty string");
      config_.volumes.insert(std::string(Trim(path)));
    }
    return Ok();
  }

  Status Workdir(const std::string& text) {
    const std::string folder = TRY(Expand(text));
    std::string whole = folder;
    if (!folder.starts_with('/')) whole.insert(0, config_.working_dir + "/");
    std::vector<std::string> parts;
    for (const std::string& part : Split(whole, '/')) {
      if (part == ".." && !parts.empty()) parts.pop_back();
      if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    }
    config_.working_dir = "/" + Join(parts, "/");
    return Ok();
  }

  ContainerConfig config_;
  bool command_set_ = false;
};

bool IsEmpty(const std::optional<std::vector<std::string>>& words) { return !words || words->empty(); }

}  // namespace

Result<ContainerConfig> ApplyChanges(ContainerConfig config, const std::vector<std::string>& changes) {
  Changer changer(std::move(config));
  for (const std::string& line : LinesOf(changes)) TRY(changer.Apply(line));
  return changer.Take();
}

ContainerConfig MergeConfig(ContainerConfig wanted, const ContainerConfig& container) {
  if (wanted.user.empty()) wanted.user = container.user;
  wanted.exposed_ports.insert(container.exposed_ports.begin(), container.exposed_ports.end());
  wanted.env = MergeEnv(wanted.env, container.env);
  wanted.labels.insert(container.labels.begin(), container.labels.end());
  if (IsEmpty(wanted.entrypoint)) {
    if (IsEmpty(wanted.cmd)) wanted.cmd = container.cmd;
    if (!wanted.entrypoint) wanted.entrypoint = container.entrypoint;
  }
  if (container.healthcheck)
    wanted.healthcheck = MergeHealth(wanted.healthcheck.value_or(HealthConfig{}), *container.healthcheck);
  if (wanted.working_dir.empty()) wanted.working_dir = container.working_dir;
  wanted.volumes.insert(container.volumes.begin(), container.volumes.end());
  if (wanted.stop_signal.empty()) wanted.stop_signal = container.stop_signal;
  if (wanted.shell.empty()) wanted.shell = container.shell;
  return wanted;
}

oci::ImageRunConfig ImageConfigOf(const ContainerConfig& config) {
  oci::ImageRunConfig out;
  out.user = config.user;
  out.exposed_ports = {config.exposed_ports.begin(), config.exposed_ports.end()};
  out.env = config.env;
  out.entrypoint = config.entrypoint.value_or(std::vector<std::string>{});
  out.cmd = config.cmd.value_or(std::vector<std::string>{});
  out.volumes = {config.volumes.begin(), config.volumes.end()};
  out.working_dir = config.working_dir;
  out.labels = {config.labels.begin(), config.labels.end()};
  out.stop_signal = config.stop_signal;
  out.shell = config.shell;
  out.on_build = config.on_build;
  if (config.healthcheck) {
    const HealthConfig& from = *config.healthcheck;
    out.healthcheck = oci::Healthcheck{from.test,         from.interval,       from.timeout,
                                       from.start_period, from.start_interval, from.retries};
  }
  return out;
}

}  // namespace estiba::engine
