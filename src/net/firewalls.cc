#include "net/firewalls.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>  // before what is Linux's own
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>

#include "os/file.h"
#include "os/nft.h"
#include "table.h"

namespace estiba::net {
namespace {

// Names of our bridges begin like this, in the two ways of writing it.
constexpr const char* kNft = "\"est*\"";
constexpr const char* kIptables = "est+";

bool HasChain(const std::vector<os::NftChain>& chains, const char* table, const char* name) {
  return std::ranges::any_of(chains, [&](const os::NftChain& chain) {
    return chain.family == NFPROTO_IPV4 && chain.table == table && chain.name == name;
  });
}

std::string Iptables(const std::string& program, const std::string& chain) {
  const std::string insert = program + " -I " + chain;
  return insert + " -i " + kIptables + " -j ACCEPT; " + insert + " -o " + kIptables + " -j ACCEPT";
}

std::string RemedyFor(const os::NftChain& chain, const std::vector<os::NftChain>& all) {
  const bool iptables = chain.family == NFPROTO_IPV4 && chain.table == "filter" && chain.name == "FORWARD";
  if (chain.table == "firewalld" || (iptables && HasChain(all, "filter", "FORWARD_ZONES")))
    return std::string("firewall-cmd --permanent --zone=trusted --add-interface=") + kIptables +
           "; firewall-cmd --reload";
  if (iptables && HasChain(all, "filter", "ufw-before-forward"))
    return std::string("ufw route allow in on ") + kIptables + "; ufw route allow out on " + kIptables;
  if (iptables) return Iptables("iptables", HasChain(all, "filter", "DOCKER-USER") ? "DOCKER-USER" : "FORWARD");
  const std::string insert = "nft insert rule " + std::string(chain.family == NFPROTO_INET ? "inet " : "ip ") +
                             chain.table + ' ' + chain.name;
  return insert + " iifname " + kNft + " accept; " + insert + " oifname " + kNft + " accept";
}

// The policy of a legacy table's chain is the verdict of its last rule (struct ipt_replace, underflow).
bool LegacyDrops(int socket) {
  ipt_getinfo info{};
  std::strcpy(info.name, "filter");
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size) < 0) return false;
  std::string answer(sizeof(ipt_get_entries) + info.size, '\0');
  ipt_get_entries head{};
  std::strcpy(head.name, "filter");
  head.size = info.size;
  std::memcpy(answer.data(), &head, sizeof head);
  size = static_cast<socklen_t>(answer.size());
  if (::getsockopt(socket, IPPROTO_IP, IPT_SO_GET_ENTRIES, answer.data(), &size) < 0) return false;
  const std::size_t at = offsetof(ipt_get_entries, entrytable) + info.underflow[NF_INET_FORWARD] + sizeof(ipt_entry);
  xt_standard_target policy{};
  if (at + sizeof policy > answer.size()) return false;
  std::memcpy(&policy, answer.data() + at, sizeof policy);
  return policy.verdict == -NF_DROP - 1;
}

}  // namespace

Result<std::vector<ForwardDropper>> ForwardDroppers() {
  os::NetlinkSocket socket = TRY(os::NetlinkSocket::Open(NETLINK_NETFILTER));
  const std::vector<os::NftChain> chains = TRY(os::NftListChains(socket, NFPROTO_UNSPEC));
  std::vector<ForwardDropper> droppers;
  for (const os::NftChain& chain : chains) {
    const bool ours = chain.family == NFPROTO_INET && chain.table == kTable;
    const bool ipv4 = chain.family == NFPROTO_IPV4 || chain.family == NFPROTO_INET;
    if (ours || !ipv4 || chain.hook != NF_INET_FORWARD) continue;
    const bool drops =
        chain.policy == NF_DROP || TRY(os::NftEndsInDrop(socket, chain.family, chain.table, chain.name));
    if (!drops) continue;
    const std::string name = (chain.family == NFPROTO_INET ? "inet " : "ip ") + chain.table + ' ' + chain.name;
    droppers.push_back({name, RemedyFor(chain, chains)});
  }
  // Only where somebody has made it: asking for it would.
  const auto legacy = os::ReadFile("/proc/net/ip_tables_names", 4096);
  if (!legacy.ok() || legacy->find("filter") == std::string::npos) return droppers;
  const os::UniqueFd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (raw.valid() && LegacyDrops(raw.get()))
    droppers.push_back({"iptables-legacy filter FORWARD", Iptables("iptables-legacy", "FORWARD")});
  return droppers;
}

}  // namespace estiba::net
