#include "base/duration.h"

#include <gtest/gtest.h>

namespace estiba {
namespace {

std::int64_t Nanoseconds(std::string_view text) {
  const auto parsed = ParseGoDuration(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.ok() ? parsed->count() : -1;
}

TEST(GoDuration, UnitsAndFractions) {
  EXPECT_EQ(Nanoseconds("0"), 0);
  EXPECT_EQ(Nanoseconds("1h2m3.5s"), 3'723'500'000'000);
  EXPECT_EQ(Nanoseconds("10ms"), 10'000'000);
  EXPECT_EQ(Nanoseconds("-1s"), -1'000'000'000);
  EXPECT_EQ(Nanoseconds("+1s"), 1'000'000'000);
  EXPECT_EQ(Nanoseconds(".5us"), 500);
  EXPECT_EQ(Nanoseconds("5.s"), 5'000'000'000);
  EXPECT_EQ(Nanoseconds("1\u00b5s1\u03bcs"), 2'000);
}

TEST(GoDuration, IsExact) {
  EXPECT_EQ(Nanoseconds("9007199254740993ns"), 9'007'199'254'740'993);  // no double holds it
  EXPECT_EQ(Nanoseconds("2562047h47m16.854775807s"), INT64_MAX);
  EXPECT_EQ(Nanoseconds("-9223372036854775808ns"), INT64_MIN);
  EXPECT_EQ(Nanoseconds("0.3333333333333333333h"), 1'199'999'999'999);  // below a nanosecond is cut off
  EXPECT_EQ(Nanoseconds("0.9999999999999999999999s"), 999'999'999);
  EXPECT_EQ(Nanoseconds("0.000000001s"), 1);
}

TEST(GoDuration, WhatIsNoneIsRefused) {
  for (const char* text : {"", "-", "5", "1x", "s", ".s", ".", "1h-", "1h -2m", " 1s", "1.2.3s", "1e3s",
                           "9223372036854775808ns", "2562048h", "99999999999999999999h", "--1s"})
    EXPECT_FALSE(ParseGoDuration(text).ok()) << text;
  EXPECT_EQ(ParseGoDuration("3 days").error().Message(), "time: invalid duration \"3 days\"");
}

TEST(GoDuration, IsWrittenAsGoWritesIt) {
  for (const char* text : {"0s", "1ns", "1.5\u00b5s", "20ms", "1.001s", "30s", "1m0s", "1m0.5s", "1h0m0s", "100h1m30s",
                           "-2m5s"})
    EXPECT_EQ(FormatGoDuration(*ParseGoDuration(text)), text);
}

}  // namespace
}  // namespace estiba
