#include "dns/forwarder.h"

#include "fake_server.h"
#include "os/inet.h"
#include "packets.h"
#include "tests/support.h"

namespace estiba::dns {
namespace {

using testing::FakeServer;
using testing::Packet;
using Packets = std::vector<std::string>;

// A server's answer to a packet.
std::string Reply(const std::string& packet, const std::string& data, Rcode rcode = Rcode::kNoError, bool cut = false,
                  Transport transport = Transport::kUdp) {
  const Query query = ParseQuery(packet).query;
  AnswerWriter writer(query, rcode, transport);
  if (!data.empty()) writer.Add({Type::kA, data});
  if (cut) writer.Cut();
  return std::move(writer).Finish();
}
FakeServer::Behaviour Says(const std::string& data, Rcode rcode = Rcode::kNoError, bool cut = false) {
  return [=](const std::string& packet) { return Packets{Reply(packet, data, rcode, cut)}; };
}

constexpr std::chrono::milliseconds kSoon{50};

class Forwarding : public ::testing::Test {
 protected:
  // True when it was taken.
  bool Ask(const std::vector<Server>& servers, const std::string& packet = Packet({.name = "example.com"}),
           Transport transport = Transport::kUdp, std::uint64_t owner = 1) {
    const auto done = [this](std::string answer) {
      answers_.push_back(std::move(answer));
      if (answers_.size() == wanted_) loop_.Stop();
    };
    const bool taken = forwarder_.Ask(owner, servers, ParseQuery(packet).query, packet, transport, done);
    if (taken) ++wanted_;
    return taken;
  }
  // Until everything that was asked is over.
  void Run() {
    loop_.After(std::chrono::seconds(30), [this] {
      ADD_FAILURE() << "no end";
      loop_.Stop();
    });
    if (answers_.size() < wanted_) ASSERT_OK(loop_.Run());
  }
  testing::Answer Only() {
    Run();
    EXPECT_EQ(answers_.size(), 1U);
    EXPECT_EQ(forwarder_.under_way(), 0U);
    return testing::Read(answers_.at(0));
  }

  os::Loop loop_ = os::Loop::Create().value();
  Forwarder forwarder_{loop_, {.in_all = 20, .of_each = 16, .patience = kSoon}};
  std::vector<std::string> answers_;
  std::size_t wanted_ = 0;
};

TEST_F(Forwarding, TheAnswerComesBack) {
  FakeServer server(loop_, Says("abcd"));
  ASSERT_TRUE(Ask({server.server()}));
  const testing::Answer answer = Only();
  EXPECT_EQ(answer.question, "example.com");
  ASSERT_EQ(answer.records.size(), 1U);
  EXPECT_EQ(answer.records[0].data, "abcd");
}

TEST_F(Forwarding, ASilentServerIsPassedOver) {
  FakeServer silent(loop_, {});
  FakeServer server(loop_, Says("abcd"));
  ASSERT_TRUE(Ask({silent.server(), server.server()}));
  EXPECT_EQ(Only().records.size(), 1U);
  EXPECT_EQ(silent.datagrams(), 1);
}

TEST_F(Forwarding, ASingleServerIsAskedTwice) {
  int asked = 0;
  FakeServer server(loop_, [&](const std::string& packet) {
    return ++asked == 1 ? Packets{} : Packets{Reply(packet, "abcd")};
  });
  ASSERT_TRUE(Ask({server.server()}));
  EXPECT_EQ(Only().records.size(), 1U);
}

TEST_F(Forwarding, WhereNobodyServesTheNextOneIsAsked) {
  Server nobody;
  {
    FakeServer gone(loop_, {});
    nobody = gone.server();
  }
  FakeServer server(loop_, Says("abcd"));
  ASSERT_TRUE(Ask({nobody, server.server()}));
  EXPECT_EQ(Only().records.size(), 1U);
}

TEST_F(Forwarding, AServerThatCannotIsPassedOver) {
  FakeServer broken(loop_, Says("", Rcode::kServerFailure));
  FakeServer refusing(loop_, Says("", Rcode::kRefused));
  FakeServer server(loop_, Says("", Rcode::kNoName));
  ASSERT_TRUE(Ask({broken.server(), refusing.server(), server.server()}));
  EXPECT_EQ(Only().rcode, 3U);
  EXPECT_EQ(broken.datagrams() + refusing.datagrams(), 2);
}

TEST_F(Forwarding, WhenNoneCanTheLastOneSaysSo) {
  FakeServer broken(loop_, Says("", Rcode::kRefused));
  FakeServer silent(loop_, {});
  ASSERT_TRUE(Ask({broken.server(), silent.server()}));
  EXPECT_EQ(Only().rcode, 5U);
}

TEST_F(Forwarding, NobodyAnswers) {
  FakeServer silent(loop_, {});
  ASSERT_TRUE(Ask({silent.server()}));
  Run();
  EXPECT_EQ(answers_, Packets{""});
  EXPECT_EQ(silent.datagrams(), 2);
}

TEST_F(Forwarding, AnswersToOtherQuestionsAreNotBelieved) {
  FakeServer server(loop_, [](const std::string& packet) {
    std::string wrong_id = Reply(packet, "evil");
    SetId(wrong_id, static_cast<std::uint16_t>(ParseQuery(packet).query.id + 1));
    Query query = ParseQuery(Packet({.name = "example.org"})).query;
    query.id = ParseQuery(packet).query.id;
    const std::string wrong_question = EmptyAnswer(query, Rcode::kNoName, Transport::kUdp);
    return Packets{wrong_id, wrong_question, packet, "x", "", Reply(packet, "good")};
  });
  ASSERT_TRUE(Ask({server.server()}));
  const testing::Answer answer = Only();
  ASSERT_EQ(answer.records.size(), 1U);
  EXPECT_EQ(answer.records[0].data, "good");
  EXPECT_EQ(server.datagrams(), 1);
}

TEST_F(Forwarding, AnswersOfOthersAreNotHeard) {
  const os::UniqueFd other = os::BindInet(SOCK_DGRAM, {std::string("\x7F\0\0\1", 4), 0}).value();
  FakeServer* asked = nullptr;
  FakeServer server(loop_, [&](const std::string& packet) {
    os::SendTo(other.get(), Reply(packet, "evil"), asked->last());
    return Packets{Reply(packet, "good")};
  });
  asked = &server;
  ASSERT_TRUE(Ask({server.server()}));
  EXPECT_EQ(Only().records.at(0).data, "good");
}

TEST_F(Forwarding, NeitherIdsNorPortsRepeat) {
  FakeServer server(loop_, Says("abcd"));
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(Ask({server.server()}));
  Run();
  EXPECT_EQ(server.senders().size(), 16U);
  EXPECT_GT(server.ids().size(), 8U);
}

TEST_F(Forwarding, WhatWasCutIsAskedForByTcp) {
  FakeServer server(loop_, Says("", Rcode::kNoError, /*cut=*/true), Says("whol"));
  ASSERT_TRUE(Ask({server.server()}));
  EXPECT_EQ(Only().records.at(0).data, "whol");
  EXPECT_EQ(server.streams(), 1);
}

TEST_F(Forwarding, WithoutTcpTheCutAnswerHasToDo) {
  FakeServer server(loop_, Says("", Rcode::kNoError, /*cut=*/true));
  ASSERT_TRUE(Ask({server.server()}));
  EXPECT_TRUE(Only().cut);
}

TEST_F(Forwarding, WhoAsksByTcpIsAnsweredByTcp) {
  FakeServer server(loop_, {}, [](const std::string& packet) {
    const Query query = ParseQuery(packet).query;
    AnswerWriter writer(query, Rcode::kNoError, Transport::kTcp);
    for (int i = 0; i < 3000; ++i) writer.Add({Type::kA, "abcd"});  // 48 kB
    return Packets{std::move(writer).Finish()};
  });
  ASSERT_TRUE(Ask({server.server()}, Packet({.name = "example.com"}), Transport::kTcp));
  EXPECT_EQ(Only().records.size(), 3000U);
  EXPECT_EQ(server.datagrams(), 0);
}

TEST_F(Forwarding, AStreamThatLiesIsPassedOver) {
  FakeServer liar(loop_, {}, [](const std::string&) { return Packets{"no answer"}; });
  FakeServer server(loop_, {}, Says("good"));
  ASSERT_TRUE(Ask({liar.server(), server.server()}, Packet({.name = "example.com"}), Transport::kTcp));
  EXPECT_EQ(Only().records.at(0).data, "good");
}

TEST_F(Forwarding, OneOwnerCannotTakeEverything) {
  FakeServer silent(loop_, {});
  const std::string packet = Packet({.name = "example.com"});
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(Ask({silent.server()}));
  EXPECT_FALSE(Ask({silent.server()}));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Ask({silent.server()}, packet, Transport::kUdp, 2));
  EXPECT_FALSE(Ask({silent.server()}, packet, Transport::kUdp, 2));
  forwarder_.Forget(1);
  EXPECT_EQ(forwarder_.under_way(), 4U);
  EXPECT_TRUE(Ask({silent.server()}));
}

TEST_F(Forwarding, WithoutServersNothingIsTaken) { EXPECT_FALSE(Ask({})); }

}  // namespace
}  // namespace estiba::dns
