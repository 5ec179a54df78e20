// ps: the container's processes, as numbers or as the host's ps(1) shows them.

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"
#include "codec/json.h"
#include "commands.h"
#include "os/file.h"
#include "os/memfd.h"
#include "os/process.h"
#include "state_dir.h"

namespace estiba::ocicli {
namespace {

Result<std::string> FindPs() {
  auto found = os::FindProgram("ps");
  if (!found.ok()) return std::move(found).error().Hint("install procps, or use --format json");
  return found;
}

// What ps prints with these options, all processes of the host.
Result<std::string> AskPs(std::vector<std::string> options) {
  if (options.empty()) options = {"-ef"};
  const os::UniqueFd output = TRY(os::MakeMemfd("ps"));
  os::SpawnOptions spawn;
  spawn.program = TRY(FindPs());
  spawn.argv = std::move(options);
  spawn.argv.insert(spawn.argv.begin(), "ps");
  for (char** variable = environ; *variable != nullptr; ++variable) spawn.env.emplace_back(*variable);
  spawn.fds = {{output.get(), 1}, {output.get(), 2}};
  os::Process process = TRY(os::Spawn(spawn));
  const os::ExitStatus end = TRY(process.Wait());
  if (::lseek(output.get(), 0, SEEK_SET) < 0) return Error::Errno(errno, "read what ps printed");
  std::string text = TRY(os::ReadAll(output.get()));
  if (end.ToShell() != 0)
    return Error(Code::kInvalidArgument, "exit status " + std::to_string(end.ToShell()) + ": " + text);
  return text;
}

std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words = Split(line, ' ');
  std::erase(words, "");
  return words;
}

// The heading and the lines of these processes.
Result<std::string> Select(const std::string& text, const std::vector<pid_t>& pids) {
  const std::vector<std::string> lines = Split(text, '\n');
  const auto heading = Words(lines.front());
  const auto column = std::ranges::find(heading, "PID") - heading.begin();
  if (column == static_cast<std::ptrdiff_t>(heading.size()))
    return Error(Code::kInvalidArgument, "couldn't find PID field in ps output");
  std::string selected = lines.front() + "\n";
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto words = Words(lines[i]);
    if (words.size() <= static_cast<std::size_t>(column)) continue;
    const auto pid = ParseUint(words[static_cast<std::size_t>(column)], INT32_MAX);
    if (pid.ok() && std::ranges::find(pids, static_cast<pid_t>(*pid)) != pids.end()) selected += lines[i] + "\n";
  }
  return selected;
}

}  // namespace

Result<int> PsCommand(const Context& context) {
  const std::string format = context.flags.Get("format");
  if (!format.empty() && format != "table" && format != "json")
    return Error(Code::kInvalidArgument, "invalid format option");
  const auto& words = context.flags.rest();
  const StateDir dir = TRY(StateDir::Open(context.globals.root, words.front()));
  const Snapshot now = TRY(Look(dir));
  const auto group = TRY(OpenCgroup(now));
  const auto pids = TRY(group.Processes());
  std::string text;
  if (format == "json") {
    codec::Json list = codec::Json::MakeArray();
    for (const pid_t pid : pids) list.Append(pid);
    text = list.Dump() + "\n";
  } else {
    const std::string all = TRY(AskPs({words.begin() + 1, words.end()}));
    text = TRY(Select(all, pids));
  }
  TRY_CTX(os::WriteAll(1, text), "write the answer");
  return 0;
}

}  // namespace estiba::ocicli
