#include "base/text.h"

#include <gtest/gtest.h>

namespace estiba {
namespace {

TEST(Split, KeepsEmptyPieces) {
  EXPECT_EQ(Split("a::b", ':'), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(Split("", ':'), std::vector<std::string>{""});
}

TEST(Trim, TakesBlanksOffBothSides) {
  EXPECT_EQ(Trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
}

TEST(Hex, IsLowerCase) { EXPECT_EQ(Hex(std::string_view("\x00\xff\x10", 3)), "00ff10"); }

}  // namespace
}  // namespace estiba
