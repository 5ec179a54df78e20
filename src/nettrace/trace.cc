#include "nettrace/trace.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>

#include <fcntl.h>
// Before the kernel's headers, which leave out what it has declared.
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "os/netns.h"
#include "os/packet.h"
#include "place.h"
#include "stage.h"
#include "tracer.h"
#include "watch.h"

namespace estiba::nettrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long we wait for a packet that nobody has dropped; longer while somebody is being asked for by ARP.
constexpr milliseconds kPatience{2000}, kNeighbourPatience{6000}, kTick{50};
constexpr std::uint16_t kFirstPort = 32768, kPorts = 28000;

Result<os::UniqueFd> OpenNamespaceOf(pid_t pid) {
  const std::string path = pid == 0 ? "/proc/self/ns/net" : "/proc/" + std::to_string(pid) + "/ns/net";
  return os::OpenAt({AT_FDCWD}, path, O_RDONLY);
}

Result<bool> SameNamespace(int a, int b) {
  struct stat one{}, other{};
  if (::fstat(a, &one) < 0 || ::fstat(b, &other) < 0) return Error::Errno(errno, "look at a network namespace");
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool IsEnd(const os::NftTrace& trace) {
  if (trace.kind == os::NftTraceKind::kReturn) return false;
  return trace.verdict == NF_DROP || (trace.verdict > 0 && (trace.verdict & 0xff) == NF_QUEUE);
}

}  // namespace

// A namespace on the way, and what was told there.
struct Watched {
  Place* place;
  Watch watch;
  std::vector<os::NftTrace> traces;
  std::set<std::uint32_t> ids;  // of our packet: others are traced by others

  // Keeps what was told of our packet since; true when that ends somewhere. The first step in each chain has headers;
  // an id may be another packet's afterwards.
  Result<bool> Read(std::string_view token, std::size_t at) {
    bool ended = false;
    for (os::NftTrace& trace : TRY(watch.Read())) {
      const bool has_headers = !trace.network.empty();
      const bool ours =
          has_headers && trace.transport.size() >= at && trace.transport.compare(at, token.size(), token) == 0;
      if (ours) ids.insert(trace.id);
      if (has_headers && !ours) ids.erase(trace.id);
      if (!ids.contains(trace.id)) continue;
      ended = ended || IsEnd(trace);
      traces.push_back(std::move(trace));
    }
    return ended;
  }
};

Status Tracer::OpenStart() {
  os::UniqueFd here = TRY(OpenNamespaceOf(0));
  host_ = TRY(Place::Open("", std::move(here)));
  if (question_.source.empty() || question_.outside) return Ok();
  const Container* container = facts_.FindContainer(question_.source);
  if (container == nullptr) return Error(Code::kNotFound, "no such container: " + question_.source);
  if (container->host_network) return Ok();
  const pid_t pid = TRY(process_of_(container->name));
  if (pid == 0) return Error(Code::kFailedPrecondition, "container '" + container->name + "' does not run");
  os::UniqueFd ns = TRY(OpenNamespaceOf(pid));
  const bool same = TRY(SameNamespace(ns.get(), host_->ns()));
  if (!same) start_ = TRY(Place::Open(container->name, std::move(ns)));
  return Ok();
}

Status Tracer::ChooseRoute() {
  auto route = start().FindRoute(flow_.destination);
  if (!route.ok()) {
    Hop(start(), "route", "none to " + ToString(flow_.destination));
    Dropped(ExplainNoRoute(facts_, start().name(), flow_.destination, route.error().errnum()));
    return Ok();
  }
  route_ = *route;
  if (route_.source) flow_.source = *route_.source;
  std::string text = ToString(flow_.destination) + (route_.local ? " is here" : " by " + LinkName(start(), route_.out));
  if (route_.gateway) text += " via " + ToString(*route_.gateway);
  Hop(start(), "route", text + ", from " + ToString(flow_.source));
  return Ok();
}

// The packet's addresses and numbers, and how it starts.
Status Tracer::Choose() {
  std::uint16_t port = 0;
  if (::getrandom(&token_, sizeof token_, 0) != sizeof token_ || ::getrandom(&port, sizeof port, 0) != sizeof port)
    return Error::Errno(errno, "choose a random number");
  flow_ = {Ip{question_.destination.v6, {}}, question_.destination, question_.protocol,
           static_cast<std::uint16_t>(kFirstPort + port % kPorts), question_.port};
  if (!question_.outside) return ChooseRoute();
  flow_.source = question_.outside->source;
  if (flow_.source.v6 != flow_.destination.v6)
    return Error(Code::kInvalidArgument, "addresses of two families do not reach each other");
  if (!question_.outside->link.empty()) {
    const PlaceLink* link = host_->Link(question_.outside->link);
    if (link == nullptr) return Error(Code::kNotFound, "the host has no link '" + question_.outside->link + "'");
    uplink_ = link->index;
  } else {
    const std::string what = "find the link that " + ToString(flow_.source) + " is behind";
    uplink_ = TRY_CTX(host_->FindRoute(flow_.source), what).out;
  }
  Hop(*host_, "link", "a packet of " + ToString(flow_.source) + " comes in by " + LinkName(*host_, uplink_));
  return Ok();
}

// The host's end of the link by which the packet leaves a container; null when that leads elsewhere.
const PlaceLink* Tracer::HostEnd() const {
  if (!start_ || route_.local) return nullptr;
  const PlaceLink* ours = start_->Link(route_.out);
  if (ours == nullptr || ours->kind != "veth") return nullptr;
  const PlaceLink* theirs = host_->Link(ours->peer);
  return theirs != nullptr && theirs->kind == "veth" && theirs->peer == ours->index ? theirs : nullptr;
}

std::string Tracer::Described(const PlaceLink& link) const {
  const Network* network = facts_.NetworkAt(link.name);
  return (link.kind.empty() ? "" : link.kind + " ") + link.name +
         (network != nullptr ? " (network '" + network->name + "')" : "");
}

void Tracer::NoteLink() {
  const PlaceLink* end = HostEnd();
  if (end == nullptr) return;
  const PlaceLink* bridge = host_->Link(end->master);
  Hop(*start_, "link", LinkName(*start_, route_.out) + " leads to " + end->name +
                           (bridge != nullptr ? ", a port of " + Described(*bridge) : "") + " of the host");
}

Result<std::vector<Watched>> Tracer::PlantAll() {
  std::vector<Watched> watched;
  WatchSpec spec;
  spec.flow = flow_;
  spec.token = token_;
  const PlaceLink* end = HostEnd();
  const auto plant = [&](Place& place) -> Status {
    Watch watch = TRY(Watch::Plant(place.ns(), spec));
    watched.push_back({&place, std::move(watch), {}, {}});
    return Ok();
  };
  if (start_) {
    spec.lets_out = end != nullptr;
    TRY(plant(*start_));
  }
  spec.lets_out = exit_ != 0;
  if (exit_ != 0) spec.lets_out_by = {LinkName(*host_, exit_)};
  if (exit_port_ != 0) spec.lets_out_by.push_back(LinkName(*host_, exit_port_));
  spec.bridges = true;
  spec.silences_replies = question_.outside.has_value();
  if (end != nullptr) spec.ingress.push_back(end->name);
  if (question_.outside) spec.ingress.push_back(LinkName(*host_, uplink_));
  TRY(plant(*host_));
  if (!target_) return watched;
  spec = {};
  spec.flow = flow_;
  spec.token = token_;
  TRY(plant(*target_));
  return watched;
}

Status Tracer::SendProbe(Attempt& attempt) {
  const std::string packet = MakePacket(flow_, token_);
  if (question_.outside) {
    const PlaceLink* link = host_->Link(uplink_);
    std::string frame = link != nullptr ? link->mac : "";
    frame.resize(ETH_ALEN, '\0');
    frame.append("\2\0\0\0\0\1", ETH_ALEN);
    frame += flow_.source.v6 ? std::string_view("\x86\xdd", 2) : std::string_view("\x08\x00", 2);
    return os::PlayFrameIn(uplink_, frame + packet);
  }
  const auto send = [&]() -> Status {
    const os::UniqueFd socket = TRY(os::OpenRawIp(flow_.source.v6));
    const Status sent = os::SendRawIp(socket.get(), flow_.destination.Bytes(), packet);
    // A rule that drops it on its way out shows here, too.
    if (!sent.ok()) attempt.send_errno = sent.error().errnum();
    return Ok();
  };
  return os::InNetworkNamespace(start().ns(), send);
}

bool Tracer::NeighbourIsPending() {
  const auto pending = [](Place& place, std::uint32_t link, const Ip& address) {
    const auto found = place.FindNeighbour(link, address);
    return found.ok() && *found && (*found)->pending;
  };
  if (!question_.outside && !route_.local && pending(start(), route_.out, route_.gateway.value_or(flow_.destination)))
    return true;
  return exit_ != 0 && pending(*host_, exit_, exit_address_);
}

// Reads until somebody has dropped the packet. False when nobody has in time.
Result<bool> Tracer::Collect(std::vector<Watched>& watched) {
  const auto started = steady_clock::now();
  const std::string token = TokenBytes(token_);
  const std::size_t at = TokenOffset(flow_.protocol);
  bool ended = false;
  while (!ended) {
    std::vector<pollfd> fds;
    for (const Watched& one : watched) fds.push_back({one.watch.fd(), POLLIN, 0});
    (void)::poll(fds.data(), fds.size(), static_cast<int>(kTick.count()));
    for (Watched& one : watched) {
      const bool end = TRY(one.Read(token, at));
      ended = ended || end;
    }
    const auto waited = steady_clock::now() - started;
    if (!ended && (waited > kNeighbourPatience || (waited > kPatience && !NeighbourIsPending()))) return false;
  }
  // What was told before the end is all there, but perhaps not on the sockets that were read first.
  for (Watched& one : watched) TRY(one.Read(token, at));
  return true;
}

void Tracer::Read(std::vector<Watched>& watched, Attempt& attempt) {
  const std::string table = WatchTable();
  const auto read = [&](const Watched& one, const std::vector<os::NftTrace>& traces, const Flow& sent) {
    Place& place = *one.place;
    const Names names{NameOf(place), [&](std::uint32_t index) { return LinkName(place, index); },
                      [&](const os::NftTrace& trace) { return place.RuleText(trace); }};
    return ReadStage(names, place.chains(), traces, sent, table);
  };
  Flow flow = flow_;
  std::vector<os::NftTrace> back;  // what came to the namespace it started in, after it had left
  for (Watched& one : watched) {
    if (one.place == (start_ ? &*start_ : nullptr)) {
      if (target_is_start_) {
        std::size_t left = 0;
        while (left < one.traces.size() && !(one.traces[left].table == table && one.traces[left].chain == kLeaves))
          ++left;
        left = std::min(left + 1, one.traces.size());
        back.assign(one.traces.begin() + static_cast<std::ptrdiff_t>(left), one.traces.end());
        one.traces.resize(left);
      }
      attempt.start = read(one, one.traces, flow);
      flow = attempt.start.flow.value_or(flow);
    } else if (one.place == &*host_) {
      attempt.host = read(one, one.traces, flow);
      flow = attempt.host.flow.value_or(flow);
    } else {
      attempt.target = read(one, one.traces, flow);
    }
  }
  if (target_is_start_ && !back.empty()) attempt.target = read(watched[0], back, flow);
}

Result<Attempt> Tracer::Try() {
  Attempt attempt;
  std::vector<Watched> watched = TRY(PlantAll());
  TRY(SendProbe(attempt));
  TRY(Collect(watched));
  Read(watched, attempt);
  return attempt;
}

// The packet leaves the host to a container: the next attempt lets it through, and watches there.
Result<bool> Tracer::FindTarget(const Attempt& attempt) {
  if (attempt.host.end != Stage::End::kLeft || !attempt.host.flow) return false;
  const Container* container = facts_.WhoHas(attempt.host.flow->destination);
  if (container == nullptr || container->host_network) return false;
  const pid_t pid = TRY(process_of_(container->name));
  if (pid == 0) return false;
  os::UniqueFd ns = TRY(OpenNamespaceOf(pid));
  const PlaceLink* out = host_->Link(attempt.host.out);
  exit_ = out != nullptr && out->master != 0 ? out->master : attempt.host.out;
  exit_port_ = exit_ != attempt.host.out ? attempt.host.out : 0;
  exit_address_ = attempt.host.flow->destination;
  target_is_start_ = start_.has_value() && TRY(SameNamespace(ns.get(), start_->ns()));
  if (!target_is_start_) target_ = TRY(Place::Open(container->name, std::move(ns)));
  return true;
}

Result<Answer> Tracer::Run() {
  TRY(OpenStart());
  TRY(Choose());
  if (Judged()) return std::move(answer_);
  Attempt attempt = TRY(Try());
  const bool onward = TRY(FindTarget(attempt));
  if (onward) {
    attempt = TRY(Try());
    TRY(host_->ForgetFlow(flow_));
  }
  if (start_) TRY(start_->ForgetFlow(flow_));
  TRY(Judge(attempt));
  return std::move(answer_);
}

std::string_view ToString(Protocol protocol) {
  switch (protocol) {
    case Protocol::kPing: return "ping";
    case Protocol::kTcp: return "tcp";
    case Protocol::kUdp: return "udp";
    case Protocol::kSctp: return "sctp";
  }
  return "";
}

std::optional<Protocol> FindProtocol(std::string_view name) {
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kSctp})
    if (name == ToString(protocol)) return protocol;
  return std::nullopt;
}

std::string_view ToString(Verdict verdict) {
  if (verdict == Verdict::kPasses) return "passes";
  return verdict == Verdict::kDropped ? "dropped" : "unknown";
}

Result<Answer> Trace(const Facts& facts, const Question& question, const ProcessOf& process_of) {
  return Tracer(facts, question, process_of).Run();
}

Result<Ip> HostAddressFor(const Facts& facts, const std::string& source, const std::optional<Outside>& outside,
                          bool v6) {
  os::UniqueFd here = TRY(OpenNamespaceOf(0));
  Place host = TRY(Place::Open("", std::move(here)));
  const auto addresses = TRY(host.Addresses());
  const Container* container = facts.FindContainer(source);
  std::uint32_t link = 0;
  if (outside) {
    const PlaceLink* named = host.Link(outside->link);
    link = named != nullptr ? named->index : TRY(host.FindRoute(outside->source)).out;
  }
  std::optional<Ip> first;
  for (const auto& [index, prefix] : addresses) {
    if (prefix.address.v6 != v6 || (v6 && prefix.address.bytes[0] == 0xfe)) continue;
    const bool loopback = v6 ? prefix.length == 128 : prefix.address.bytes[0] == 127;
    if (!outside && source.empty() && loopback) return prefix.address;
    if (loopback) continue;
    if (!first) first = prefix.address;
    if (outside && index == link) return prefix.address;
    if (outside || container == nullptr) continue;
    for (const Membership& network : container->networks)
      for (const Ip& own : network.addresses)
        if (prefix.Network().Contains(own)) return prefix.address;
  }
  if (first) return *first;
  return Error(Code::kNotFound, std::string("the host has no IPv") + (v6 ? "6" : "4") + " address");
}

}  // namespace estiba::nettrace
