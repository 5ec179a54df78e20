// What an attempt comes to: the verdict, and why.

#include <algorithm>
#include <iterator>

#include "tracer.h"

namespace estiba::nettrace {

bool Tracer::JudgeRule(const Stage& stage, Place& place) {
  if (stage.end == Stage::End::kTaken)
    Unknown(stage.dropper.Text() + " gives it to a program (queue), which decides");
  if (stage.end == Stage::End::kDropped)
    Dropped(ExplainDrop(facts_, question_, stage, place.name(), stage.in != 0 ? LinkName(place, stage.in) : "",
                        stage.out != 0 ? LinkName(place, stage.out) : ""));
  return Judged();
}

// What the rules have not led away: who listens there is ours.
const Published* Tracer::PublishedAt(const Flow& flow) const {
  const auto found = std::ranges::find_if(facts_.published, [&](const Published& port) {
    return port.protocol == flow.protocol && port.host_port == flow.port && Takes(port.host, flow.destination);
  });
  return found == facts_.published.end() ? nullptr : &*found;
}

// From the host on it is another connection.
Status Tracer::FollowRelay(const Published& port, const Flow& flow) {
  const Container* container = facts_.FindContainer(port.container);
  const auto to = container == nullptr ? std::nullopt : container->Address(flow.destination.v6);
  if (!to) {
    Unknown("it is passed on to '" + port.container + "', which has no address any more");
    return Ok();
  }
  Hop(*host_, "relay", "estiba-uplink passes it on to '" + port.container + "', " + Endpoint(*to, port.port));
  Question onward;
  onward.destination = *to;
  onward.protocol = flow.protocol;
  onward.port = port.port;
  Answer rest = TRY(Trace(facts_, onward, process_of_));
  answer_.hops.insert(answer_.hops.end(), std::make_move_iterator(rest.hops.begin()),
                      std::make_move_iterator(rest.hops.end()));
  answer_.verdict = rest.verdict;
  answer_.reason = std::move(rest.reason);
  answer_.next = std::move(rest.next);
  return Ok();
}

Status Tracer::JudgeArrival(Place& place, const Flow& flow) {
  const std::string where = place.name().empty() ? "the host" : "'" + place.name() + "'";
  if (flow.protocol == Protocol::kPing) {
    Passes("it reaches " + where + ", whose kernel answers");
    return Ok();
  }
  const auto listeners = TRY(place.Listeners(flow.protocol, flow.port));
  if (!listeners) {
    Unknown("it reaches " + where + "; this kernel does not tell who listens there (INET_DIAG)");
    return Ok();
  }
  for (const Ip& at : *listeners) {
    if (!Takes(at, flow.destination)) continue;
    Hop(place, "listener", Endpoint(at, flow.port));
    const Published* published = place.name().empty() ? PublishedAt(flow) : nullptr;
    if (published != nullptr) return FollowRelay(*published, flow);
    Passes("a program in " + where + " listens on " + Endpoint(at, flow.port));
    return Ok();
  }
  Hop(place, "listener", "none on " + Endpoint(flow.destination, flow.port));
  Dropped(ExplainNoListener(facts_, place.name(), flow, *listeners));
  return Ok();
}

// It left a container, and did not come to the host.
void Tracer::JudgeUnseen() {
  const std::string link = LinkName(*start_, route_.out);
  if (HostEnd() == nullptr) {
    const PlaceLink* out = start_->Link(route_.out);
    const std::string kind = out != nullptr && !out->kind.empty() ? out->kind : "link";
    const std::string why = "it leaves '" + start_->name() + "' by " + link + ", a " + kind + " that is no veth pair";
    if (facts_.WhoHas(flow_.destination) == nullptr) return Passes(why + "; what is beyond is not asked");
    return Unknown(why + ": what is beyond cannot be followed");
  }
  const Ip hop = route_.gateway.value_or(flow_.destination);
  const auto neighbour = start_->FindNeighbour(route_.out, hop);
  if (neighbour.ok() && *neighbour && ((*neighbour)->failed || (*neighbour)->pending)) {
    Hop(*start_, "neighbour", "none: " + ToString(hop) + " does not answer on " + link);
    return Dropped(ExplainNoNeighbour(facts_, hop, link));
  }
  Unknown("it left '" + start_->name() + "' by " + link + " and was not seen on the host");
}

void Tracer::JudgeLost(const Stage& stage, Place& place) {
  const Flow flow = stage.flow.value_or(flow_);
  if (stage.mark == "enters") {
    const auto route = place.FindRoute(flow.destination, flow.source, stage.in);
    if (!route.ok()) {
      const std::string in = LinkName(place, stage.in);
      const std::string family = flow.source.v6 ? "ipv6" : "ipv4";
      const bool off = place.Sysctl(family + "/conf/" + in + "/forwarding") == "0";
      if (off && route.error().errnum() == EHOSTUNREACH)
        return Dropped({"the host forwards nothing that comes in by " + in + " (forwarding is off)",
                        "sysctl net." + family + ".conf." + in + ".forwarding=1"});
      return Dropped(ExplainNoRoute(facts_, place.name(), flow.destination, route.error().errnum()));
    }
  }
  const std::string after = stage.mark.empty() ? "" : " after it " + stage.mark;
  if (place.HasLegacyTables())
    return Unknown("it was lost in " + NameOf(place) + after +
                       ", dropped by no rule of nf_tables; there are tables of iptables' old kind, which tell nothing",
                   "see: iptables-legacy -nvL");
  Unknown("it was lost in " + NameOf(place) + after + ", dropped by no rule");
}

// It leaves the host for something that is no container of ours.
Status Tracer::JudgeLeaving(const Attempt& attempt) {
  const Flow& flow = *attempt.host.flow;
  const std::string link = LinkName(*host_, attempt.host.out);
  const Network* network = facts_.NetworkAt(link);
  if (network == nullptr) network = facts_.NetworkOf(flow.destination);
  if (network != nullptr && !network->bridge.empty()) {
    Dropped(ExplainNoNeighbour(facts_, flow.destination, link));
    return Ok();
  }
  const auto route = host_->FindRoute(flow.destination);
  const std::string via = route.ok() && route->gateway ? " via " + ToString(*route->gateway) : "";
  Hop(*host_, "link", "leaves by " + link + via + " as " + ToString(flow.source));
  Passes("it leaves this host by " + link + via + ", from " + ToString(flow.source) + "; what is beyond is not asked");
  return Ok();
}

Status Tracer::JudgeTarget(Attempt& attempt) {
  Place& place = target_is_start_ ? *start_ : *target_;
  answer_.hops.insert(answer_.hops.end(), attempt.target.hops.begin(), attempt.target.hops.end());
  if (JudgeRule(attempt.target, place)) return Ok();
  if (attempt.target.end == Stage::End::kArrived) return JudgeArrival(place, *attempt.target.flow);
  if (!attempt.target.mark.empty()) {
    JudgeLost(attempt.target, place);
    return Ok();
  }
  const Ip& hop = attempt.host.flow->destination;
  const std::string link = LinkName(*host_, exit_);
  const auto neighbour = TRY(host_->FindNeighbour(exit_, hop));
  if (neighbour && (neighbour->failed || neighbour->pending))
    Dropped(ExplainNoNeighbour(facts_, hop, link));
  else
    Unknown("it left the host by " + link + " and was not seen in '" + place.name() + "'");
  return Ok();
}

Status Tracer::JudgeHost(Attempt& attempt) {
  answer_.hops.insert(answer_.hops.end(), attempt.host.hops.begin(), attempt.host.hops.end());
  if (JudgeRule(attempt.host, *host_)) return Ok();
  if (attempt.host.end == Stage::End::kArrived) return JudgeArrival(*host_, *attempt.host.flow);
  if (attempt.host.end == Stage::End::kLeft)
    return target_ || target_is_start_ ? JudgeTarget(attempt) : JudgeLeaving(attempt);
  JudgeLost(attempt.host, *host_);
  return Ok();
}

Status Tracer::Judge(Attempt& attempt) {
  if (!start_) return JudgeHost(attempt);
  answer_.hops.insert(answer_.hops.end(), attempt.start.hops.begin(), attempt.start.hops.end());
  if (JudgeRule(attempt.start, *start_)) return Ok();
  if (attempt.start.end == Stage::End::kArrived) return JudgeArrival(*start_, *attempt.start.flow);
  NoteLink();
  if (!attempt.host.mark.empty() || attempt.host.end != Stage::End::kSilent) return JudgeHost(attempt);
  if (attempt.start.end == Stage::End::kLeft)
    JudgeUnseen();
  else
    JudgeLost(attempt.start, *start_);
  return Ok();
}

}  // namespace estiba::nettrace
