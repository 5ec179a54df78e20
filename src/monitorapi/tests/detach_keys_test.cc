#include "monitorapi/detach_keys.h"

#include <gmock/gmock.h>

#include "tests/support.h"

namespace estiba::monitorapi {
namespace {

std::string Forwarded(DetachMatcher& matcher, std::string_view typed) {
  std::string out;
  EXPECT_FALSE(matcher.Feed(typed, out));
  return out;
}

TEST(DetachKeys, TheDefaultIsCtrlPCtrlQ) {
  ASSERT_OK_AND_ASSIGN(const std::string keys, ParseDetachKeys(""));
  EXPECT_EQ(keys, "\x10\x11");
}

TEST(DetachKeys, TakesLettersAndControlCharacters) {
  ASSERT_OK_AND_ASSIGN(const std::string keys, ParseDetachKeys("a,ctrl-a,ctrl-@,ctrl-[,ctrl-_"));
  EXPECT_EQ(keys, std::string("a\x01\0\x1b\x1f", 5));
}

TEST(DetachKeys, RefusesAnUnknownKey) {
  const auto keys = ParseDetachKeys("ctrl-p,enter");
  ASSERT_FALSE(keys.ok());
  EXPECT_EQ(keys.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(keys.error().Message(), ::testing::HasSubstr("enter"));
}

TEST(DetachMatcher, MatchesAcrossReads) {
  DetachMatcher matcher("\x10\x11");
  EXPECT_EQ(Forwarded(matcher, "ls\x10"), "ls");
  std::string out;
  EXPECT_TRUE(matcher.Feed("\x11rest", out));
  EXPECT_EQ(out, "");
}

TEST(DetachMatcher, BeginsAnewAfterTheKeys) {
  DetachMatcher matcher("ab");
  std::string out;
  EXPECT_TRUE(matcher.Feed("ab", out));
  EXPECT_EQ(Forwarded(matcher, std::string_view("\0a", 2)), std::string_view("\0", 1));
  EXPECT_TRUE(matcher.Feed("b", out));
}

TEST(DetachMatcher, GivesHeldKeysBackWhenTheSequenceBreaks) {
  DetachMatcher matcher("\x10\x11");
  EXPECT_EQ(Forwarded(matcher, "\x10"), "");
  EXPECT_EQ(Forwarded(matcher, "x"), "\x10x");
}

TEST(DetachMatcher, ARepeatedFirstKeyStillBeginsTheSequence) {
  DetachMatcher matcher("\x10\x11");
  EXPECT_EQ(Forwarded(matcher, "\x10\x10"), "\x10");
  std::string out;
  EXPECT_TRUE(matcher.Feed("\x11", out));
}

TEST(DetachMatcher, FindsKeysThatOverlapThemselves) {
  DetachMatcher matcher("aab");
  std::string out;
  EXPECT_TRUE(matcher.Feed("aaab", out));
  EXPECT_EQ(out, "a");
}

}  // namespace
}  // namespace estiba::monitorapi
