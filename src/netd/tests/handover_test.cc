#include "netd/handover.h"

#include "tests/support.h"

namespace estiba::netd {
namespace {

TEST(HandOver, ComesBackAndSkipsWhatLaterVersionsAdd) {
  ASSERT_OK_AND_ASSIGN(const HandOver message, DecodeHandOver(Encode({"0123ab"}) + "news of later\n"));
  EXPECT_EQ(message.id, "0123ab");
  EXPECT_EQ(message.rules_made, 0U);
  ASSERT_OK_AND_ASSIGN(const HandOver watched, DecodeHandOver(Encode({"0123ab", 42})));
  EXPECT_EQ(watched.rules_made, 42U);
  EXPECT_FALSE(DecodeHandOver("estiba-hand-over 1\nid 0123\nrules soon\n").ok());
}

TEST(HandOver, IdsThatLeadElsewhereAreRefused) {
  for (const char* id : {"", "..", "../x", "sock", "AB", "a b"})
    EXPECT_FALSE(DecodeHandOver(Encode({id})).ok()) << id;
  EXPECT_FALSE(DecodeHandOver("estiba-hand-over 2\nid 0123\n").ok());
  EXPECT_FALSE(DecodeHandOver("").ok());
  EXPECT_FALSE(IsEndpointFile(std::string(65, 'a')));
}

TEST(HandOver, AnswersCarryTheReason) {
  EXPECT_TRUE(DecodeAnswer(EncodeAnswer(Ok())).ok());
  const Status told = DecodeAnswer(EncodeAnswer(Error(Code::kInternal, "no room")));
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().Message(), "estiba-netd: no room");
  EXPECT_FALSE(DecodeAnswer("hm").ok());
}

}  // namespace
}  // namespace estiba::netd
