#include "base/result.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace estiba {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Error(Code::kInvalidArgument, "halve " + std::to_string(n));
  return n / 2;
}

Result<int> Quarter(int n) {
  const int half = TRY_CTX(Half(n), "quarter");
  return TRY(Half(half));
}

TEST(Result, TryReturnsTheErrorWithItsContext) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(3).error().ToString(), "quarter: halve 3");
  EXPECT_EQ(Quarter(6).error().ToString(), "halve 3");
}

TEST(Error, ErrnoPicksTheCodeAndEndsInItsText) {
  const Error error = Error::Errno(ENOENT, "open 'x'").Context("load").Hint("make it");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.errnum(), ENOENT);
  EXPECT_EQ(error.ToString(), "load: open 'x': No such file or directory\nhint: make it");
}

TEST(Result, IsSmall) {
  EXPECT_EQ(sizeof(Error), sizeof(void*));
  EXPECT_EQ(sizeof(Status), 2 * sizeof(void*));
}

}  // namespace
}  // namespace estiba
