#pragma once
// What the kernel tells of changes to the rule set of this network namespace (nfnetlink's group NFNLGRP_NFTABLES).

#include <optional>
#include <string_view>

#include "os/netlink.h"

namespace estiba::os {

// A non-blocking socket that is told of every change from now on. Needs CAP_NET_ADMIN when it is made, not to be read.
Result<UniqueFd> ListenToNft();

struct NftNews {
  enum class Kind : unsigned char {
    kOther,
    kTableDeleted,
    kPartDeleted,  // a chain, rule, set or element of the table
    kCommitted,    // the transaction that the messages before were of is in force
  };
  Kind kind = Kind::kOther;
  unsigned char family = 0;      // NFPROTO_…, of the table
  std::string_view table = {};   // of deletions; points into the message
  std::string_view program = {}; // of kCommitted: what the thread that sent it is called (comm)
};
// Nothing when it is no message of nf_tables.
std::optional<NftNews> ParseNftNews(const NetlinkMessage& message);

}  // namespace estiba::os
