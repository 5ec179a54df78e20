#include "base/clock.h"

#include <gtest/gtest.h>

namespace estiba {
namespace {

TEST(Rfc3339, RoundTrips) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2026-11-22T03:04:05.123456789Z", "2026-11-22T03:04:05.12Z"})
    EXPECT_EQ(FormatRfc3339(ParseRfc3339(text).value()), text);
}

TEST(Rfc3339, AppliesTheOffset) {
  EXPECT_EQ(FormatRfc3339(ParseRfc3339("2026-11-22T03:04:05+02:30").value()), "2026-11-22T00:34:05Z");
}

TEST(Rfc3339, TimesBeforeTheEpochRoundTrip) {
  for (const char* text : {"1969-12-31T23:59:59.9Z", "1900-02-28T00:00:00Z", "2000-02-29T12:00:00.000000001Z"})
    EXPECT_EQ(FormatRfc3339(ParseRfc3339(text).value()), text);
}

TEST(Rfc3339, WhatNanosecondsCannotCountIsRefused) {
  // The first is Go's zero time, which images made to be reproducible carry.
  for (const char* text :
       {"0001-01-01T00:00:00Z", "1677-01-01T00:00:00Z", "2263-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}) {
    const auto time = ParseRfc3339(text);
    ASSERT_FALSE(time.ok()) << text;
    EXPECT_EQ(time.error().code(), Code::kOutOfRange) << text;
  }
}

TEST(Rfc3339, RefusesOtherText) {
  for (const char* text : {"", "2026-11-22", "2026-11-22T03:04:05", "2026-13-22T03:04:05Z", "2026-11-22T03:04:05.Z",
                           "2026-02-30T03:04:05Z", "2025-02-29T03:04:05Z"})
    EXPECT_FALSE(ParseRfc3339(text).ok()) << text;
}

}  // namespace
}  // namespace estiba
