#include "uplink/protocol.h"

#include "helper.h"
#include "tests/support.h"

namespace estiba::uplink {
namespace {

TEST(Protocol, ARequestComesAsItWasSent) {
  for (const auto kind : {Request::Kind::kNetwork, Request::Kind::kOffer, Request::Kind::kWayOut, Request::Kind::kPorts,
                          Request::Kind::kTrouble}) {
    const Request sent{kind, "last\n0.0.0.0:8080 172.17.0.2:80 tcp"};
    ASSERT_OK_AND_ASSIGN(const Request came, Decode(Encode(sent)));
    EXPECT_EQ(came.kind, kind);
    EXPECT_EQ(came.text, sent.text);
  }
}

TEST(Protocol, WhatIsNoRequestIsRefused) {
  for (const char* text : {"", "network\n", "estiba-uplink 1\n", "estiba-uplink 1\nnetwork",
                           "estiba-uplink 2\nnetwork\n", "estiba-uplink 1\nnet\n", "estiba-uplink 1\n\n"})
    EXPECT_FALSE(Decode(text).ok()) << text;
}

TEST(Protocol, AnErrorIsToldInItsWords) {
  ASSERT_OK_AND_ASSIGN(const std::string text, DecodeAnswer(EncodeAnswer(Ok(), "pasta")));
  EXPECT_EQ(text, "pasta");
  const auto told = DecodeAnswer(EncodeAnswer(Error(Code::kNotFound, "no room")));
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().Message(), "estiba-uplink: no room");
  EXPECT_FALSE(DecodeAnswer("okay").ok());
}

TEST(LastLine, IsWhatTheProgramSaidLastButForItsLog) {
  EXPECT_EQ(LastLine("one\nNo external routable interface for IPv4\nFailed to send 51 bytes to syslog\n\n"),
            "No external routable interface for IPv4");
  EXPECT_EQ(LastLine(""), "");
}

}  // namespace
}  // namespace estiba::uplink
