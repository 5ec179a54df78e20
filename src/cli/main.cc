#include "cli/main.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "command.h"
#include "complete.h"
#include "term/terminal.h"
#include "version.h"

namespace estiba::cli {
namespace {

using Words = std::span<const std::string_view>;

// Exit code of a command line that cannot be understood; Docker's.
constexpr int kBadFlag = 125;

int BadUsage(const std::string& what, const std::string& usage, std::string_view path, int code) {
  const std::string help = path.empty() ? "" : std::string(path) + " ";
  PrintError(what + "\n\n" + (usage.empty() ? "" : usage + "\n\n") + "Run 'estiba " + help +
             "--help' for more information");
  return code;
}

std::string Plural(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " argument" : " arguments");
}

// What is wrong with the number of arguments, or "".
std::string ArityProblem(const Command& command, std::size_t count, std::string_view path) {
  if (count >= command.min_args && count <= command.max_args) return "";
  const std::string name = "estiba: 'estiba " + std::string(path) + "' ";
  if (command.max_args == 0) return name + "accepts no arguments";
  if (command.min_args == command.max_args) return name + "requires " + Plural(command.min_args);
  if (count < command.min_args) return name + "requires at least " + Plural(command.min_args);
  return name + "requires at most " + Plural(command.max_args);
}

std::size_t HelpWidth() {
  const auto size = GetWindowSize(STDOUT_FILENO);
  return size ? size->columns : 80;
}

int RunCommand(const Command& command, std::string_view path, Words words, App& app) {
  const auto options = ParseFlags(command.flags, words, command.stop_at_positional);
  if (!options.ok()) return BadUsage(options.error().Message(), UsageLine(command, path), path, kBadFlag);
  if (options->On("help")) {
    Print(CommandHelp(command, path, HelpWidth()));
    return 0;
  }
  if (const auto problem = ArityProblem(command, options->args().size(), path); !problem.empty())
    return BadUsage(problem, UsageLine(command, path), path, 1);
  const auto code = command.run(app, *options);
  if (code.ok()) return *code;
  // Nobody reads what we write: the reader's choice, as in `estiba logs web | head`.
  if (code.error().errnum() == EPIPE) return 128 + SIGPIPE;
  PrintError(code.error());
  return 1;
}

int RunGroup(std::string_view group, Words words, App& app) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    Print(GroupHelp(group));
    return 0;
  }
  const std::string path = std::string(group) + " " + std::string(words[0]);
  if (const Command* command = FindCommand(group, words[0]))
    return RunCommand(*command, path, words.subspan(1), app);
  if (words[0].starts_with('-'))
    return BadUsage("unknown flag: " + std::string(words[0]), "", group, kBadFlag);
  return BadUsage("estiba: unknown command: estiba " + path + Suggestions(group, words[0]),
                  "Usage:  estiba " + std::string(group) + " COMMAND", group, 1);
}

// `estiba help run`, `estiba help container ls`.
int Help(Words words) {
  if (words.empty()) {
    Print(TopHelp(HelpWidth()));
    return 0;
  }
  if (IsGroup(words[0]) && words.size() == 1) {
    Print(GroupHelp(words[0]));
    return 0;
  }
  const bool grouped = IsGroup(words[0]);
  const std::string_view group = grouped ? words[0] : std::string_view();
  const std::string_view name = grouped ? words[1] : words[0];
  const std::string path = (grouped ? std::string(group) + " " : "") + std::string(name);
  const Command* command = FindCommand(group, name);
  if (command == nullptr)
    return BadUsage("estiba: unknown command: estiba " + path + Suggestions(group, name), "", group, 1);
  Print(CommandHelp(*command, path, HelpWidth()));
  return 0;
}

HostFlags FlagsOfHost(const Options& global) {
  const auto text = [&](const char* name) {
    return global.Has(name) ? std::optional(global.Text(name)) : std::nullopt;
  };
  const auto on = [&](const char* name) { return global.Has(name) ? std::optional(global.On(name)) : std::nullopt; };
  return {text("host"), on("tls"), on("tlsverify"), text("tlscacert"), text("tlscert"), text("tlskey")};
}

int Dispatch(Words words) {
  const auto global = ParseFlags(GlobalFlags(), words, /*stop_at_positional=*/true);
  if (!global.ok()) return BadUsage(global.error().Message(), "", "", kBadFlag);
  if (global->On("version")) {
    PrintLine("Estiba version " + std::string(kVersion));
    return 0;
  }
  if (global->On("help") || global->args().empty()) {
    Print(TopHelp(HelpWidth()));
    return 0;
  }
  const Words rest = words.subspan(words.size() - global->args().size());
  const std::string_view name = rest[0];
  App app(FlagsOfHost(*global));
  if (name == "help") return Help(rest.subspan(1));
  if (name == "__complete") {  // called by the shells' completion scripts
    for (const std::string& candidate : Completions(rest.subspan(1))) PrintLine(candidate);
    return 0;
  }
  if (IsGroup(name)) return RunGroup(name, rest.subspan(1), app);
  if (const Command* command = FindCommand("", name)) return RunCommand(*command, name, rest.subspan(1), app);
  return BadUsage("estiba: unknown command: estiba " + std::string(name) + Suggestions("", name), "", "", 1);
}

// A shell may start us with 0, 1 or 2 closed. The next thing opened would take the number, and our output
// would go into the engine's socket.
void OpenStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd)
      ::_exit(1);  // NOLINT: kept across exec
}

}  // namespace

int Main(int argc, char** argv) {
  OpenStandardDescriptors();
  // A reader that went away is an error of write(2), which Print() knows.
  ::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string_view> words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  return Dispatch(words);
}

}  // namespace estiba::cli
