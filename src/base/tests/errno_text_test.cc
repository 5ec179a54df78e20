#include "base/errno_text.h"

#include <cstring>

#include <gtest/gtest.h>

namespace estiba {
namespace {

TEST(ErrnoText, IsTheTextOfTheCLibrary) {
  for (int number = -1; number <= 200; ++number) EXPECT_EQ(ErrnoText(number), ::strerror(number)) << number;
}

}  // namespace
}  // namespace estiba
