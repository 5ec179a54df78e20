// estiba-oci: an OCI runtime with runc's command line.

#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "commands.h"
#include "os/file.h"
#include "os/userns.h"
#include "sealed.h"

extern const char kEstibaCommit[];  // commit.cc; empty: built outside of the repository

namespace estiba::ocicli {
namespace {

constexpr int kFailed = 1;
constexpr int kExecFailed = 255;  // exec's own failure, apart from its process's codes

std::vector<FlagSpec> GlobalFlags() {
  return {{"debug", '\0', false, "enable debug logging"},
          {"log", '\0', true, "file for logs (default is stderr), journald:NAME or syslog:NAME"},
          {"log-format", '\0', true, "set the log format ('text' (default), or 'json')"},
          {"root", '\0', true, "directory for the state of containers (default: /run/estiba-oci)"},
          {"systemd-cgroup", '\0', false, "cgroups are scopes of systemd: linux.cgroupsPath is \"slice:prefix:name\""},
          {"cgroup-manager", '\0', true, "'cgroupfs' (default), 'systemd', or 'disabled'"},
          {"rootless", '\0', true, "'true', 'false' or 'auto': whether the host's cgroups, devices, … may be refused"},
          {"version", 'v', false, "print the version"}};
}

// /run is not for plain users, nor for the root of their user namespaces (unless it says that it is root all the same).
bool UsesRuntimeDir() {
  if (::geteuid() != 0) return true;
  const auto first = os::InFirstUserNamespace();
  const char* user = std::getenv("USER");
  return first.ok() && !*first && (user == nullptr || std::string_view(user) != "root");
}

std::string DefaultRoot() {
  const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  if (runtime_dir == nullptr || *runtime_dir == '\0' || !UsesRuntimeDir()) return "/run/estiba-oci";
  return std::string(runtime_dir) + "/estiba-oci";
}

// Nobody left to tell when this fails.
void Print(int fd, const std::string& text) {
  if (!os::WriteAll(fd, text).ok()) return;
}

std::string Help(const std::string& program) {
  std::string text = "NAME:\n   " + program + " - Open Container Initiative runtime\n\nUSAGE:\n   " + program +
                     " [global options] command [command options] [arguments...]\n\nCOMMANDS:\n";
  for (const Command& command : Commands()) {
    std::string name = command.name;
    name.resize(12, ' ');
    text += "   " + name + command.help + "\n";
  }
  return text + "\nGLOBAL OPTIONS:\n" + HelpOf(GlobalFlags());
}

std::string Help(const std::string& program, const Command& command) {
  std::string text = "NAME:\n   " + program + " " + command.name + " - " + command.help + "\n\nUSAGE:\n   " +
                     program + " " + command.name + " " + command.usage + "\n";
  if (!command.flags.empty()) text += "\nOPTIONS:\n" + HelpOf(command.flags);
  return text;
}

Result<Globals> ReadGlobals(const Flags& flags) {
  Globals globals;
  globals.root = flags.Has("root") ? flags.Get("root") : DefaultRoot();
  const std::string manager = flags.Get("cgroup-manager");
  if (!manager.empty() && manager != "cgroupfs" && manager != "systemd" && manager != "disabled")
    return Error(Code::kNotImplemented,
                 "cgroup manager '" + manager + "' is not available: cgroupfs, systemd or disabled");
  globals.use_cgroup = manager != "disabled";
  globals.systemd = globals.use_cgroup && (manager == "systemd" || flags.On("systemd-cgroup"));
  const std::string rootless = flags.Get("rootless");
  if (rootless == "true" || rootless == "false") {
    globals.rootless = rootless == "true";
  } else if (!rootless.empty() && rootless != "auto") {
    return Error(Code::kInvalidArgument, "--rootless: '" + rootless + "' is not true, false or auto");
  }
  return globals;
}

// Everything up to the command's own work.
Result<int> Dispatch(const std::string& program, const Flags& global, const Reporter& reporter) {
  const Globals globals = TRY(ReadGlobals(global));
  const auto commands = Commands();
  const std::string& name = global.rest().front();
  if (name == "help") {
    Print(1, Help(program));
    return 0;
  }
  const auto command = std::ranges::find_if(commands, [&](const Command& c) { return name == c.name; });
  if (command == commands.end())
    return Error(Code::kInvalidArgument, "No help topic for '" + name + "'")
        .Hint("'" + program + " --help' lists the commands");
  const std::vector<std::string> args(global.rest().begin() + 1, global.rest().end());
  // Behind the id, too ("update ID --memory 1"), where no other program's options can follow.
  const bool anywhere = command->most != SIZE_MAX;
  const Flags flags = TRY_CTX(Flags::Parse(args, command->flags, anywhere), "Incorrect Usage");
  if (flags.On("help")) {
    Print(1, Help(program, *command));
    return 0;
  }
  if (flags.rest().size() < command->least || flags.rest().size() > command->most)
    return Error(Code::kInvalidArgument, program + ": \"" + name + "\" requires " +
                                             (command->least == command->most ? "exactly " : "at least ") +
                                             std::to_string(command->least) + " argument(s)")
        .Hint("usage: " + program + " " + name + " " + command->usage);
  return command->run({.globals = globals, .reporter = reporter, .flags = flags});
}

int Main(const std::vector<std::string>& argv) {
  const std::string program = argv[0].substr(argv[0].rfind('/') + 1);
  auto parsed = Flags::Parse({argv.begin() + 1, argv.end()}, GlobalFlags(), /*anywhere=*/false);
  if (!parsed.ok()) {
    Print(2, "Incorrect Usage: " + parsed.error().Message() + "\n\n" + Help(program));
    return kFailed;
  }
  const Flags global = std::move(parsed).value();
  if (global.On("version")) {
    // Engines look for these words at the start of lines.
    const std::string commit = *kEstibaCommit == '\0' ? "" : "commit: " + std::string(kEstibaCommit) + "\n";
    Print(1, program + " version " ESTIBA_VERSION "\n" + commit + "spec: 1.3.0\n");
    return 0;
  }
  if (global.On("help") || global.rest().empty()) {
    Print(1, Help(program));
    return 0;
  }
  auto reporter = Reporter::Open(global.Get("log"), global.Get("log-format"), global.On("debug"));
  if (!reporter.ok()) {
    Print(2, reporter.error().ToString() + "\n");
    return kFailed;
  }
  const auto code = Dispatch(program, global, *reporter);
  if (code.ok()) return *code;
  reporter->Failure(code.error());
  return global.rest().front() == "exec" ? kExecFailed : kFailed;
}

}  // namespace
}  // namespace estiba::ocicli

int main(int argc, char** argv) {
  if (argc < 1) return 1;
  if (estiba::ocicli::EntersContainer(argv)) {
    if (const auto sealed = estiba::ocicli::RunSealed(argv); !sealed.ok()) {
      estiba::ocicli::Print(2, sealed.error().ToString() + "\n");
      return 1;
    }
  }
  return estiba::ocicli::Main({argv, argv + argc});
}
