#include "names.h"

#include <set>

#include "tests/support.h"

namespace estiba::engine {
namespace {

TEST(Names, AnIdIs64HexadecimalDigitsWithALetterAmongTheFirst) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK_AND_ASSIGN(std::string id, MakeId());
    EXPECT_TRUE(IsFullId(id)) << id;
    EXPECT_NE(id.substr(0, 12).find_first_not_of("0123456789"), std::string::npos);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(Names, AMadeUpNameIsAnAdjectiveAndANounAndValid) {
  std::uint32_t next = 0;
  const auto random = [&] { return next += 7; };
  const std::string name = MakeName([](const std::string&) { return false; }, random);
  EXPECT_NE(name.find('_'), std::string::npos);
  EXPECT_TRUE(CheckName(name, "container").ok());
}

TEST(Names, WhenAllAreTakenANumberIsAppended) {
  int asked = 0;
  const std::string name = MakeName([&](const std::string&) { return ++asked < 7; }, [] { return 5U; });
  EXPECT_TRUE(std::isdigit(static_cast<unsigned char>(name.back()))) << name;
}

TEST(Names, WhatDockerRefusesIsRefused) {
  for (const char* bad : {"", "-ab", "a b", "a/b", "ä", ".ab"}) EXPECT_FALSE(CheckName(bad, "container").ok()) << bad;
  for (const char* good : {"a", "ab", "a.b-c_d", "0x"}) EXPECT_TRUE(CheckName(good, "container").ok()) << good;
}

}  // namespace
}  // namespace estiba::engine
