#include "net/user_network.h"

#include <cerrno>
#include <string>

#include <linux/fib_rules.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include "link.h"
#include "os/nft.h"

namespace estiba::net {
namespace {

constexpr const char* kRelayTable = "estiba_relay";  // of nft
constexpr const char* kAnswers = "prerouting";
constexpr std::uint32_t kAnswerMark = 0x65737402;    // another than what is sent, which is to leave
constexpr std::uint32_t kAnswerRoutes = 101;         // a routing table in which everything is here
constexpr std::int32_t kMangle = -150;               // NF_IP_PRI_MANGLE: connections are known by then
constexpr int kLoopbackIndex = 1;                    // the first link of every network namespace

std::string_view Raw(const std::uint32_t& number) { return {reinterpret_cast<const char*>(&number), sizeof number}; }

void PutAnswerRule(os::NetlinkBatch& batch, std::uint8_t family) {
  fib_rule_hdr rule{};
  rule.family = family;
  rule.action = FR_ACT_TO_TBL;
  batch.Begin(RTM_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, rule);
  batch.PutU32(FRA_FWMARK, kAnswerMark);
  batch.PutU32(FRA_TABLE, kAnswerRoutes);
  batch.PutU32(FRA_PRIORITY, 100);
  rtmsg route{};
  route.rtm_family = family;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_LOCAL;
  batch.Begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, route);
  batch.PutU32(RTA_TABLE, kAnswerRoutes);
  batch.PutU32(RTA_OIF, kLoopbackIndex);
}

Status SetUpLinks() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_ROUTE));
  os::NetlinkBatch batch;
  ifinfomsg up{};
  up.ifi_index = kLoopbackIndex;
  up.ifi_flags = up.ifi_change = IFF_UP;
  batch.Begin(RTM_NEWLINK, NLM_F_ACK, up);
  TRY(Transact(socket, batch, "bring up 'lo'"));
  os::NetlinkBatch four;
  PutAnswerRule(four, AF_INET);
  TRY(Transact(socket, four, "lead answers to relayed connections"));
  // A kernel without IPv6 has nothing to lead.
  os::NetlinkBatch six;
  PutAnswerRule(six, AF_INET6);
  return Transact(socket, six, "lead answers to relayed connections", EAFNOSUPPORT);
}

// It is nobody else's, so nothing is put back.
Status SetUpForwarding() {
  TRY(SetNetSysctl("ipv4/ip_forward", "1", /*optional=*/false));
  TRY(SetNetSysctl("ipv6/conf/all/forwarding", "1", /*optional=*/true));
  // The host's settings may have been inherited, and would take answers for forged.
  TRY(SetNetSysctl("ipv4/conf/all/rp_filter", "0", /*optional=*/false));
  TRY(SetNetSysctl("ipv4/conf/default/rp_filter", "0", /*optional=*/false));
  // A client may use a port again before the connection it had is forgotten here.
  return SetNetSysctl("ipv4/tcp_tw_reuse", "1", /*optional=*/false);
}

}  // namespace

// The mark of what such a socket sends stays with the connection, and marks what comes back.
Status EnsureRelayRules() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  if (TRY(os::NftHasChain(socket, NFPROTO_INET, kRelayTable, kAnswers))) return Ok();
  const os::NftRegister reg{0};
  os::NftBatch batch(NFPROTO_INET);
  batch.AddTable(kRelayTable);
  batch.AddChain(kRelayTable, "output", os::NftHook{"filter", NF_INET_LOCAL_OUT, kMangle});
  batch.AddChain(kRelayTable, kAnswers, os::NftHook{"filter", NF_INET_PRE_ROUTING, kMangle});
  os::NftRule sent;
  sent.Meta(NFT_META_MARK, reg).Equal(reg, Raw(kRelayMark)).Load(reg, Raw(kAnswerMark)).SetCt(NFT_CT_MARK, reg);
  os::NftRule answered;
  answered.Ct(NFT_CT_MARK, reg).Equal(reg, Raw(kAnswerMark)).SetMeta(NFT_META_MARK, reg);
  batch.AddRule(kRelayTable, "output", sent).AddRule(kRelayTable, kAnswers, answered);
  return batch.Commit(socket, "lead answers to relayed connections");
}

Status EnterNewUserNetwork() {
  if (::unshare(CLONE_NEWNET) < 0) return Error::Errno(errno, "make the user's network namespace");
  TRY_CTX(SetUpLinks(), "make the user's network namespace");
  TRY_CTX(SetUpForwarding(), "make the user's network namespace");
  return EnsureRelayRules();
}

}  // namespace estiba::net
