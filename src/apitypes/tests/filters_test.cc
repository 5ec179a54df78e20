#include "apitypes/filters.h"

#include "tests/support.h"

namespace estiba::apitypes {
namespace {

TEST(Filters, BothFormsMeanTheSame) {
  for (const std::string text :
       {R"({"label":["a=b","c"]})", R"({"label":{"a=b":true,"c":true,"d":false}})"}) {
    ASSERT_OK_AND_ASSIGN(const Filters filters, Filters::Parse(text));
    EXPECT_EQ(filters.Get("label"), (std::set<std::string>{"a=b", "c"}));
    EXPECT_TRUE(filters.Labels("label", {{"a", "b"}, {"c", "x"}}));
    EXPECT_FALSE(filters.Labels("label", {{"a", "b"}}));
    EXPECT_FALSE(filters.Labels("label", {{"a", "z"}, {"c", ""}}));
  }
}

TEST(Filters, RefusesUnknownKeysByName) {
  ASSERT_OK_AND_ASSIGN(const Filters filters, Filters::Parse(R"({"x":["1"]})"));
  EXPECT_EQ(filters.Allow({"name"}).error().Message(), "invalid filter 'x'");
  EXPECT_TRUE(filters.Allow({"x"}).ok());
}

TEST(Filters, RefusesOtherShapes) {
  EXPECT_FALSE(Filters::Parse("[]").ok());
  EXPECT_FALSE(Filters::Parse(R"({"a":"b"})").ok());
  EXPECT_FALSE(Filters::Parse(R"({"a":[1]})").ok());
  EXPECT_FALSE(Filters::Parse("{").ok());
  EXPECT_TRUE(Filters::Parse("")->empty());
}

TEST(Filters, FlagsAreStrict) {
  EXPECT_TRUE(*Filters::Parse(R"({"dangling":["true"]})")->Flag("dangling", false));
  EXPECT_FALSE(*Filters::Parse("")->Flag("dangling", false));
  EXPECT_FALSE(Filters::Parse(R"({"dangling":["perhaps"]})")->Flag("dangling", false).ok());
}

TEST(ParseFlag, FollowsDocker) {
  for (const char* no : {"", "0", "no", "False", "none"}) EXPECT_FALSE(ParseFlag(no)) << no;
  for (const char* yes : {"1", "true", "yes", "2"}) EXPECT_TRUE(ParseFlag(yes)) << yes;
}

}  // namespace
}  // namespace estiba::apitypes
