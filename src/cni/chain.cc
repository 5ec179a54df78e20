#include "cni/chain.h"

#include <algorithm>
#include <ranges>

#include "base/log.h"
#include "base/text.h"
#include "cni/process.h"

namespace estiba::cni {
namespace {

std::string EndText(const ProgramOutput& output) {
  if (output.end.signal != 0) return "it was ended by signal " + std::to_string(output.end.signal);
  return "exit status " + std::to_string(output.end.code);
}

// Why a run that did not succeed did not.
Error Failed(const ProgramOutput& output, std::chrono::milliseconds timeout) {
  if (output.timed_out) {
    return Error(Code::kDeadlineExceeded,
                 "it did not answer within " + std::to_string(timeout.count() / 1000) + " s and was killed");
  }
  if (output.too_long)
    return Error(Code::kOutOfRange, "it printed more than " + std::to_string(kMaxOutput) + " bytes and was killed");
  // As the library of the plugins' authors: what is on standard output is an error in JSON, or else nobody's.
  if (auto error = ParseError(output.out)) return std::move(*error);
  std::string said = Printable(output.err.empty() ? output.out : output.err);
  return Error(Code::kInternal, EndText(output) + (said.empty() ? "" : ": " + said));
}

// What the plugin printed, when it succeeded.
Result<std::string> RunPlugin(const Surroundings& around, const Plugin& plugin, Command command,
                              const Invocation& invocation, std::string text) {
  const std::string what = "plugin '" + plugin.type + "' " + std::string(ToString(command));
  ProgramInput input;
  input.program = TRY(FindPlugin(plugin.type, around.bin_dirs));
  input.env = Environment(command, invocation, around.bin_dirs);
  input.text = std::move(text);
  input.timeout = around.timeout;
  input.kept_fd = around.kept_fd;
  ProgramOutput output = TRY_CTX(RunProgram(input), what);
  if (const std::string said = Printable(output.err); !said.empty())
    log::Info("a CNI plugin said", {{"plugin", plugin.type}, {"command", ToString(command)}, {"text", said}});
  const bool well = output.end.signal == 0 && output.end.code == 0 && !output.timed_out && !output.too_long;
  if (!well) return Failed(output, around.timeout).Context(what);
  return std::move(output.out);
}

Result<AddResult> AddOne(const Surroundings& around, const NetworkList& list, const Plugin& plugin,
                         const Invocation& invocation, const std::optional<AddResult>& previous) {
  const std::string out = TRY(RunPlugin(around, plugin, Command::kAdd, invocation,
                                        Derive(list, plugin, invocation, previous ? &*previous : nullptr)));
  const std::string what = "plugin '" + plugin.type + "' ADD: its answer";
  if (Trim(out).empty()) return Error(Code::kInvalidArgument, what + " is empty");
  return TRY_CTX(ParseResult(out, list.version), what);
}

Status CheckVersion(const Surroundings& around, const NetworkList& list, const Plugin& plugin) {
  const std::string out = TRY(RunPlugin(around, plugin, Command::kVersion, {}, DeriveVersion(list.version)));
  const std::string what = "plugin '" + plugin.type + "' VERSION: its answer";
  const std::vector<std::string> versions = TRY_CTX(ParseVersions(out), what);
  if (std::ranges::find(versions, ToString(list.version)) != versions.end()) return Ok();
  return Error(Code::kFailedPrecondition, "plugin '" + plugin.type + "' does not know version " +
                                              std::string(ToString(list.version)) + " of the specification, only " +
                                              Printable(Join(versions, ", ")));
}

}  // namespace

Status CheckPlugins(const Surroundings& around, const NetworkList& list) {
  for (const Plugin& plugin : list.plugins) TRY(FindPlugin(plugin.type, around.bin_dirs));
  return Ok();
}

Result<AddResult> Add(const Surroundings& around, const NetworkList& list, const Invocation& invocation) {
  TRY(CheckInvocation(invocation));
  std::optional<AddResult> result;
  for (const Plugin& plugin : list.plugins) {
    if (around.wanted && !around.wanted()) return Error(Code::kCancelled, "nobody waits for it any more");
    result = TRY(AddOne(around, list, plugin, invocation, result));
  }
  if (!result) return Error(Code::kInvalidArgument, "network '" + list.name + "' has no plugins");
  return std::move(*result);
}

Status Delete(const Surroundings& around, const NetworkList& list, const Invocation& invocation,
              const std::optional<AddResult>& result) {
  TRY(CheckInvocation(invocation));
  // Results are given since 0.4.0.
  const AddResult* previous = result && list.version >= Version::k040 ? &*result : nullptr;
  std::optional<Error> first;
  for (const Plugin& plugin : std::views::reverse(list.plugins)) {
    auto done =
        RunPlugin(around, plugin, Command::kDel, invocation, Derive(list, plugin, invocation, previous));
    if (!done.ok() && !first) first = std::move(done).error();
  }
  if (first) return std::move(*first);
  return Ok();
}

Status Check(const Surroundings& around, const NetworkList& list, const Invocation& invocation,
             const AddResult& result) {
  TRY(CheckInvocation(invocation));
  if (list.disable_check) return Ok();
  if (list.version < Version::k040) {
    return Error(Code::kFailedPrecondition, "version " + std::string(ToString(list.version)) +
                                                " of the specification, which network '" + list.name +
                                                "' is of, has no CHECK");
  }
  for (const Plugin& plugin : list.plugins)
    TRY(RunPlugin(around, plugin, Command::kCheck, invocation, Derive(list, plugin, invocation, &result)));
  return Ok();
}

Status CollectGarbage(const Surroundings& around, const NetworkList& list, const std::vector<ValidAttachment>& valid) {
  if (list.disable_gc || list.version < Version::k110) return Ok();
  std::optional<Error> first;
  for (const Plugin& plugin : list.plugins) {
    auto done = RunPlugin(around, plugin, Command::kGc, {}, DeriveWithout(list, plugin, &valid));
    if (!done.ok() && !first) first = std::move(done).error();
  }
  if (first) return std::move(*first);
  return Ok();
}

Status AskStatus(const Surroundings& around, const NetworkList& list) {
  for (const Plugin& plugin : list.plugins) TRY(CheckVersion(around, list, plugin));
  if (list.version < Version::k110) return Ok();
  for (const Plugin& plugin : list.plugins)
    TRY(RunPlugin(around, plugin, Command::kStatus, {}, DeriveWithout(list, plugin, nullptr)));
  return Ok();
}

}  // namespace estiba::cni
