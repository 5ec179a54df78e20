// Whether and why traffic passes between two places. What it is made of is in src/nettrace.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "commands/commands.h"
#include "commands/net_facts.h"
#include "format.h"
#include "os/file.h"
#include "os/process.h"
#include "text/escape.h"
#include "term/terminal.h"
#include "text/table.h"

namespace estiba::cli {
namespace {

using codec::Json;
using nettrace::Answer;
using nettrace::Outside;
using nettrace::Question;
using nettrace::Verdict;

// Dropped is 1; what cannot be told, and questions that make no sense, are told from it.
constexpr int kNoAnswer = 2;
constexpr std::string_view kOutside = "outside:";
constexpr std::size_t kMaxResolverFile = 64U << 10;

constexpr Flag kTraceFlags[] = {
    {'6', "ipv6", Kind::kBool, "", "Use the IPv6 addresses of what is named"},
    {'f', "format", Kind::kString, "string", kObjectFormatHelp},
};

struct Target {
  Ip address;
  std::optional<Answer> answer;  // the name was the end of it
};

class TraceCommand {
 public:
  TraceCommand(Api* engine, const Options& options) : engine_(engine), options_(options), v6_(options.On("ipv6")) {}

  Result<Answer> Run() {
    facts_ = TRY(AskNetFacts(engine_));
    if (options_.args().size() > 2) TRY(ReadPort(options_.arg(2)));
    TRY(ReadSource(options_.arg(0)));
    Target target = TRY(FindTarget(options_.arg(1)));
    if (target.answer) return std::move(*target.answer);
    question_.destination = target.address;
    return nettrace::Trace(facts_.facts, question_,
                           [&](const std::string& container) { return AskProcess(engine_, container); });
  }
  const Question& question() const { return question_; }

 private:
  Status ReadPort(const std::string& text) {
    const std::size_t slash = text.find('/');
    const std::string protocol = slash == std::string::npos ? "tcp" : ToLower(text.substr(slash + 1));
    const auto port = ParseUint(text.substr(0, slash), 65535);
    if (!port.ok() || *port == 0) return Error(Code::kInvalidArgument, "invalid port '" + text + "'");
    const auto known = nettrace::FindProtocol(protocol);
    if (!known)
      return Error(Code::kInvalidArgument, "protocol '" + protocol + "' cannot be followed")
          .Hint("tcp, udp and sctp can, and a ping");
    question_.protocol = *known;
    question_.port = static_cast<std::uint16_t>(*port);
    return Ok();
  }

  // The container of that name or id, by its name; nothing when there is none.
  Result<std::optional<std::string>> FindContainer(const std::string& word) {
    auto found = engine_->Get(ContainerPath(word, "json"));
    if (!found.ok() && found.error().code() == Code::kNotFound) return std::optional<std::string>();
    if (!found.ok()) return std::move(found).error();
    const std::string name = found->GetString("Name");
    const std::string plain = name.starts_with('/') ? name.substr(1) : name;
    if (facts_.facts.FindContainer(plain) == nullptr)
      return Error(Code::kFailedPrecondition, "container '" + plain + "' does not run");
    return std::optional(plain);
  }

  Status ReadOutside(const std::string& text) {
    const std::size_t at = text.find('@');
    Outside outside;
    outside.source = TRY(ParseIp(text.substr(0, at)));
    if (at != std::string::npos) outside.link = text.substr(at + 1);
    v6_ = outside.source.v6;
    question_.outside = std::move(outside);
    return Ok();
  }

  Status ReadSource(const std::string& word) {
    if (word == "host") return Ok();
    if (word.starts_with(kOutside)) return ReadOutside(word.substr(kOutside.size()));
    if (const auto address = ParseIp(word); address.ok()) {
      if (const nettrace::Container* who = facts_.facts.WhoHas(*address)) {
        question_.source = who->name;
        v6_ = address->v6;
        return Ok();
      }
      return ReadOutside(word);
    }
    const auto container = TRY(FindContainer(word));
    if (!container)
      return Error(Code::kNotFound, "no such container: " + word)
          .Hint("a place is a container, \"host\", or outside:ADDRESS for another machine");
    question_.source = *container;
    return Ok();
  }

  Result<Target> FindTarget(const std::string& word) {
    if (const auto address = ParseIp(word); address.ok()) return Target{*address, {}};
    if (word == "host") return HostAddress();
    const auto container = TRY(FindContainer(word));
    return container ? AddressOf(*container) : Resolve(word);
  }

  Result<Target> HostAddress() {
    const Ip address = TRY(nettrace::HostAddressFor(facts_.facts, question_.source, question_.outside, v6_));
    return Target{address, {}};
  }

  // In a network of both if there is one.
  Result<Target> AddressOf(const std::string& name) {
    const nettrace::Container& container = *facts_.facts.FindContainer(name);
    if (container.host_network) return HostAddress();
    const nettrace::Container* source = facts_.facts.FindContainer(question_.source);
    std::optional<Ip> first;
    for (const nettrace::Membership& network : container.networks)
      for (const Ip& address : network.addresses) {
        if (address.v6 != v6_) continue;
        if (!first) first = address;
        if (source != nullptr && IsIn(*source, network.network)) return Target{address, {}};
      }
    if (first) return Target{*first, {}};
    Answer answer;
    answer.verdict = Verdict::kDropped;
    answer.reason = "container '" + name + "' has no IPv" + (v6_ ? "6" : "4") + " address of its own";
    answer.next = "connect it: estiba network connect NETWORK " + name;
    return Target{{}, std::move(answer)};
  }
  static bool IsIn(const nettrace::Container& container, const std::string& network) {
    for (const nettrace::Membership& one : container.networks)
      if (one.network == network) return true;
    return false;
  }

  // The first name server of the container's resolver file; what is in a container is not to be trusted.
  static Result<Ip> NameServerOf(pid_t pid) {
    const os::UniqueFd root =
        TRY(os::OpenAt({AT_FDCWD}, "/proc/" + std::to_string(pid) + "/root", O_PATH | O_DIRECTORY));
    const os::UniqueFd file = TRY(os::OpenInRoot({root.get()}, "etc/resolv.conf", O_RDONLY | O_NONBLOCK));
    struct stat kind{};
    if (::fstat(file.get(), &kind) < 0 || !S_ISREG(kind.st_mode))
      return Error(Code::kNotFound, "its /etc/resolv.conf is no file");
    const std::string text = TRY(os::ReadAll(file.get(), kMaxResolverFile));
    for (const std::string& line : Split(text, '\n')) {
      if (!line.starts_with("nameserver ")) continue;
      auto server = ParseIp(Trim(std::string_view(line).substr(11)));
      if (server.ok()) return *server;
    }
    return Error(Code::kNotFound, "its /etc/resolv.conf names no server");
  }

  Result<Target> Resolve(const std::string& word) {
    if (question_.source.empty() || question_.outside)
      return Error(Code::kNotFound, "no such container: " + word)
          .Hint("other names are asked of a container's name server; from the host, give an address");
    const pid_t pid = TRY(AskProcess(engine_, question_.source));
    const std::string who = "container '" + question_.source + "'";
    const Ip server = TRY_CTX(NameServerOf(pid), "find the name server of " + who);
    const nettrace::NameAnswer found = TRY(nettrace::ResolveIn(pid, server, word, v6_));
    if (found.address) return Target{*found.address, {}};
    Answer answer;
    answer.verdict = Verdict::kDropped;
    answer.reason = "name '" + word + "' is unknown to " + who + ": its name server " + ToString(server) + " " +
                    found.why;
    answer.next = NextFor(word);
    answer.hops.push_back({question_.source, "name", word + " is asked of " + ToString(server) + ": no address"});
    return Target{{}, std::move(answer)};
  }
  std::string NextFor(const std::string& word) const {
    for (const NetFacts::Name& one : facts_.names)
      if (one.name == word)
        return "container '" + one.container + "' has that name in network '" + one.network +
               "': estiba network connect " + one.network + " " + question_.source;
    return "containers find each other by name in networks that a user made, where both are";
  }

  Api* engine_;
  const Options& options_;
  bool v6_;
  NetFacts facts_;
  Question question_;
};

Json ToJson(const Options& options, const Question& question, const Answer& answer) {
  Json hops = Json::MakeArray();
  for (const nettrace::Hop& hop : answer.hops)
    hops.Append(Json::MakeObject({{"Place", hop.place}, {"Step", hop.step}, {"Detail", hop.detail}}));
  return Json::MakeObject({{"Source", options.arg(0)},
                           {"Destination", options.arg(1)},
                           {"Protocol", std::string(nettrace::ToString(question.protocol))},
                           {"Port", static_cast<std::int64_t>(question.port)},
                           {"Verdict", std::string(nettrace::ToString(answer.verdict))},
                           {"Reason", answer.reason},
                           {"Next", answer.next},
                           {"Hops", std::move(hops)}});
}

std::string ToText(const Answer& answer) {
  std::vector<std::vector<std::string>> rows{{"PLACE", "STEP", "WHAT"}};
  for (const nettrace::Hop& hop : answer.hops) rows.push_back({hop.place, hop.step, hop.detail});
  std::string text = answer.hops.empty() ? "" : AlignRows(rows, 4, 3) + "\n";
  text += std::string(nettrace::ToString(answer.verdict)) + ": " + answer.reason + "\n";
  if (!answer.next.empty()) text += "next: " + answer.next + "\n";
  return text;
}

int ExitCode(Verdict verdict) {
  if (verdict == Verdict::kPasses) return 0;
  return verdict == Verdict::kDropped ? 1 : kNoAnswer;
}

Result<int> Follow(App& app, const Options& options) {
  const std::string format = options.Text("format");
  TRY(CheckFormat(format));
  if (::geteuid() != 0)
    return Error(Code::kPermissionDenied, "net trace needs root")
        .Hint("it enters namespaces and adds a table to follow its packet with");
  Api* engine = TRY(app.Engine());
  TraceCommand command(engine, options);
  const Answer answer = TRY(command.Run());
  const std::string text =
      format.empty() ? ToText(answer) : TRY(RenderObject(format, ToJson(options, command.question(), answer)));
  // Rules and names are other people's words.
  Print(IsTerminal(STDOUT_FILENO) ? EscapeControls(text) : text);
  return ExitCode(answer.verdict);
}

Result<int> RunTrace(App& app, const Options& options) {
  const auto code = Follow(app, options);
  if (code.ok()) return *code;
  PrintError(code.error());
  return kNoAnswer;
}

}  // namespace

constinit const Command kNetTrace{
    .name = "trace",
    .usage = "[OPTIONS] FROM TO [PORT[/PROTO]]",
    .summary = "Show whether and why traffic passes, hop by hop",
    .flags = kTraceFlags,
    .min_args = 2,
    .max_args = 3,
    .run = RunTrace,
    .details =
        "FROM is a container, \"host\", or outside:ADDRESS[@LINK] for another machine whose packets come in by a link "
        "of the host.\nTO is a container, \"host\", an address, or a name for the container's name server. Without a "
        "port a ping is followed.\nThe packet is a real one, dropped before any program and any other machine gets "
        "it.\nNeeds root. The exit code is 0 when traffic passes, 1 when it is dropped, 2 when that cannot be told."};

}  // namespace estiba::cli
