#pragma once
// What nf_tables tells of packets that carry the trace mark (`meta nftrace`), and the text of single rules. The message
// is NFT_MSG_TRACE of the group NFNLGRP_NFTRACE (linux/netfilter/nf_tables.h).

#include <cstdint>
#include <string>
#include <vector>

#include "os/netlink.h"

namespace estiba::os {

enum class NftTraceKind : std::uint8_t { kPolicy, kReturn, kRule };

// One step of a packet: a rule that matched, or the end of a chain.
struct NftTrace {
  std::uint8_t family = 0;   // NFPROTO_… of the table
  std::string table, chain;
  NftTraceKind kind = NftTraceKind::kPolicy;
  std::uint64_t handle = 0;  // of the rule
  std::int32_t verdict = 0;  // NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_CONTINUE, …; of a policy, the policy
  std::string target;        // the chain of a jump
  std::uint32_t id = 0;      // the same for all steps of a packet in memory
  // Headers, with the first step in each base chain only; cut by the kernel.
  std::string link, network, transport;
  std::uint32_t in = 0, out = 0;  // links' numbers; with the first step, 0 for none
  std::uint32_t mark = 0;
};
// Nothing for other messages, and for what lacks table or chain.
std::optional<NftTrace> ParseNftTrace(const NetlinkMessage& message);

// A non-blocking socket that hears all traces of the current network namespace. Needs CAP_NET_ADMIN there.
Result<UniqueFd> OpenNftTrace();
// What has been told since; what the kernel dropped for want of room is missing.
Result<std::vector<NftTrace>> ReceiveNftTrace(int socket);

// The message with rule `handle` (NFT_MSG_NEWRULE). kNotFound when it is gone.
Result<std::string> NftGetRule(NetlinkSocket& socket, std::uint8_t family, const std::string& table,
                               const std::string& chain, std::uint64_t handle);

}  // namespace estiba::os
