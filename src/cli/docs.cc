#include "docs.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "command.h"

namespace estiba::cli {
namespace {

// Something to say of one command.
struct Remark {
  std::string_view path;
  std::string_view text;
};
constexpr auto kExamples = std::to_array<Remark>({
    {"run", "estiba run --rm estiba/busybox echo hello"},
    {"run", "estiba run -it --rm estiba/busybox sh"},
    {"run", "estiba run -d --name web -p 8080:80 --restart unless-stopped localhost:5000/nginx"},
    {"run", "estiba run --dry-run -m 64m --network none estiba/busybox true"},
    {"exec", "estiba exec -it web sh"},
    {"exec", "estiba exec -e DEBUG=1 -w /tmp web env"},
    {"ps", "estiba ps -a --filter status=exited"},
    {"ps", "estiba ps --format '{{.Names}}\\t{{.Status}}'"},
    {"logs", "estiba logs -f --tail 20 web"},
    {"run", "estiba run -d --name db --health-cmd pg_isready --health-on-failure restart postgres"},
    {"healthcheck run", "estiba healthcheck run db && echo ready"},
    {"inspect", "estiba inspect --format '{{.State.Pid}}' web"},
    {"inspect", "estiba inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web"},
    {"explain", "estiba explain web"},
    {"explain", "estiba explain --shell web > web.sh"},
    {"pull", "estiba pull localhost:5000/nginx:1.25"},
    {"push", "estiba push localhost:5000/web:1"},
    {"push", "estiba push --all-tags localhost:5000/web"},
    {"copy", "estiba copy localhost:5000/web:1 registry.example.com/team/web:1"},
    {"copy", "estiba copy --all --referrers docker.io/library/nginx:1.27 localhost:5000/nginx:1.27"},
    {"search", "estiba search --filter is-official=true nginx"},
    {"image tags", "estiba image tags localhost:5000/web"},
    {"image referrers", "estiba image referrers localhost:5000/web:1"},
    {"load", "estiba load -i images.tar"},
    {"save", "estiba save -o images.tar web:1 db:1"},
    {"stop", "estiba stop -t 3 web db"},
    {"kill", "estiba kill -s HUP web"},
    {"images", "estiba images --format '{{.Repository}}:{{.Tag}} {{.Size}}'"},
    {"volume create", "estiba volume create data"},
    {"network create", "estiba network create --subnet 10.7.0.0/24 back"},
    {"lab up", "estiba lab up /usr/share/estiba/examples/lab/routed.yaml"},
    {"lab down", "estiba lab down routed"},
    {"lab graph", "estiba lab graph --svg -o routed.svg routed"},
    {"lab exec", "estiba lab exec red1 ping -c 3 10.0.3.10"},
    {"lab exec", "estiba lab exec routed/r1 bash"},
    {"lab capture", "estiba lab capture r1:lan icmp | tcpdump -n -r -"},
    {"lab capture", "estiba lab capture -w web.pcap -c 100 blue1:eth0 tcp port 80"},
    {"lab explain", "estiba lab explain routed.yaml > routed.sh"},
    {"net trace", "estiba net trace web db 5432"},
    {"net trace", "estiba net trace outside:192.0.2.7 host 8080"},
    {"net trace", "estiba net trace --format '{{.Verdict}}: {{.Reason}}' web 10.7.0.9 53/udp"},
    {"events", "estiba events --since 10m --filter type=container"},
    {"wait", "estiba wait web"},
});

std::string PathOf(const Entry& entry) {
  return entry.group.empty() ? std::string(entry.name)
                             : std::string(entry.group) + " " + std::string(entry.name);
}

// Each command once, under its shortest name, sorted.
std::vector<std::pair<std::string, const Command*>> Commands() {
  std::vector<std::pair<std::string, const Command*>> commands;
  for (const Entry& entry : AllCommands()) {
    const auto known =
        std::ranges::find_if(commands, [&](const auto& one) { return one.second == entry.command; });
    if (known == commands.end()) {
      commands.emplace_back(PathOf(entry), entry.command);
    } else if (PathOf(entry).size() < known->first.size() && !entry.hidden) {
      known->first = PathOf(entry);
    }
  }
  std::ranges::sort(commands);
  return commands;
}

std::string WithDashes(std::string path) {
  std::ranges::replace(path, ' ', '-');
  return path;
}

std::vector<std::string> OtherNames(const Command* command, const std::string& path) {
  std::vector<std::string> names;
  for (const Entry& entry : AllCommands())
    if (entry.command == command && PathOf(entry) != path) names.push_back(PathOf(entry));
  return names;
}

std::vector<std::string_view> ExamplesOf(const std::string& path) {
  std::vector<std::string_view> texts;
  for (const Remark& example : kExamples)
    if (example.path == path) texts.push_back(example.text);
  return texts;
}

// For a cell of a Markdown table.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string Markdown(const std::string& path, const Command& command) {
  std::string text = "# estiba " + path + "\n\n" + std::string(command.summary) + ".\n\n```\n";
  text += UsageLine(command, path).substr(8) + "\n```\n";
  if (!command.details.empty()) text += "\n" + std::string(command.details) + "\n";
  if (const auto others = OtherNames(&command, path); !others.empty())
    text += "\nAlso: `estiba " + Join(others, "`, `estiba ") + "`.\n";
  if (!command.flags.empty()) text += "\n## Options\n\n| option | meaning |\n|---|---|\n";
  for (const Flag& flag : command.flags) {
    if (flag.help.empty()) continue;
    text += "| `" + FlagTitle(flag) + (flag.operand.empty() ? "" : " " + std::string(flag.operand)) + "` | " +
            Cell(flag.help) + " |\n";
  }
  if (const auto examples = ExamplesOf(path); !examples.empty()) {
    text += "\n## Examples\n\n";
    for (const std::string_view example : examples) text += "    " + std::string(example) + "\n";
  }
  return text;
}

// For roff: no line may begin with a dot or a quote, backslashes and dashes are escaped.
std::string Roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string ManHead(const std::string& name, std::string_view summary) {
  std::string upper = name;
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return ".TH " + Roff(upper) + " 1 \"\" Estiba \"Estiba manual\"\n.SH NAME\n" + Roff(name) + " \\- " +
         Roff(summary) + "\n";
}

std::string ManOptions(std::span<const Flag> flags) {
  std::string text = flags.empty() ? "" : ".SH OPTIONS\n";
  for (const Flag& flag : flags) {
    if (flag.help.empty()) continue;
    text += ".TP\n\\fB" + Roff(FlagTitle(flag)) + "\\fR";
    if (!flag.operand.empty()) text += " \\fI" + Roff(flag.operand) + "\\fR";
    text += "\n" + Roff(flag.help) + "\n";
  }
  return text;
}

// Of commands that pass on a process' exit code.
constexpr auto kExitStatus = std::to_array<Remark>({
    {"run",
     "That of the process; 125 when the engine or the command line is at fault, 126 when the command cannot "
     "be "
     "run,\n127 when it is not found, 128+n when signal n ended it. With \\-\\-detach: 0 once it runs."},
    {"exec",
     "That of the process; 126 when the command cannot be run, 127 when it is not found, 128+n when signal n "
     "ended it,\n1 when the engine refuses."},
    {"healthcheck run", "0 when the probe succeeded, 1 when it failed, 125 when there was none."},
    {"attach", "That of the process; 0 after the detach keys; 1 when the engine refuses."},
    {"start",
     "0; with \\-\\-attach or \\-\\-interactive that of the process; 1 when a container cannot be started."},
});

std::string Manual(const std::string& path, const Command& command) {
  std::string text = ManHead("estiba-" + WithDashes(path), command.summary);
  text += ".SH SYNOPSIS\n.B estiba " + path + "\n" + Roff(command.usage) + "\n";
  text += ".SH DESCRIPTION\n" + Roff(command.summary) + ".\n";
  if (!command.details.empty()) text += ".PP\n" + Roff(command.details) + "\n";
  if (const auto others = OtherNames(&command, path); !others.empty())
    text += ".PP\nAlso: estiba " + Roff(Join(others, ", estiba ")) + ".\n";
  text += ManOptions(command.flags);
  for (const Remark& status : kExitStatus)
    if (status.path == path) text += ".SH EXIT STATUS\n" + std::string(status.text) + "\n";
  if (const auto examples = ExamplesOf(path); !examples.empty()) {
    text += ".SH EXAMPLES\n.nf\n";
    for (const std::string_view example : examples) text += Roff(example) + "\n";
    text += ".fi\n";
  }
  return text + ".SH SEE ALSO\n\\fBestiba\\fR(1)\n";
}

std::string TopManual() {
  std::string text = ManHead("estiba", "run containers");
  text +=
      ".SH SYNOPSIS\n.B estiba\n[\\-H unix:///path] COMMAND [OPTIONS]\n.SH DESCRIPTION\nThe command line of "
      "Estiba. It "
      "speaks to the engine, estibad, and starts it when its socket is\nsilent and it is the user's "
      "own.\n";
  text += ManOptions(GlobalFlags()) + ".SH COMMANDS\n";
  for (const auto& [path, command] : Commands())
    text += ".TP\n\\fB" + Roff(path) + "\\fR\n" + Roff(command->summary) + "\n";
  text +=
      ".SH ENVIRONMENT\n.TP\n\\fBESTIBA_HOST\\fR, \\fBDOCKER_HOST\\fR\nThe engine's socket, unix:///path. An "
      "engine that "
      "is named is never started.\n.TP\n\\fBESTIBA_CONFIG\\fR\nThe configuration of the engine, in place of "
      "/etc/estiba/estibad.toml or\n~/.config/estiba/estibad.toml.\n.SH EXIT STATUS\nOf run, start \\-a, "
      "attach and exec: that of the process, as their pages say. 125 for an option that is not known; else 0 "
      "or "
      "1.\n.SH FILES\n.TP\n\\fB/run/estiba/estiba.sock\\fR, \\fB$XDG_RUNTIME_DIR/estiba/estiba.sock\\fR\nThe "
      "engine's socket: root's, a user's.\n.TP\n\\fB/var/lib/estiba\\fR, "
      "\\fB~/.local/share/estiba\\fR\nImages, containers, volumes and the engine's log.\n.TP\n"
      "\\fB/etc/containers/registries.conf\\fR, \\fB~/.config/containers/registries.conf\\fR\nMirrors, other "
      "places of registries and the meaning of short names; a user's own engine reads both.\n.TP\n"
      "\\fB/var/cache/containers/short-name-aliases.conf\\fR, "
      "\\fB~/.cache/containers/short-name-aliases.conf\\fR\nWhat root, what a user has chosen a short name to "
      "mean.\n.SH SEE "
      "ALSO\n\\fBestiba\\-run\\fR(1), "
      "\\fBestiba\\-explain\\fR(1)\n";
  return text;
}

std::string TopMarkdown() {
  std::string text =
      "# Commands\n\nWritten from the tables `--help` uses; the same as manual pages: `man estiba-run`.\n\n";
  for (const auto& [path, command] : Commands())
    text += "- [estiba " + path + "](" + WithDashes(path) + ".md): " + std::string(command->summary) + "\n";
  return text;
}

}  // namespace

std::vector<Page> MarkdownPages() {
  std::vector<Page> pages{{"README.md", TopMarkdown()}};
  for (const auto& [path, command] : Commands())
    pages.push_back({WithDashes(path) + ".md", Markdown(path, *command)});
  return pages;
}

std::vector<Page> ManualPages() {
  std::vector<Page> pages{{"estiba.1", TopManual()}};
  for (const auto& [path, command] : Commands())
    pages.push_back({"estiba-" + WithDashes(path) + ".1", Manual(path, *command)});
  return pages;
}

}  // namespace estiba::cli
