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

TEST(Rfc3339, RefusesOtherText) {
  for (const char* text : {"", "2026-11-22", "2026-11-22T03:04:05", "2026-13-22T03:04:05Z", "2026-11-22T03:04:05.Z"})
    EXPECT_FALSE(ParseRfc3339(text).ok()) << text;
}

}  // namespace
}  // namespace estiba
