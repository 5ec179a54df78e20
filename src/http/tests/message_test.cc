#include "http/message.h"

#include "tests/support.h"

namespace estiba::http {
namespace {

TEST(Headers, NamesCompareWithoutCaseAndTokensAreFoundInLists) {
  Headers headers{{"Connection", "keep-alive, Upgrade"}, {"X", "1"}, {"x", "2"}};
  EXPECT_EQ(headers.Get("connection"), "keep-alive, Upgrade");
  EXPECT_TRUE(headers.HasToken("Connection", "upgrade"));
  EXPECT_FALSE(headers.HasToken("Connection", "grade"));
  headers.Set("X", "3");
  EXPECT_EQ(headers.fields().size(), 2U);
}

TEST(Query, DecodesFormsAndKeepsEmptyValues) {
  const Query query = Query::Parse("a=1&b=x%20y+z&c&d=&a=2&&bad=%zz");
  EXPECT_EQ(query.Get("a"), "1");
  EXPECT_EQ(query.Get("b"), "x y z");
  EXPECT_TRUE(query.Has("c"));
  EXPECT_TRUE(query.Has("d"));
  EXPECT_FALSE(query.Has("bad"));
  EXPECT_EQ(query.GetAll("a"), (std::vector<std::string>{"1", "2"}));
}

TEST(Query, EncodeIsUndoneByParse) {
  Query query;
  query.Add("filters", R"({"label":["a=b&c"]})");
  EXPECT_EQ(Query::Parse(query.Encode()).Get("filters"), R"({"label":["a=b&c"]})");
}

TEST(Percent, RefusesBadEscapesAndNul) {
  EXPECT_FALSE(PercentDecode("%4").ok());
  EXPECT_FALSE(PercentDecode("%00").ok());
  EXPECT_EQ(*PercentDecode("a+%2Fb"), "a+/b");
  EXPECT_EQ(PercentEncode("a/b:c", /*keep_slash=*/true), "a/b%3Ac");
}

}  // namespace
}  // namespace estiba::http
