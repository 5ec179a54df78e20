// The plan as a shell script. A shell cannot do everything a plan says, and says so where it does not.

#include <sched.h>

#include <algorithm>
#include <array>

#include "child/step.h"
#include "describe.h"
#include "plan/explain.h"
#include "plan/undo.h"
#include "security/capability.h"
#include "shell_lines.h"
#include "words.h"

namespace estiba::plan {
namespace {

using C = child::Op;

constexpr Words kHeader = {
    "# Container {0} by hand, step by step. Save this to a file, read it, and run it as root on a machine of yours.\n"
    "# Needs util-linux, iproute2 and libcap2-bin. Only for a root file system you trust: a shell follows its links.\n"
    "# \"(no command)\" marks what a shell cannot do: the container it makes lacks that.\n",
    "# El contenedor {0} a mano, paso a paso. Guárdelo en un archivo, léalo y ejecútelo como root en su máquina.\n"
    "# Necesita util-linux, iproute2 y libcap2-bin. Solo para una raíz de confianza: el shell sigue sus enlaces.\n"
    "# «(sin orden)» señala lo que un shell no puede hacer: al contenedor que crea le falta.\n"};
constexpr Words kNoCommand = {" (no command)", " (sin orden)"};
constexpr Words kHost = {"on the host, before the process exists", "en el anfitrión, antes de que exista el proceso"};
constexpr Words kBeside = {"on the host, to the process that now exists",
                           "en el anfitrión, al proceso que ya existe"};
constexpr Words kInside = {"in the process, in its new namespaces", "en el proceso, en sus nuevos espacios de nombres"};
constexpr Words kRun = {"the one clone, and what is left when it has ended",
                        "la única clonación, y lo que queda cuando ha terminado"};
constexpr Words kPivot = {
    "the root is moved over '/' rather than pivoted to: the last command is still the host's",
    "la raíz se mueve sobre '/' en vez de pivotar: la última orden es todavía del anfitrión"};

C ChildOpOf(const Step& step) {
  return step.op > Op::kChildBase
             ? static_cast<C>(static_cast<unsigned>(step.op) - static_cast<unsigned>(Op::kChildBase))
             : C::kNone;
}

// The last command: what only one program can do in one go, in the plan's order.
struct Program {
  std::string uid = "0";
  std::string gid = "0";
  std::string groups;
  std::string drop;
  std::string inheritable;
  std::string cwd = "/";
  bool no_new_privileges = false;
};

class Script {
 public:
  Script(const Plan& plan, Language language) : plan_(plan), language_(language) {}
  std::string Write();

 private:
  void Sort();
  void AddChild(const Step& step);
  bool TakeProgram(const Step& step);
  bool NeedsAnotherShell(const Step& step, std::string& section);
  std::string Comment(const Step& step, bool has_command) const;
  std::string Lines(const Step& step, const std::string& commands) const;
  std::string Last() const;
  std::string Run() const;
  std::string WorkFolder() const;
  std::string Title(const Words& words) const { return std::string("# ---- ") + words.In(language_) + " ----\n"; }

  const Plan& plan_;
  Language language_;
  ShellState state_;
  Program program_;
  std::string host_;
  std::string beside_;
  std::string inside_;
  unsigned waits_ = 0;
  unsigned part_ = 1;  // of the process: each begins in a shell of its own
  bool joins_groups_ = false;
  bool beside_needed_ = false;
  std::string home_;
};

// A comment ends with its line, whatever stands in the operands.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

std::string Indent(const std::string& lines) {
  std::string out;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    out += "  " + lines.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

std::string UnshareFlags(std::uint64_t flags) {
  constexpr struct {
    std::uint64_t flag;
    const char* words;
  } kFlags[] = {{CLONE_NEWUSER, " --user --keep-caps"}, {CLONE_NEWPID, " --pid --fork"}, {CLONE_NEWNS, " --mount"},
                {CLONE_NEWNET, " --net"},  {CLONE_NEWUTS, " --uts"}, {CLONE_NEWIPC, " --ipc"},
                {CLONE_NEWCGROUP, " --cgroup"}, {0x80, " --time"}};
  std::string out;
  for (const auto& each : kFlags) {
    if ((flags & each.flag) != 0) out += each.words;
  }
  return out;
}

const char* NsenterOption(std::uint64_t flag) {
  switch (flag) {
    case CLONE_NEWNET: return " --net=";
    case CLONE_NEWUTS: return " --uts=";
    case CLONE_NEWIPC: return " --ipc=";
    case CLONE_NEWCGROUP: return " --cgroup=";
    default: return nullptr;
  }
}

std::string CapabilityWords(std::uint64_t set) {
  std::string words;
  for (unsigned number = 0; number <= security::kLastCapability; ++number) {
    if ((set >> number & 1) == 0) continue;
    for (const char* c = security::CapabilityName(number); *c != '\0'; ++c)
      words += static_cast<char>(*c >= 'A' && *c <= 'Z' ? *c + ('a' - 'A') : *c);
    words += ',';
  }
  if (!words.empty()) words.pop_back();
  return words;
}

std::string GroupWords(const std::string& blob) {
  std::string words;
  for (std::size_t at = 0; at + 4 <= blob.size(); at += 4) {
    std::uint32_t group = 0;
    std::copy_n(blob.data() + at, 4, reinterpret_cast<char*>(&group));
    words += (words.empty() ? "" : ",") + std::to_string(group);
  }
  return words;
}

std::string Script::Comment(const Step& step, bool has_command) const {
  std::string text = "# " + Describe(step, language_);
  if (!step.why.empty()) text += " [" + step.why + "]";
  return OneLine(text) + (has_command ? "" : kNoCommand.In(language_)) + "\n";
}

std::string Script::Lines(const Step& step, const std::string& commands) const {
  return Comment(step, !commands.empty()) + (commands.empty() ? "" : commands + "\n");
}

// True when the step is part of the last command.
bool Script::TakeProgram(const Step& step) {
  switch (ChildOpOf(step)) {
    case C::kDropBounding: program_.drop = CapabilityWords(security::AllCapabilities() & ~NumberAt(step, 0)); break;
    case C::kGroups: program_.groups = GroupWords(step.blob); break;
    case C::kIdentity:
      if (!step.text.empty()) return false;  // a name of the container's own files
      program_.uid = std::to_string(NumberAt(step, 0));
      program_.gid = std::to_string(NumberAt(step, 1));
      break;
    case C::kCapabilities: program_.inheritable = CapabilityWords(NumberAt(step, 2)); break;
    case C::kNoNewPrivileges: program_.no_new_privileges = true; break;
    case C::kWorkDirectory: program_.cwd = TextAt(step, 0); break;
    case C::kPivot:
    case C::kMoveRoot:
    case C::kChangeRoot:
    case C::kFindProgram:
    case C::kExec: break;
    default: return false;
  }
  return true;
}

// What changes the shell itself: the script goes on in another one.
bool Script::NeedsAnotherShell(const Step& step, std::string& section) {
  const C op = ChildOpOf(step);
  const std::string next = " sh \"$self\" inside_" + std::to_string(part_ + 1);
  if (op == C::kBecomeRoot) {
    section += Lines(step, "exec setpriv --reuid 0 --regid 0 --clear-groups" + next);
  } else if (op == C::kUnshare) {
    section += Lines(step, "exec unshare" + UnshareFlags(NumberAt(step, 0)) + next);
  } else if (op == C::kSetNamespace && step.text.size() == 1) {
    const char* option = NsenterOption(NumberAt(step, 0));
    if (option == nullptr) return false;
    section += Lines(step, "exec nsenter" + (option + ShellWord(step.text[0])) + next);
  } else {
    return false;
  }
  ++part_;
  return true;
}

void Script::AddChild(const Step& step) {
  if (ChildOpOf(step) == C::kJoinCgroup) {
    joins_groups_ = true;
    inside_ += Indent(Comment(step, true));
    return;
  }
  if (ChildOpOf(step) == C::kWaitHost) {
    // Another FIFO each time: one that its last reader has not closed yet would take the next word, and lose it.
    const std::string go = "\"$work/go" + std::to_string(++waits_) + "\"";
    if (beside_needed_) beside_ += Indent("echo go > " + go);
    inside_ += Indent(Lines(step, beside_needed_ ? "read -r _ < " + go : ":"));
    return;
  }
  std::string section;
  if (NeedsAnotherShell(step, section)) {
    inside_ += Indent(section) + "}\ninside_" + std::to_string(part_) + "() {\n";
    return;
  }
  const bool later = TakeProgram(step);
  inside_ += Indent(later ? Comment(step, true) : Lines(step, ChildCommands(step, state_)));
}

void Script::Sort() {
  beside_needed_ = std::ranges::any_of(plan_.steps, [](const Step& step) { return step.where == Where::kHostChild; });
  for (const Step& step : plan_.steps) {
    if (step.op == Op::kResolveUser) home_ = TextAt(step, 0).empty() ? std::to_string(NumberAt(step, 0)) : "";
    if (step.op == Op::kOpenUnified) joins_groups_ = true;
    const bool known = step.op == Op::kOpenUnified || step.op == Op::kOpenTasks;  // join_groups finds them
    if (step.where == Where::kHost) {
      host_ += known ? Comment(step, true) : Lines(step, HostCommands(step, state_));
    } else if (step.where == Where::kHostChild) {
      beside_ += Indent(Lines(step, HostCommands(step, state_)));
    } else if (step.where != Where::kAfter) {
      AddChild(step);
    }
  }
}

std::string Script::Last() const {
  std::string out = "program=$(find_program " + ShellWord(plan_.args.empty() ? "" : plan_.args[0]);
  std::string path;
  std::string env;
  for (const std::string& entry : plan_.env) {
    if (entry.starts_with("PATH=")) path = entry.substr(5);
    env += " " + ShellWord(entry);
  }
  out += " " + ShellWord(path) + ")\n";
  if (!home_.empty()) {
    out += "home=$(home_of " + home_ + ")\n";
    env += " HOME=\"$home\"";
  }
  const bool moves =
      std::ranges::none_of(plan_.steps, [](const Step& step) { return ChildOpOf(step) == C::kChangeRoot; });
  if (moves) out += std::string("# ") + kPivot.In(language_) + "\n";
  out += std::string("cd \"$root\"\n") + (moves ? "mount -n --move \"$root\" /\n" : "");
  out += "exec env -i" + env + " \"$(command -v capsh)\" --chroot=.";
  if (!program_.drop.empty()) out += " --drop=" + program_.drop;
  out += " --inh=" + program_.inheritable + " --noamb --groups=" + program_.groups + " --gid=" + program_.gid +
         " --uid=" + program_.uid;
  if (program_.no_new_privileges) out += " --no-new-privs";
  std::string args;
  for (std::size_t i = 1; i < plan_.args.size(); ++i) args += " " + ShellWord(plan_.args[i]);
  if (program_.cwd == "/" || program_.cwd.empty()) return out + " --shell=\"$program\" --" + args + "\n";
  // capsh begins in "/": the container's own shell goes on from there.
  return out + " --shell=/bin/sh -- -c 'cd \"$0\" && exec \"$@\"' " + ShellWord(program_.cwd) + " \"$program\"" + args +
         "\n";
}

std::string Script::Run() const {
  std::string out = Title(kRun);
  if (beside_needed_) out += "( trap '[ \"$?\" = 0 ] || kill -9 \"$pid\"' EXIT; beside ) &\nhelper=$!\n";
  out += "status=0\n(\n";
  if (joins_groups_) out += "  join_groups\n";
  out += "  exec unshare" + UnshareFlags(plan_.clone_flags) + " sh \"$self\" inside_1\n) || status=$?\n";
  // It may still wait for a process that never came so far.
  if (beside_needed_) out += "kill -9 \"$helper\" 2> /dev/null || :\n";
  ShellState none;
  for (const Step& step : UndoOf(plan_)) {
    if (step.op != Op::kKillCgroup) out += Lines(step, HostCommands(step, none));
  }
  return out + "exit \"$status\"\n";
}

// A folder for the root's mount point and the FIFOs through which host and process wait for each other.
std::string Script::WorkFolder() const {
  std::string out =
      "set -a\nwork=$(mktemp -d)\nroot=$work/root\nmkdir \"$root\"\nchmod 711 \"$work\"\nmkfifo -m 666 \"$work/pid\"";
  for (unsigned wait = 1; wait <= waits_; ++wait) out += " \"$work/go" + std::to_string(wait) + "\"";
  const std::string images = state_.images.empty() ? "" : " \"$work\"/slot*";
  return out + "\ntrap 'rm -f \"$work/pid\" \"$work\"/go* \"$work/groups\"; rmdir \"$root\"" + images +
         " \"$work\"' EXIT\n";
}

std::string Script::Write() {
  Sort();
  std::string out = "#!/bin/sh\n" + Fill(kHeader.In(language_), std::array{OneLine(Quote(plan_.name))});
  out += "set -eu\nself=$(readlink -f \"$0\")\n\n";
  out += ShellFunctions();
  out += "\n" + Title(kInside) + "inside_1() {\n";
  if (beside_needed_) out += "  read -r pid _ < /proc/self/stat\n  echo \"$pid\" > \"$work/pid\"\n";
  out += inside_ + Indent(Last()) + "}\n\ncase ${1:-} in inside_*) \"$1\" ;; esac\n\n";
  out += Title(kHost) + WorkFolder() + host_ + "\n";
  if (beside_needed_) out += Title(kBeside) + "beside() {\n  read -r pid < \"$work/pid\"\n" + beside_ + "}\n\n";
  return out + Run();
}

}  // namespace

std::string ExplainShell(const Plan& plan, Language language) { return Script(plan, language).Write(); }

}  // namespace estiba::plan
