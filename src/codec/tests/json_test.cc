#include "codec/json.h"

#include "tests/support.h"

namespace estiba::codec {
namespace {

TEST(Json, KeepsTheOrderOfMembersAndTheKindsOfNumbers) {
  ASSERT_OK_AND_ASSIGN(const Json json,
                       ParseJson(R"( {"z":1,"a":18446744073709551615,"m":1.5,"n":-9223372036854775808} )"));
  EXPECT_EQ(json.Dump(), R"({"z":1,"a":18446744073709551615,"m":1.5,"n":-9223372036854775808})");
  EXPECT_EQ(json.Find("z")->kind(), Json::Kind::kInt);
  EXPECT_EQ(json.Find("a")->kind(), Json::Kind::kUint);
  EXPECT_EQ(json.Find("m")->kind(), Json::Kind::kDouble);
  EXPECT_FALSE(json.Find("a")->IfInt().has_value());
}

TEST(Json, DuplicateKeysAreRefusedWhereTheyMatter) {
  JsonLimits limits;
  limits.unique_keys = true;
  EXPECT_TRUE(ParseJson(R"({"a": {"b": 1}, "b": 2})", limits).ok());
  EXPECT_FALSE(ParseJson(R"({"a": 1, "a": 1})", limits).ok());
  EXPECT_FALSE(ParseJson(R"([{"c": {"a": 1, "b": 2, "a": 3}}])", limits).ok());
}

TEST(Json, TheLastOfDuplicateKeysWins) {
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(R"({"a":1,"b":2,"a":3,"c":{"x":1,"x":2}})"));
  EXPECT_EQ(json.Dump(), R"({"a":3,"b":2,"c":{"x":2}})");
}

TEST(Json, RefusesTrailingDataAndCutInput) {
  EXPECT_FALSE(ParseJson("{} {}").ok());
  EXPECT_FALSE(ParseJson("{\"a\":").ok());
  EXPECT_FALSE(ParseJson("").ok());
  EXPECT_FALSE(ParseJson("nope").ok());
  EXPECT_FALSE(ParseJson("[1,]").ok());
  EXPECT_FALSE(ParseJson("{\"a\":1}x").ok());
  EXPECT_TRUE(ParseJson("{} \n").ok());
}

TEST(Json, RefusesInvalidUtf8) {
  EXPECT_FALSE(ParseJson("\"\xff\"").ok());
  EXPECT_FALSE(ParseJson("\"\xc0\xaf\"").ok());
  EXPECT_FALSE(ParseJson("\"\\ud800\"").ok());
}

TEST(Json, LimitsDepthAndSize) {
  const std::string deep(64, '[');
  EXPECT_TRUE(ParseJson(deep + std::string(64, ']')).ok());
  EXPECT_FALSE(ParseJson("[" + deep + std::string(65, ']')).ok());
  const auto large = ParseJson("[1,2,3]", {.depth = 4, .bytes = 3});
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code(), Code::kOutOfRange);
}

TEST(Json, NestedContainersKeepTheirKeys) {
  const std::string text = R"({"a":[{"b":{"c":[]}},[[1]],{}],"d":null,"e":[true,false,"x"]})";
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(text));
  EXPECT_EQ(json.Dump(), text);
}

TEST(Json, DumpEscapesNoHtmlAndRepairsUtf8) {
  EXPECT_EQ(Json("<a>&\"\\\n\x01").Dump(), "\"<a>&\\\"\\\\\\n\\u0001\"");
  EXPECT_EQ(Json(std::string("\xffz")).Dump(), "\"\xEF\xBF\xBDz\"");
  EXPECT_EQ(Json("\xE2\x80\xA8").Dump(), "\"\\u2028\"");
}

TEST(Json, DumpIndentsAsGo) {
  const Json json = Json::MakeObject(
      {{"a", Json(Json::Array{1, "x"})}, {"b", Json::MakeObject()}, {"c", Json::MakeArray()}});
  EXPECT_EQ(json.Dump(4),
            "{\n    \"a\": [\n        1,\n        \"x\"\n    ],\n    \"b\": {},\n    \"c\": []\n}");
}

TEST(Json, AnEscapedStringLongerThanTheParsersBufferIsWhole) {
  std::string text = "\"";
  for (int i = 0; i < 5000; ++i) text += "\\u0041b";
  text += "\"";
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(text));
  ASSERT_EQ(json.IfString()->size(), 10000U);
  EXPECT_EQ(json.IfString()->substr(0, 4), "AbAb");
}

TEST(Json, DoublesAreWrittenAsShortAsTheyReadBack) {
  for (const char* text : {"0.1", "0.3", "2.5", "1e-07", "123456.789", "0.30000000000000004", "1.7976931348623157e+308",
                           "12.34"}) {
    ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(text));
    EXPECT_EQ(json.Dump(), text);
  }
}

TEST(Json, DoublesAreRoundedExactly) {
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson("[184461847474191032304467,0.1,1e308,-2.5E-3]"));
  EXPECT_EQ(json.Dump(), "[1.8446184747419102e+23,0.1,1e+308,-0.0025]");
  EXPECT_FALSE(ParseJson("1e999").ok());
  EXPECT_EQ(ParseJson("-0.000")->Dump(), "0");  // "-0" would come back as another value
}

TEST(Json, SetReplacesAndAppendGrows) {
  Json json;
  json.Set("a", 1);
  json.Set("a", 2U);
  json.Set("list", Json()).Append("x");
  EXPECT_EQ(json.Dump(), R"({"a":2,"list":["x"]})");
  json.Remove("a");
  EXPECT_EQ(json.size(), 1U);
}

}  // namespace
}  // namespace estiba::codec
