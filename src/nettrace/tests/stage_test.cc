#include "stage.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "tests/support.h"
#include "watch.h"

namespace estiba::nettrace {
namespace {

constexpr const char* kWatch = "estiba_trace_1";

const Flow kSent{Ip{false, {10, 0, 0, 2}}, Ip{false, {10, 0, 0, 9}}, Protocol::kTcp, 40000, 80};

const std::vector<os::NftChain> kChains{
    {NFPROTO_IPV4, "filter", "FORWARD", NF_INET_FORWARD, NF_DROP},
    {NFPROTO_IPV4, "filter", "USER", {}, {}},
    {NFPROTO_IPV4, "nat", "PREROUTING", NF_INET_PRE_ROUTING, NF_ACCEPT},
};

os::NftTrace Rule(const char* table, const char* chain, std::int32_t verdict, const Flow* flow = nullptr) {
  os::NftTrace trace;
  trace.family = std::string_view(table) == kWatch ? NFPROTO_INET : NFPROTO_IPV4;
  trace.table = table;
  trace.chain = chain;
  trace.kind = os::NftTraceKind::kRule;
  trace.handle = 4;
  trace.verdict = verdict;
  if (flow != nullptr) {
    const std::string packet = MakePacket(*flow, 1);
    trace.network = packet.substr(0, 20);
    trace.transport = packet.substr(20);
    trace.in = 2;
  }
  return trace;
}
os::NftTrace Policy(const char* table, const char* chain, std::int32_t verdict) {
  os::NftTrace trace = Rule(table, chain, verdict);
  trace.kind = os::NftTraceKind::kPolicy;
  return trace;
}

Stage Read(const std::vector<os::NftTrace>& traces) {
  const Names names{"host", [](std::uint32_t index) { return "link" + std::to_string(index); },
                    [](const os::NftTrace&) { return std::string("tcp dport 80"); }};
  return ReadStage(names, kChains, traces, kSent, kWatch);
}

TEST(Stage, NothingToldIsSilence) {
  const Stage stage = Read({});
  EXPECT_EQ(stage.end, Stage::End::kSilent);
  EXPECT_EQ(stage.mark, "");
  EXPECT_EQ(stage.flow, kSent);
}

TEST(Stage, ADropOfOursAtTheLastHookIsTheWayOut) {
  EXPECT_EQ(Read({Rule(kWatch, "enters", NFT_CONTINUE, &kSent), Rule(kWatch, "leaves", NF_DROP)}).end,
            Stage::End::kLeft);
  EXPECT_EQ(Read({Rule(kWatch, "enters", NFT_CONTINUE, &kSent), Rule(kWatch, "arrives", NF_DROP)}).end,
            Stage::End::kArrived);
}

TEST(Stage, ARuleThatDropsIsNamed) {
  const Stage stage =
      Read({Rule("filter", "FORWARD", NFT_JUMP, &kSent), Rule("filter", "USER", NF_DROP),
            Rule(kWatch, "leaves", NF_DROP)});
  EXPECT_EQ(stage.end, Stage::End::kDropped);
  EXPECT_EQ(stage.dropper.hook, "forward");
  EXPECT_EQ(stage.dropper.Text(), "rule 'tcp dport 80' (handle 4) of chain USER in table ip filter");
}

TEST(Stage, APolicyThatDropsIsNamed) {
  const Stage stage = Read({Policy("filter", "FORWARD", NF_DROP)});
  EXPECT_EQ(stage.end, Stage::End::kDropped);
  EXPECT_EQ(stage.dropper.Text(), "the policy of chain FORWARD in table ip filter");
}

TEST(Stage, AcceptedBySomeIsDroppedByOthers) {
  const Stage stage = Read({Rule("nat", "PREROUTING", NF_ACCEPT, &kSent), Policy("filter", "FORWARD", NF_DROP)});
  EXPECT_EQ(stage.end, Stage::End::kDropped);
}

TEST(Stage, ATranslatedAddressIsAHop) {
  Flow changed = kSent;
  changed.destination.bytes[3] = 77;
  changed.port = 8080;
  const Stage stage =
      Read({Rule("nat", "PREROUTING", NF_ACCEPT, &kSent), Rule(kWatch, "crosses", NFT_CONTINUE, &changed)});
  EXPECT_EQ(stage.flow, changed);
  ASSERT_EQ(stage.hops.size(), 3U);
  EXPECT_EQ(stage.hops[1].step, "nat");
  EXPECT_EQ(stage.hops[1].detail, "the destination becomes 10.0.0.77:8080");
}

TEST(Stage, AQueueIsWhereWeStopKnowing) {
  EXPECT_EQ(Read({Rule("filter", "FORWARD", NF_QUEUE | 3 << 16, &kSent)}).end, Stage::End::kTaken);
}

}  // namespace
}  // namespace estiba::nettrace
