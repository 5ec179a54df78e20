#include "reason.h"

#include <cerrno>

// Before the kernel's headers, which leave out what it has declared.
#include <netinet/in.h>

#include <linux/netfilter.h>

#include "base/text.h"

namespace estiba::nettrace {
namespace {

constexpr std::string_view kOurTable = "estiba";

std::string Quoted(const std::string& text) { return "'" + text + "'"; }

std::string PortText(const Flow& flow) {
  if (flow.protocol == Protocol::kPing) return "";
  return std::to_string(flow.port) + "/" + std::string(ToString(flow.protocol));
}

bool IsLoopback(const Ip& address) {
  if (!address.v6) return address.bytes[0] == 127;
  Ip one{true, {}};
  one.bytes[15] = 1;
  return address == one;
}

bool IsUnspecified(const Ip& address) { return address == Ip{address.v6, {}}; }

// A container's port that is published under this number on other addresses than the one asked for.
const Published* PublishedElsewhere(const Facts& facts, const Flow& flow) {
  for (const Published& one : facts.published)
    if (one.protocol == flow.protocol && one.host_port == flow.port && one.host.v6 == flow.destination.v6 &&
        !IsUnspecified(one.host) && one.host != flow.destination)
      return &one;
  return nullptr;
}

Reason OnlyPublishedOn(const Published& port, const Flow& flow) {
  return {"port " + PortText(flow) + " of container " + Quoted(port.container) + " is published on " +
              ToString(port.host) + " only, not on " + ToString(flow.destination),
          "publish it as " + std::to_string(port.host_port) + ":" + std::to_string(port.port) +
              " for every address, or as " + ToString(flow.destination) + ":" + std::to_string(port.host_port) + ":" +
              std::to_string(port.port)};
}

Reason Isolated(const Facts& facts, const Question& question, const Network& from, const Network& to) {
  Reason reason;
  if (from.internal || to.internal)
    reason.why = "network " + Quoted(from.internal ? from.name : to.name) +
                 " is internal: nothing goes between it and other networks";
  else
    reason.why = "networks " + Quoted(from.name) + " and " + Quoted(to.name) + " are isolated from each other";
  const Container* target = facts.WhoHas(question.destination);
  if (!question.source.empty() && target != nullptr)
    reason.next = "have both in one network: estiba network connect " + to.name + " " + question.source;
  return reason;
}

// Our own table lets nothing into a bridge but what is told in docs/networks.md.
Reason ExplainOurs(const Facts& facts, const Question& question, const Stage& stage, const std::string& in,
                   const std::string& out) {
  const Network* from = facts.NetworkAt(in);
  const Network* to = facts.NetworkAt(out);
  if (from != nullptr && to != nullptr && from != to) return Isolated(facts, question, *from, *to);
  const Network* internal = to != nullptr && to->internal ? to : from != nullptr && from->internal ? from : nullptr;
  if (internal != nullptr)
    return {"network " + Quoted(internal->name) + " is internal: nothing goes between it and the outside",
            "connect the container to a network that is not internal, too"};
  const Flow& flow = *stage.flow;
  if (to != nullptr) {
    const Container* target = facts.WhoHas(flow.destination);
    const std::string whose = target != nullptr ? " of container " + Quoted(target->name) : "";
    if (flow.protocol == Protocol::kPing)
      return {"from outside of network " + Quoted(to->name) + " only published ports are reached", ""};
    return {"port " + PortText(flow) + whose + " is not published: from outside of network " + Quoted(to->name) +
                " only published ports are reached",
            "publish it (-p HOSTPORT:" + std::to_string(flow.port) + ") and ask the host's address"};
  }
  if (IsLoopback(flow.destination))
    return {"127.0.0.0/8 is for the host's own programs: what is published on a loopback address is not open to "
            "containers or other machines",
            "publish the port on another address of the host"};
  return {"dropped by " + stage.dropper.Text() + ", which is Estiba's own", ""};
}

std::string NextForForeign(const Dropper& dropper) {
  const std::string place = FamilyName(dropper.family) + " " + dropper.table;
  if (dropper.hook == "forward" && dropper.rule.empty())
    return "the table is another program's: estiba info names the command that lets containers pass";
  return "the table is another program's: nft -a list chain " + place + " " + dropper.chain;
}

std::string Whose(const std::string& container) {
  return container.empty() ? "the host" : "container " + Quoted(container);
}

}  // namespace

std::optional<Ip> Container::Address(bool v6) const {
  std::optional<Ip> other;
  for (const Membership& network : networks)
    for (const Ip& address : network.addresses) {
      if (address.v6 == v6) return address;
      if (!other) other = address;
    }
  return other;
}

const Container* Facts::FindContainer(std::string_view name) const {
  for (const Container& one : containers)
    if (one.name == name) return &one;
  return nullptr;
}

const Container* Facts::WhoHas(const Ip& address) const {
  for (const Container& one : containers)
    for (const Membership& network : one.networks)
      for (const Ip& each : network.addresses)
        if (each == address) return &one;
  return nullptr;
}

const Network* Facts::NetworkOf(const Ip& address) const {
  for (const Network& one : networks)
    for (const IpPrefix& subnet : one.subnets)
      if (subnet.Contains(address)) return &one;
  return nullptr;
}

const Network* Facts::NetworkAt(std::string_view bridge) const {
  for (const Network& one : networks)
    if (!one.bridge.empty() && one.bridge == bridge) return &one;
  return nullptr;
}

bool Takes(const Ip& at, const Ip& to) { return at.v6 == to.v6 && (at == to || IsUnspecified(at)); }

Reason ExplainDrop(const Facts& facts, const Question& question, const Stage& stage, const std::string& place,
                   const std::string& in, const std::string& out) {
  const Dropper& dropper = stage.dropper;
  const bool ours = place.empty() && dropper.family == NFPROTO_INET && dropper.table == kOurTable;
  if (ours) return ExplainOurs(facts, question, stage, in, out);
  const std::string whose = place.empty() ? "" : " inside of container " + Quoted(place);
  return {"dropped by " + dropper.Text() + whose, NextForForeign(dropper)};
}

Reason ExplainNoRoute(const Facts& facts, const std::string& container, const Ip& to, int errnum) {
  const std::string name = Whose(container);
  if (errnum == EXDEV)
    return {name + " does not expect that source there (reverse path filter)",
            "see rp_filter of the link, and the route back"};
  if (errnum == EACCES) return {"a route of " + name + " to " + ToString(to) + " prohibits it", "see: ip route"};
  if (errnum == EINVAL)
    return {"a route of " + name + " swallows what is for " + ToString(to) +
                " (blackhole), or the source makes no sense there",
            "see: ip route"};
  if (const Container* who = facts.FindContainer(container); !container.empty() && who != nullptr) {
    if (who->networks.empty())
      return {name + " is in no network", "connect it: estiba network connect NETWORK " + container};
    for (const Membership& network : who->networks)
      for (const Network& one : facts.networks)
        if (one.name == network.network && one.internal)
          return {"network " + Quoted(one.name) + " is internal: " + name + " has no route to " + ToString(to),
                  "connect the container to a network that is not internal, too"};
  }
  return {name + " has no route to " + ToString(to), "see: ip route"};
}

Reason ExplainNoListener(const Facts& facts, const std::string& place, const Flow& flow,
                         const std::vector<Ip>& listeners) {
  const std::string where = Endpoint(flow.destination, flow.port);
  if (place.empty())
    if (const Published* port = PublishedElsewhere(facts, flow)) return OnlyPublishedOn(*port, flow);
  const std::string protocol = flow.protocol == Protocol::kTcp ? "" : "/" + std::string(ToString(flow.protocol));
  Reason reason{"no listener on " + where + protocol +
                    (place.empty() ? " of the host" : " in " + Quoted(place)),
                "start the program, or see what address it is told to listen on"};
  std::vector<std::string> found;
  for (const Ip& one : listeners) found.push_back(Endpoint(one, flow.port));
  if (!found.empty()) {
    reason.why += " (it listens on " + Join(found, ", ") + ")";
    reason.next = "have the program listen on " + std::string(flow.destination.v6 ? "[::]" : "0.0.0.0") + ":" +
                  std::to_string(flow.port);
  }
  return reason;
}

Reason ExplainNoNeighbour(const Facts& facts, const Ip& address, const std::string& link) {
  const Network* network = facts.NetworkOf(address);
  return {"nobody answers for " + ToString(address) + " on " + link +
              (network != nullptr ? ", network " + Quoted(network->name) : ""),
          network != nullptr ? "no running container has that address: estiba network inspect " + network->name : ""};
}

}  // namespace estiba::nettrace
