#include "os/netlink.h"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/nft.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

std::string Attribute(std::uint16_t length, std::uint16_t type, std::string_view bytes) {
  const nlattr head{length, type};
  return std::string(reinterpret_cast<const char*>(&head), sizeof head).append(bytes);
}

std::string Message(std::uint32_t length, std::uint16_t type, std::uint16_t flags, std::string_view payload) {
  nlmsghdr head{};
  head.nlmsg_len = length;
  head.nlmsg_type = type;
  head.nlmsg_flags = flags;
  return std::string(reinterpret_cast<const char*>(&head), sizeof head).append(payload);
}

TEST(NetlinkAttributes, AreWalkedInOrderWithPadding) {
  const std::string bytes = Attribute(5, 1, std::string("a\0\0\0", 4)) + Attribute(8, 2 | NLA_F_NESTED, "wxyz");
  NetlinkAttributes attributes(bytes);
  const auto first = attributes.Next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->bytes, "a");
  const auto second = attributes.Next();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->type, 2);
  EXPECT_FALSE(attributes.Next());
  EXPECT_FALSE(attributes.malformed());
  EXPECT_EQ(NetlinkAttributes::Find(bytes, 2)->bytes, "wxyz");
  EXPECT_FALSE(NetlinkAttributes::Find(bytes, 3));
}

TEST(NetlinkAttributes, ALengthThatDoesNotFitEndsTheWalk) {
  for (const std::string& bad : {Attribute(3, 1, "wxyz"), Attribute(0, 1, "wxyz"), Attribute(9, 1, "wxyz"),
                                 Attribute(65535, 1, ""), std::string("abc")}) {
    NetlinkAttributes attributes(bad);
    EXPECT_FALSE(attributes.Next());
    EXPECT_TRUE(attributes.malformed());
  }
}

TEST(NetlinkMessages, ALengthThatDoesNotFitEndsTheWalk) {
  for (const std::string& bad : {Message(8, 2, 0, ""), Message(17, 2, 0, ""), Message(0xffffffff, 2, 0, "x")}) {
    NetlinkMessages messages(bad);
    EXPECT_FALSE(messages.Next());
    EXPECT_TRUE(messages.malformed());
  }
}

TEST(ParseNetlinkAck, ReadsTheKernelsWords) {
  nlmsgerr error{};
  error.error = -EEXIST;
  const std::string payload = std::string(reinterpret_cast<const char*>(&error), sizeof error) +
                              Attribute(8, NLMSGERR_ATTR_MSG, std::string("why\0", 4));
  const std::string bytes = Message(static_cast<std::uint32_t>(16 + payload.size()), NLMSG_ERROR,
                                    NLM_F_CAPPED | NLM_F_ACK_TLVS, payload);
  const auto ack = ParseNetlinkAck(*NetlinkMessages(bytes).Next());
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->errnum, EEXIST);
  EXPECT_EQ(ack->text, "why");
}

TEST(ParseNetlinkAck, RefusesWhatIsNoErrno) {
  for (const int number : {1, -5000, INT32_MIN}) {
    nlmsgerr error{};
    error.error = number;
    const std::string bytes =
        Message(16 + sizeof error, NLMSG_ERROR, 0, {reinterpret_cast<const char*>(&error), sizeof error});
    EXPECT_FALSE(ParseNetlinkAck(*NetlinkMessages(bytes).Next())) << number;
  }
}

TEST(NetlinkSocket, AnswersAndRefusesInTheKernelsName) {
  ASSERT_OK_AND_ASSIGN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  NetlinkBatch ask;
  ask.Begin(RTM_GETLINK, 0, ifinfomsg{});
  ask.PutString(IFLA_IFNAME, "lo");
  ASSERT_OK_AND_ASSIGN(const auto answers, socket.Ask(ask, "look for lo"));
  ASSERT_EQ(answers.size(), 1U);
  const auto message = NetlinkMessages(answers[0]).Next();
  ASSERT_TRUE(message);
  EXPECT_EQ(NetlinkAttributes::Find(message->AttributesAfter(sizeof(ifinfomsg)), IFLA_IFNAME)->Text(), "lo");

  NetlinkBatch missing;
  missing.Begin(RTM_GETLINK, 0, ifinfomsg{});
  missing.PutString(IFLA_IFNAME, "no-such-link");
  const auto refused = socket.Ask(missing, "look for no-such-link");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().errnum(), ENODEV);
}

TEST(NetlinkSocket, GathersAllPartsOfADump) {
  ASSERT_OK_AND_ASSIGN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  NetlinkBatch dump;
  dump.Begin(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  ASSERT_OK_AND_ASSIGN(const auto links, socket.Ask(dump, "list links"));
  EXPECT_GE(links.size(), 1U);
}

TEST(NetlinkSocket, EachMessageOfABatchHasItsOwnAcknowledgement) {
  ASSERT_OK_AND_ASSIGN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  NetlinkBatch batch;
  for (int i = 0; i < 3; ++i) {
    ifinfomsg nothing{};
    nothing.ifi_index = 0x7ffffff0 + i;
    batch.Begin(RTM_DELLINK, NLM_F_ACK, nothing);
  }
  ASSERT_OK_AND_ASSIGN(const auto acks, socket.Transact(batch));
  ASSERT_EQ(acks.size(), 3U);
  for (const NetlinkAck& ack : acks) EXPECT_TRUE(ack.errnum == ENODEV || ack.errnum == EPERM) << ack.errnum;
}

// In a container's namespace, its root can send us messages.
TEST(NetlinkSocket, TakesAnswersOfTheKernelAlone) {
  REQUIRE(::geteuid() == 0, "root");
  ASSERT_OK_AND_ASSIGN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_ROUTE));
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  ASSERT_EQ(::bind(socket.fd(), reinterpret_cast<sockaddr*>(&own), sizeof own), 0);
  socklen_t length = sizeof own;
  ASSERT_EQ(::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&own), &length), 0);
  ASSERT_OK_AND_ASSIGN(NetlinkSocket forger, NetlinkSocket::Open(NETLINK_ROUTE));
  for (std::uint32_t sequence = 0; sequence < 8; ++sequence) {
    const nlmsgerr no{-EEXIST, {}};
    std::string bytes = Message(sizeof(nlmsghdr) + sizeof no, NLMSG_ERROR, 0,
                                std::string(reinterpret_cast<const char*>(&no), sizeof no));
    std::memcpy(bytes.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
    ASSERT_EQ(::sendto(forger.fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&own), sizeof own),
              static_cast<ssize_t>(bytes.size()));
  }
  NetlinkBatch dump;
  dump.Begin(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  const auto links = socket.Ask(dump, "list links");
  ASSERT_TRUE(links.ok()) << links.error().ToString();
  EXPECT_GE(links->size(), 1U);
}

TEST(ParseNftElements, SkipsWhatHasNoKey) {
  const std::string item = Attribute(4, 1, "");
  const std::string list = Attribute(static_cast<std::uint16_t>(4 + item.size()), 3, item);
  const std::string payload = std::string(4, '\0') + list;
  const std::string bytes = Message(static_cast<std::uint32_t>(16 + payload.size()), 10 << 8 | 12, 0, payload);
  const auto elements = ParseNftElements(*NetlinkMessages(bytes).Next());
  ASSERT_TRUE(elements.ok());
  EXPECT_TRUE(elements.value().empty());
}

}  // namespace
}  // namespace estiba::os
