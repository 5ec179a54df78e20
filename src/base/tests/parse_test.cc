#include "base/parse.h"

#include <gtest/gtest.h>

namespace estiba {
namespace {

TEST(ParseUint, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(ParseUint("0").value(), 0U);
  EXPECT_EQ(ParseUint("18446744073709551615").value(), UINT64_MAX);
  for (const char* bad : {"", "-1", "+1", " 1", "1 ", "0x10", "1e3", "one"})
    EXPECT_EQ(ParseUint(bad).error().code(), Code::kInvalidArgument) << bad;
}

// A uid above 2^32 must never wrap to root (CVE-2024-40635).
TEST(ParseUint, RefusesWhatDoesNotFit) {
  EXPECT_EQ(ParseUint("4294967296", UINT32_MAX).error().code(), Code::kOutOfRange);
  EXPECT_EQ(ParseUint("18446744073709551616").error().code(), Code::kOutOfRange);
}

TEST(ParseInt, TakesAMinus) {
  EXPECT_EQ(ParseInt("-1").value(), -1);
  EXPECT_EQ(ParseInt("-2", -1).error().code(), Code::kOutOfRange);
  EXPECT_FALSE(ParseInt("--1").ok());
}

TEST(ParseMode, IsOctal) {
  EXPECT_EQ(ParseMode("1777").value(), 01777U);
  EXPECT_FALSE(ParseMode("888").ok());
  EXPECT_FALSE(ParseMode("10000").ok());
}

}  // namespace
}  // namespace estiba
