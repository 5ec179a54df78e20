#pragma once
// A rule of nf_tables as nft(8) would write it. Expressions that we do not know are named in brackets. Pure.

#include <string>
#include <string_view>

#include "os/netlink.h"

namespace estiba::nettrace {

// `message` is NFT_MSG_NEWRULE. "ip saddr 10.0.0.0/8 tcp dport 80 drop".
std::string RuleText(const os::NetlinkMessage& message);

// What a register has been loaded with.
enum class ValueKind : unsigned char { kNumber, kHostNumber, kAddress, kText, kFlags, kBytes };
struct Loaded {
  std::string name;  // "ip saddr", "" for a constant
  ValueKind kind = ValueKind::kBytes;
  unsigned registers = 1;  // of four bytes
  std::string mask{};      // of a "bitwise" since
};
// Expressions that load a register, by name and attributes.
Loaded DescribePayload(std::string_view attributes, unsigned protocol, unsigned family);
Loaded DescribeMeta(std::string_view attributes);
Loaded DescribeCt(std::string_view attributes);
// "tcp", "udp", "sctp", else "th".
std::string TransportName(unsigned protocol);
std::string FormatValue(const Loaded& what, std::string_view bytes);
// iptables' matches and targets (xt) inside of nf_tables.
std::string DescribeXtMatch(std::string_view attributes);

}  // namespace estiba::nettrace
