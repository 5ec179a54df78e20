#include "os/nft_news.h"

#include <cerrno>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

namespace estiba::os {
namespace {

constexpr std::uint16_t kNameOfTable = 1;    // NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_SET_ELEM_LIST_TABLE, …
constexpr std::uint16_t kNameOfProgram = 3;  // NFTA_GEN_PROC_NAME
// NFT_MSG_DESTROYTABLE and the others, from Linux 6.3: delete, and no error when it is not there.
constexpr unsigned kDestroyTable = 26, kDestroyChain = 27, kDestroyRule = 28, kDestroySet = 29, kDestroyElement = 30;

NftNews::Kind KindOf(unsigned message) {
  switch (message) {
    case NFT_MSG_DELTABLE:
    case kDestroyTable: return NftNews::Kind::kTableDeleted;
    case NFT_MSG_DELCHAIN:
    case NFT_MSG_DELRULE:
    case NFT_MSG_DELSET:
    case NFT_MSG_DELSETELEM:
    case kDestroyChain:
    case kDestroyRule:
    case kDestroySet:
    case kDestroyElement: return NftNews::Kind::kPartDeleted;
    case NFT_MSG_NEWGEN: return NftNews::Kind::kCommitted;
    default: return NftNews::Kind::kOther;
  }
}

std::string_view TextAt(std::string_view attributes, std::uint16_t type) {
  const auto found = NetlinkAttributes::Find(attributes, type);
  return found ? found->Text() : std::string_view();
}

}  // namespace

Result<UniqueFd> ListenToNft() {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  if (!socket.valid()) return Error::Errno(errno, "open a netfilter socket");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return Error::Errno(errno, "bind a netfilter socket");
  const int group = NFNLGRP_NFTABLES;
  if (::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
    return Error::Errno(errno, "listen to changes of the rule set");
  return socket;
}

std::optional<NftNews> ParseNftNews(const NetlinkMessage& message) {
  const auto header = message.As<nfgenmsg>();
  if (message.type >> 8 != NFNL_SUBSYS_NFTABLES || !header) return std::nullopt;
  NftNews news;
  news.kind = KindOf(message.type & 0xFFU);
  news.family = header->nfgen_family;
  const std::string_view attributes = message.AttributesAfter(sizeof(nfgenmsg));
  if (news.kind == NftNews::Kind::kCommitted) news.program = TextAt(attributes, kNameOfProgram);
  if (news.kind == NftNews::Kind::kTableDeleted || news.kind == NftNews::Kind::kPartDeleted)
    news.table = TextAt(attributes, kNameOfTable);
  return news;
}

}  // namespace estiba::os
