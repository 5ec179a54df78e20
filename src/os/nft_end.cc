// How many rules chains have, and how they end.

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "os/nft.h"

namespace estiba::os {
namespace {

std::string_view Inner(std::string_view attributes, std::uint16_t type) {
  const auto found = NetlinkAttributes::Find(attributes, type);
  return found ? found->bytes : std::string_view();
}

bool IsDropVerdict(std::string_view data) {
  const std::string_view verdict = Inner(Inner(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
  const auto code = NetlinkAttributes::Find(verdict, NFTA_VERDICT_CODE);
  return code && code->Be32() == NF_DROP;
}

// Expressions that only look, or end it; any other is a condition, or does something else.
bool DropsEverything(std::string_view expressions) {
  bool drops = false;
  NetlinkAttributes list(expressions);
  while (const auto element = list.Next()) {
    const auto name = NetlinkAttributes::Find(element->bytes, NFTA_EXPR_NAME);
    const std::string_view data = Inner(element->bytes, NFTA_EXPR_DATA);
    const std::string_view kind = name ? name->Text() : std::string_view();
    if (kind == "counter" || kind == "log") continue;
    const auto target = NetlinkAttributes::Find(data, NFTA_TARGET_NAME);
    const bool ends = kind == "reject" || (kind == "immediate" && IsDropVerdict(data)) ||
                      (kind == "target" && target && (target->Text() == "REJECT" || target->Text() == "DROP"));
    if (!ends) return false;
    drops = true;
  }
  return drops;
}

}  // namespace

Result<std::map<std::string, std::size_t>> NftCountRules(NetlinkSocket& socket, std::uint8_t family,
                                                         const std::string& table) {
  NetlinkBatch request;
  request.Begin(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP, nfgenmsg{family, NFNETLINK_V0, 0});
  request.PutString(NFTA_RULE_TABLE, table);
  std::map<std::string, std::size_t> counts;
  for (const std::string& bytes : TRY(socket.Ask(request, "list the rules of nft table '" + table + "'"))) {
    const auto message = NetlinkMessages(bytes).Next();
    if (!message) continue;
    const std::string_view attributes = message->AttributesAfter(sizeof(nfgenmsg));
    const auto in_table = NetlinkAttributes::Find(attributes, NFTA_RULE_TABLE);
    const auto in_chain = NetlinkAttributes::Find(attributes, NFTA_RULE_CHAIN);
    if (in_table && in_chain && in_table->Text() == table) ++counts[std::string(in_chain->Text())];
  }
  return counts;
}

Result<bool> NftEndsInDrop(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                           const std::string& chain) {
  NetlinkBatch request;
  request.Begin(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP, nfgenmsg{family, NFNETLINK_V0, 0});
  request.PutString(NFTA_RULE_TABLE, table);
  request.PutString(NFTA_RULE_CHAIN, chain);
  bool drops = false;
  for (const std::string& bytes : TRY(socket.Ask(request, "list the rules of nft chain '" + chain + "'"))) {
    const auto message = NetlinkMessages(bytes).Next();
    if (!message) continue;
    const std::string_view attributes = message->AttributesAfter(sizeof(nfgenmsg));
    const auto in_chain = NetlinkAttributes::Find(attributes, NFTA_RULE_CHAIN);
    if (in_chain && in_chain->Text() == chain) drops = DropsEverything(Inner(attributes, NFTA_RULE_EXPRESSIONS));
  }
  return drops;
}

}  // namespace estiba::os
