// What counts as a loss of rules of ours, message by message, and who is told of it when.

#include "rule_watch.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "healer.h"
#include "tests/support.h"

namespace estiba::netd {
namespace {

std::string Message(unsigned type, std::uint8_t family, std::uint16_t attribute, std::string text) {
  text.push_back('\0');
  nlattr head{static_cast<std::uint16_t>(sizeof(nlattr) + text.size()), attribute};
  text.resize((text.size() + 3) & ~std::size_t{3});
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof(nfgenmsg) + sizeof head + text.size());
  header.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
  const nfgenmsg family_header{family, NFNETLINK_V0, 0};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(reinterpret_cast<const char*>(&family_header), sizeof family_header);
  return bytes.append(reinterpret_cast<const char*>(&head), sizeof head).append(text);
}
std::string Deleted(unsigned type, const char* table, std::uint8_t family = NFPROTO_INET) {
  return Message(type, family, 1, table);
}
std::string Committed(const char* program) { return Message(NFT_MSG_NEWGEN, 0, NFTA_GEN_PROC_NAME, program); }

class RuleWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = RuleWatch::Open();
    REQUIRE(opened.ok(), "CAP_NET_ADMIN");
    watch_.emplace(std::move(*opened));
  }
  std::optional<RuleWatch> watch_;
};

TEST_F(RuleWatchTest, ATableOfOursIsALossWhoeverDeletesIt) {
  EXPECT_TRUE(watch_->Read(Deleted(NFT_MSG_DELTABLE, "estiba") + Committed("nft")));
  EXPECT_TRUE(watch_->Read(Deleted(NFT_MSG_DELTABLE, "estiba") + Committed("estiba-monitor")));
  EXPECT_TRUE(watch_->Read(Deleted(/*NFT_MSG_DESTROYTABLE=*/26, "estiba") + Committed("nft")));
}

TEST_F(RuleWatchTest, OurProgramsTakeElementsOfTheirOwn) {
  for (const unsigned type : {NFT_MSG_DELSETELEM, NFT_MSG_DELRULE, NFT_MSG_DELCHAIN, NFT_MSG_DELSET}) {
    EXPECT_TRUE(watch_->Read(Deleted(type, "estiba") + Committed("nft"))) << type;
    EXPECT_FALSE(watch_->Read(Deleted(type, "estiba") + Committed("estiba-monitor"))) << type;
    EXPECT_FALSE(watch_->Read(Deleted(type, "estiba") + Committed("estibad-http"))) << type;
  }
}

TEST_F(RuleWatchTest, TablesOfOthersAreTheirs) {
  EXPECT_FALSE(watch_->Read(Deleted(NFT_MSG_DELTABLE, "filter") + Committed("nft")));
  EXPECT_FALSE(watch_->Read(Deleted(NFT_MSG_DELTABLE, "estiba", NFPROTO_IPV4) + Committed("nft")));
  EXPECT_FALSE(watch_->Read(Deleted(NFT_MSG_NEWTABLE, "estiba") + Committed("nft")));
}

TEST_F(RuleWatchTest, ATransactionMayComeInSeveralDatagrams) {
  EXPECT_FALSE(watch_->Read(Deleted(NFT_MSG_DELTABLE, "estiba")));
  EXPECT_TRUE(watch_->Read(Committed("nft")));
  EXPECT_FALSE(watch_->Read(Committed("nft")));
}

TEST_F(RuleWatchTest, WhatIsCutOffIsSkipped) {
  const std::string whole = Deleted(NFT_MSG_DELTABLE, "estiba") + Committed("nft");
  for (std::size_t size = 0; size < whole.size(); ++size) watch_->Read(whole.substr(0, size));
  EXPECT_TRUE(watch_->Read(whole));
}

class HealerTest : public ::testing::Test {
 protected:
  using Clock = Healer::Clock;
  bool Tell(std::uint64_t monitor) {
    told_.push_back(monitor);
    return true;
  }

  os::Loop loop_ = os::Loop::Create().value();
  Clock::time_point since_ = Clock::now();
  std::vector<std::uint64_t> told_;
  Healer healer_{loop_, since_, [this](std::uint64_t monitor) { return Tell(monitor); }};
};

TEST_F(HealerTest, WhoseRulesAreOlderThanTheWatchIsToldAtOnce) {
  healer_.Add(1, since_ - std::chrono::seconds(1));
  healer_.Add(2, since_ + std::chrono::seconds(1));
  EXPECT_EQ(told_, std::vector<std::uint64_t>({1}));
}

TEST_F(HealerTest, EverybodyIsToldAFewAtATime) {
  constexpr std::uint64_t kMonitors = 100;
  for (std::uint64_t i = 1; i <= kMonitors; ++i) healer_.Add(i, Clock::now() + std::chrono::seconds(1));
  healer_.Lost();
  healer_.Lost();
  std::size_t most = 0;
  std::size_t done = 0;
  std::function<void()> work = [&] {
    most = std::max(most, told_.size() - done);
    if (done < told_.size()) healer_.Done(told_[done++]);
    if (done == kMonitors) return loop_.Stop();
    loop_.After(std::chrono::nanoseconds(0), work);
  };
  work();
  ASSERT_TRUE(loop_.Run().ok());
  EXPECT_EQ(told_.size(), kMonitors);
  EXPECT_LE(most, 8U);
}

TEST_F(HealerTest, WhoHasGoneIsNotTold) {
  for (std::uint64_t i = 1; i <= 10; ++i) healer_.Add(i, since_ - std::chrono::seconds(1));
  const std::size_t before = told_.size();
  ASSERT_LT(before, 10U);
  for (std::uint64_t i = 10; i > before; --i) healer_.Remove(i);
  for (std::uint64_t i = 1; i <= before; ++i) healer_.Done(i);
  EXPECT_EQ(told_.size(), before);
}

}  // namespace
}  // namespace estiba::netd
