// Labs: networks of namespaces, described in a file. What they are made of is in src/lab.

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "client/lab_containers.h"
#include "commands/commands.h"
#include "lab/capture.h"
#include "lab/check.h"
#include "lab/draw.h"
#include "lab/plan.h"
#include "lab/up.h"
#include "os/file.h"
#include "os/netns.h"
#include "term/terminal.h"
#include "text/escape.h"
#include "text/table.h"

namespace estiba::cli {
namespace {

constexpr std::size_t kMaxFile = 1U << 20;

struct LabFile {
  lab::Lab lab;
  std::string text;
};

bool IsFile(const std::string& word) {
  return word.find('/') != std::string::npos || word.ends_with(".yaml") || word.ends_with(".yml");
}

Result<LabFile> ReadLabFile(const std::string& path) {
  LabFile file;
  file.text = TRY_CTX(os::ReadFile(path, kMaxFile), "read the lab's file");
  file.lab = TRY(lab::ParseLab(file.text, path));
  return file;
}

// The lab of that name, or the only one there is.
Result<lab::Record> FindUp(const std::string& name) {
  if (!name.empty()) return lab::FindLab({}, name);
  std::vector<lab::Record> records = TRY(lab::ListLabs({}));
  if (records.size() == 1) return std::move(records[0]);
  if (records.empty()) return Error(Code::kNotFound, "no lab is up").Hint("bring one up: estiba lab up FILE.yaml");
  std::string names;
  for (const lab::Record& record : records) names += (names.empty() ? "" : ", ") + record.lab.name;
  return Error(Code::kInvalidArgument, "several labs are up: " + names).Hint("say which");
}

// A lab by its file, or by the name it is up under.
Result<lab::Lab> FindDescription(const std::string& word) {
  if (IsFile(word)) return TRY(ReadLabFile(word)).lab;
  return TRY(FindUp(word)).lab;
}

Result<std::string> NameOf(const std::string& word) {
  if (!IsFile(word)) return word;
  return TRY(ReadLabFile(word)).lab.name;
}

// What a file says is shown to a terminal, not sent to it.
void PrintSafely(const std::string& text) { Print(IsTerminal(STDOUT_FILENO) ? EscapeControls(text) : text); }

std::string OptionalArg(const Options& options) { return options.args().empty() ? "" : options.arg(0); }

Result<int> RunUp(App& app, const Options& options) {
  const LabFile file = TRY(ReadLabFile(options.arg(0)));
  LabContainers containers(app);
  const auto outcome = TRY(lab::Up(file.lab, file.text, containers));
  PrintLine(outcome == lab::UpOutcome::kMade ? "lab '" + file.lab.name + "' is up"
                                             : "lab '" + file.lab.name + "' is up already");
  return 0;
}

Result<int> RunDown(App& app, const Options& options) {
  std::vector<std::string> names;
  for (const std::string& word : options.args()) names.push_back(TRY(NameOf(word)));
  if (names.empty()) names.push_back(TRY(FindUp("")).lab.name);
  LabContainers containers(app);
  for (const std::string& name : names) {
    const bool was_there = TRY_CTX(lab::Down(name, containers), "take down lab '" + name + "'");
    PrintLine(was_there ? "lab '" + name + "' is down" : "lab '" + name + "' is not up");
  }
  return 0;
}

std::string Interfaces(const lab::Lab& lab, std::size_t node) {
  std::vector<std::string> parts;
  for (const lab::Link& link : lab.links)
    for (const lab::End& end : link.ends) {
      if (end.node != node) continue;
      parts.push_back(end.interface);
      for (const IpPrefix& address : end.addresses) parts.push_back(ToString(address));
    }
  return Join(parts, " ");
}

Result<int> RunPs(App&, const Options& options) {
  std::vector<std::vector<std::string>> rows{{"LAB", "NODE", "KIND", "STATE", "NAMESPACE", "INTERFACES"}};
  for (const lab::Record& record : TRY(lab::ListLabs({}))) {
    if (!options.args().empty() && options.arg(0) != record.lab.name) continue;
    for (std::size_t i = 0; i < record.lab.nodes.size(); ++i) {
      const lab::Node& node = record.lab.nodes[i];
      const bool host = node.kind == lab::NodeKind::kHost;
      const bool there = lab::OpenNode(record.lab, i).ok();
      rows.push_back({record.lab.name, node.name, std::string(lab::ToString(node.kind)),
                      !there         ? "gone"
                      : record.whole ? "up"
                                     : "unfinished",
                      host ? "-" : record.lab.Namespace(i), Interfaces(record.lab, i)});
    }
  }
  Print(AlignRows(rows, 4, 3));
  return 0;
}

constexpr Flag kGraphFlags[] = {
    {'o', "output", Kind::kString, "file", "Write to a file, instead of STDOUT"},
    {'\0', "svg", Kind::kBool, "", "Draw as an SVG document"},
};

Result<int> RunGraph(App&, const Options& options) {
  const lab::Lab lab = TRY(FindDescription(OptionalArg(options)));
  const std::string drawing = options.On("svg") ? lab::DrawSvg(lab) : lab::DrawText(lab);
  if (options.Has("output")) {
    TRY(os::ReplaceFile({AT_FDCWD}, options.Text("output"), drawing, 0644));
    return 0;
  }
  PrintSafely(drawing);
  return 0;
}

Result<int> RunLabExplain(App&, const Options& options) {
  PrintSafely(lab::Explain(TRY(FindDescription(OptionalArg(options)))));
  return 0;
}

Result<int> RunCheck(App&, const Options& options) {
  const std::string name = options.args().empty() ? "" : TRY(NameOf(options.arg(0)));
  const lab::Record record = TRY(FindUp(name));
  const std::vector<bool> reached = TRY(lab::RunChecks(record.lab));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const lab::Check& check = record.lab.checks[i];
    const bool good = reached[i] == check.reaches;
    wrong += good ? 0 : 1;
    PrintLine((good ? "ok    " : "FAIL  ") + lab::CheckText(record.lab, check) +
              (good ? ""
                    : ": it " + std::string(reached[i] ? "does" : "does not") + " (line " + std::to_string(check.line) +
                          ")"));
  }
  if (reached.empty()) PrintLine("lab '" + record.lab.name + "' says nothing to check");
  if (wrong != 0)
    PrintError(std::to_string(wrong) + " of " + std::to_string(reached.size()) + " are not as they should be");
  return wrong == 0 ? 0 : 1;
}

struct NodeRef {
  lab::Record record;
  std::size_t node = 0;
};

// "LAB/NODE", or "NODE" of the only lab that is up.
Result<NodeRef> FindNodeRef(const std::string& word) {
  const std::size_t slash = word.find('/');
  NodeRef ref;
  ref.record = TRY(FindUp(slash == std::string::npos ? "" : word.substr(0, slash)));
  const std::string name = slash == std::string::npos ? word : word.substr(slash + 1);
  const auto node = ref.record.lab.FindNode(name);
  if (node) {
    ref.node = *node;
    return ref;
  }
  std::vector<std::string> names;
  for (const lab::Node& one : ref.record.lab.nodes) names.push_back(one.name);
  return Error(Code::kNotFound,
               "lab '" + ref.record.lab.name + "' has no node '" + name + "'; it has " + Join(names, ", "));
}

Result<int> ExecInContainer(App& app, const std::string& name, const Options& options) {
  std::vector<std::string_view> words{"-i"};
  if (IsTerminal(STDIN_FILENO)) words.push_back("-t");
  words.push_back(name);
  for (std::size_t i = 1; i < options.args().size(); ++i) words.push_back(options.args()[i]);
  const Options exec = TRY(ParseFlags(kExec.flags, words, /*stop_at_positional=*/true));
  return kExec.run(app, exec);
}

// Becomes the program; comes back only when it cannot.
Status Become(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvp(argv[0], argv.data());
  return Error::Errno(errno, "exec '" + words[0] + "'");
}

Result<int> RunLabExec(App& app, const Options& options) {
  const NodeRef ref = TRY(FindNodeRef(options.arg(0)));
  const lab::Node& node = ref.record.lab.nodes[ref.node];
  if (!node.image.empty()) return ExecInContainer(app, ref.record.lab.Namespace(ref.node), options);
  const os::UniqueFd ns = TRY(lab::OpenNode(ref.record.lab, ref.node));
  const std::vector<std::string> words(options.args().begin() + 1, options.args().end());
  const auto failed = os::AsResident(ns.get(), [&] { return Become(words); });
  if (failed.ok()) return 0;
  PrintError(failed.error());
  return failed.error().errnum() == ENOENT ? 127 : 126;
}

constexpr Flag kCaptureFlags[] = {
    {'c', "count", Kind::kInt, "int", "End after this many packets"},
    {'s', "snaplen", Kind::kInt, "int", "Keep this many bytes of each packet (default 262144)"},
    {'w', "write", Kind::kString, "file", "Write to a file, instead of STDOUT"},
};

Result<lab::CaptureOptions> ReadCaptureOptions(const Options& options) {
  lab::CaptureOptions capture;
  const std::int64_t count = options.Int("count"), snaplen = options.Int("snaplen", capture.snaplen);
  if (count < 0) return Error(Code::kInvalidArgument, "--count is at least 1");
  if (snaplen < 1 || snaplen > capture.snaplen) return Error(Code::kInvalidArgument, "--snaplen is 1 to 262144");
  capture.count = static_cast<std::uint64_t>(count);
  capture.snaplen = static_cast<std::uint32_t>(snaplen);
  capture.filter = TRY(lab::ParseFilter({options.args().begin() + 1, options.args().end()}));
  return capture;
}

Result<int> RunCapture(App&, const Options& options) {
  const lab::CaptureOptions capture = TRY(ReadCaptureOptions(options));
  const std::string& word = options.arg(0);
  const std::size_t colon = word.rfind(':');
  if (colon == std::string::npos)
    return Error(Code::kInvalidArgument, "'" + word + "' names no interface").Hint("write NODE:INTERFACE, as r1:eth0");
  const NodeRef ref = TRY(FindNodeRef(word.substr(0, colon)));
  if (!options.Has("write") && IsTerminal(STDOUT_FILENO))
    return Error(Code::kInvalidArgument, "cowardly refusing to write packets to a terminal")
        .Hint("use -w FILE, or pipe them: estiba lab capture " + word + " | tcpdump -n -r -");
  os::UniqueFd file;
  if (options.Has("write"))
    file = TRY(os::OpenAt({AT_FDCWD}, options.Text("write"), O_WRONLY | O_CREAT | O_TRUNC, 0644));
  const os::UniqueFd ns = TRY(lab::OpenNode(ref.record.lab, ref.node));
  TRY_CTX(lab::Capture(ns.get(), word.substr(colon + 1), capture, file.valid() ? file.get() : STDOUT_FILENO,
                       [&] { PrintError("listening on " + word); }),
          "capture at " + word);
  return 0;
}

}  // namespace

constinit const Command kLabUp{.name = "up",
                               .usage = "LABFILE",
                               .summary = "Bring up a lab: the network that a file describes",
                               .flags = {},
                               .min_args = 1,
                               .max_args = 1,
                               .run = RunUp,
                               .details =
                                   "Needs root. Everything is made in network namespaces of its own, which `ip netns` "
                                   "knows as LAB-NODE.\nWhat an interrupted `up` left is undone first. The file: "
                                   "docs/labs.md."};
constinit const Command kLabDown{.name = "down",
                                 .usage = "[LAB|LABFILE...]",
                                 .summary = "Take down labs, and end what runs in them",
                                 .flags = {},
                                 .run = RunDown};
constinit const Command kLabPs{
    .name = "ps", .usage = "[LAB]", .summary = "List the nodes of labs", .flags = {}, .max_args = 1, .run = RunPs};
constinit const Command kLabGraph{.name = "graph",
                                  .usage = "[OPTIONS] [LAB|LABFILE]",
                                  .summary = "Draw a lab, as text or SVG",
                                  .flags = kGraphFlags,
                                  .max_args = 1,
                                  .run = RunGraph};
constinit const Command kLabExec{.name = "exec",
                                 .usage = "[LAB/]NODE COMMAND [ARG...]",
                                 .summary = "Execute a command in a node",
                                 .flags = {},
                                 .min_args = 2,
                                 .run = RunLabExec,
                                 .stop_at_positional = true};
constinit const Command kLabCapture{
    .name = "capture",
    .usage = "[OPTIONS] [LAB/]NODE:INTERFACE [FILTER...]",
    .summary = "Write the packets of an interface as pcap",
    .flags = kCaptureFlags,
    .min_args = 1,
    .run = RunCapture,
    .details =
        "A filter is words that must all hold: arp, ip, ip6, icmp, icmp6, tcp, udp, host ADDRESS, port NUMBER.\n"
        "Ends with the interface, after --count packets, or by a signal; the file is whole at any time."};
constinit const Command kLabCheck{.name = "check",
                                  .usage = "[LAB|LABFILE]",
                                  .summary = "Check that traffic flows in a lab as its file says",
                                  .flags = {},
                                  .max_args = 1,
                                  .run = RunCheck,
                                  .details =
                                      "Pings and connects as the file's `check` lists it, and listens on TCP ports "
                                      "that nobody serves.\nThe exit code is 1 when anything is not as it should be."};
constinit const Command kLabExplain{
    .name = "explain",
    .usage = "[LAB|LABFILE]",
    .summary = "Show a lab as the commands it equals",
    .flags = {},
    .max_args = 1,
    .run = RunLabExplain,
    .details = "A shell script of ip, tc, nft and sysctl that makes what `estiba lab up` makes."};

}  // namespace estiba::cli
