#include "stage.h"

// Before the kernel's headers, which leave out what it has declared.
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "base/text.h"
#include "watch.h"

namespace estiba::nettrace {
namespace {

constexpr std::int32_t kVerdictMask = 0xff;

std::string HookName(std::uint8_t family, std::uint32_t hook) {
  if (family == NFPROTO_NETDEV) return hook == NF_NETDEV_INGRESS ? "ingress" : "egress";
  constexpr const char* kNames[] = {"prerouting", "input", "forward", "output", "postrouting", "ingress"};
  return hook < 6 ? kNames[hook] : "hook " + std::to_string(hook);
}

std::string VerdictName(const os::NftTrace& trace) {
  if (trace.verdict == NFT_JUMP) return "jump " + trace.target;
  if (trace.verdict == NFT_GOTO) return "goto " + trace.target;
  if (trace.verdict == NFT_RETURN) return "return";
  if (trace.verdict == NF_ACCEPT) return "accept";
  if (trace.verdict == NF_DROP) return "drop";
  return (trace.verdict & kVerdictMask) == NF_QUEUE ? "queue" : "verdict " + std::to_string(trace.verdict);
}

class Reader {
 public:
  Reader(const Names& names, const std::vector<os::NftChain>& chains, const Flow& sent, const std::string& watch)
      : names_(names), chains_(chains), watch_(watch) {
    stage_.flow = sent;
  }

  void Add(const os::NftTrace& trace) {
    if (Ended()) return;
    NoteHeaders(trace);
    if (trace.table == watch_) return Ours(trace);
    // Of another run of ours at the same time, which drops nothing but its own.
    if (trace.table.starts_with(kWatchTable) && trace.verdict != NF_DROP) return;
    if (const os::NftChain* base = BaseChain(trace)) Begin(*base, trace);
    if (trace.kind == os::NftTraceKind::kRule && trace.verdict == NFT_CONTINUE) return;
    Say(trace);
    if (trace.kind == os::NftTraceKind::kReturn) return;
    if (trace.verdict == NF_DROP) return EndBy(trace, Stage::End::kDropped);
    if (trace.verdict > 0 && (trace.verdict & kVerdictMask) == NF_QUEUE) EndBy(trace, Stage::End::kTaken);
  }
  Stage Finish() && {
    Flush();
    return std::move(stage_);
  }

 private:
  bool Ended() const {
    return stage_.end == Stage::End::kDropped || stage_.end == Stage::End::kTaken ||
           stage_.end == Stage::End::kArrived;
  }
  const os::NftChain* BaseChain(const os::NftTrace& trace) const {
    for (const os::NftChain& chain : chains_)
      if (chain.hook && chain.family == trace.family && chain.table == trace.table && chain.name == trace.chain)
        return &chain;
    return nullptr;
  }
  void Begin(const os::NftChain& base, const os::NftTrace& trace) {
    const std::string title = FamilyName(trace.family) + " " + trace.table + " " + trace.chain;
    const bool same = title == title_ && trace.network.empty();
    if (same) return;
    Flush();
    title_ = title;
    hook_ = HookName(base.family, *base.hook);
  }
  void Say(const os::NftTrace& trace) {
    std::string text;
    if (trace.kind == os::NftTraceKind::kPolicy) text = "policy " + VerdictName(trace);
    if (trace.kind == os::NftTraceKind::kReturn) text = "end of " + trace.chain;
    if (trace.kind == os::NftTraceKind::kRule) {
      const bool base = BaseChain(trace) != nullptr;
      last_rule_ = names_.rule(trace);
      text = (base ? "" : trace.chain + ": ") + "'" + last_rule_ + "'";
      // What says its verdict itself needs no other word.
      if (!last_rule_.ends_with(VerdictName(trace))) text += " " + VerdictName(trace);
    }
    parts_.push_back(std::move(text));
  }
  void Flush() {
    if (!parts_.empty()) Hop(hook_, title_ + ": " + Join(parts_, "; "));
    parts_.clear();
    title_.clear();
    if (!changed_) return;
    Hop("nat", *changed_);
    changed_.reset();
  }
  void Hop(const std::string& step, std::string detail) {
    stage_.hops.push_back({names_.place, step, std::move(detail)});
  }
  void EndBy(const os::NftTrace& trace, Stage::End end) {
    stage_.end = end;
    stage_.dropper = {trace.family, trace.table, trace.chain, hook_,
                      trace.kind == os::NftTraceKind::kRule ? last_rule_ : "", trace.handle};
  }
  // Headers come with the first step of every base chain: address translation shows there.
  void NoteHeaders(const os::NftTrace& trace) {
    if (trace.network.empty()) return;
    if (trace.in != 0) stage_.in = trace.in;
    if (trace.out != 0) stage_.out = trace.out;
    const auto flow = ReadFlow(trace.network, trace.transport);
    if (!flow || flow == stage_.flow) return;
    std::string text;
    if (flow->destination != stage_.flow->destination || flow->port != stage_.flow->port)
      text = "the destination becomes " + Endpoint(flow->destination, flow->port);
    if (flow->source != stage_.flow->source || flow->source_port != stage_.flow->source_port)
      text += (text.empty() ? "" : ", ") + ("the source becomes " + ToString(flow->source));
    changed_ = text;
    Flush();
    stage_.flow = flow;
  }
  void Ours(const os::NftTrace& trace) {
    if (trace.kind != os::NftTraceKind::kRule) return;
    const bool ends = trace.verdict == NF_DROP;
    const bool again = trace.chain == stage_.mark && last_family_ == trace.family;
    stage_.mark = trace.chain;
    last_family_ = trace.family;
    if (trace.chain == kArrives && ends) stage_.end = Stage::End::kArrived;
    if (trace.chain == kLeaves) stage_.end = Stage::End::kLeft;
    if (trace.chain != kArrives && trace.chain != kLeaves) stage_.end = Stage::End::kSilent;
    if (again || trace.family != NFPROTO_INET) return;
    if (trace.chain != kCrosses) return;
    Flush();
    Hop("route", "goes on from " + names_.link(stage_.in) + " to " + names_.link(stage_.out));
  }

  const Names& names_;
  const std::vector<os::NftChain>& chains_;
  const std::string& watch_;
  Stage stage_;
  std::string title_, hook_, last_rule_;
  std::vector<std::string> parts_;
  std::optional<std::string> changed_;
  std::uint8_t last_family_ = 0;
};

}  // namespace

std::string FamilyName(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET: return "inet";
    case NFPROTO_IPV4: return "ip";
    case NFPROTO_IPV6: return "ip6";
    case NFPROTO_ARP: return "arp";
    case NFPROTO_BRIDGE: return "bridge";
    case NFPROTO_NETDEV: return "netdev";
    default: return "family " + std::to_string(family);
  }
}

std::string Dropper::Text() const {
  const std::string where = "chain " + chain + " in table " + FamilyName(family) + " " + table;
  if (rule.empty()) return "the policy of " + where;
  return "rule '" + rule + "' (handle " + std::to_string(handle) + ") of " + where;
}

Stage ReadStage(const Names& names, const std::vector<os::NftChain>& chains, const std::vector<os::NftTrace>& traces,
                const Flow& sent, const std::string& watch) {
  Reader reader(names, chains, sent, watch);
  for (const os::NftTrace& trace : traces) reader.Add(trace);
  return std::move(reader).Finish();
}

}  // namespace estiba::nettrace
