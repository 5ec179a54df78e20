#include "base/timestamp.h"

#include <gtest/gtest.h>

namespace estiba {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

const WallTime kNow{seconds(1'000'000)};

TEST(Timestamp, ADurationIsBackFromNow) {
  EXPECT_EQ(*ParseTimestamp("10s", kNow), kNow - seconds(10));
  EXPECT_EQ(*ParseTimestamp("1h30m", kNow), kNow - seconds(5400));
}

TEST(Timestamp, AUnixTimeKeepsItsFraction) {
  EXPECT_EQ(*ParseTimestamp("1700000000", kNow), WallTime(seconds(1'700'000'000)));
  EXPECT_EQ(*ParseTimestamp("1700000000.000000025", kNow), WallTime(seconds(1'700'000'000) + nanoseconds(25)));
}

TEST(Timestamp, Rfc3339AndItsFirstParts) {
  EXPECT_EQ(*ParseTimestamp("2020-01-01T00:00:00.25Z", kNow),
            WallTime(seconds(1'577'836'800) + nanoseconds(250'000'000)));
  ASSERT_TRUE(ParseTimestamp("2020-01-01", kNow).ok());
  EXPECT_EQ(*ParseTimestamp("2020-01-01T10:00", kNow) - *ParseTimestamp("2020-01-01", kNow), seconds(36'000));
}

TEST(Timestamp, WhatIsNoneIsRefusedByName) {
  for (const char* text : {"yesterday", "", "12:00", "1700000000.x", "1.-5", "99999999999999999999"}) {
    const auto time = ParseTimestamp(text, kNow);
    ASSERT_FALSE(time.ok()) << text;
    EXPECT_NE(time.error().Message().find("'" + std::string(text) + "'"), std::string::npos);
  }
}

}  // namespace
}  // namespace estiba
