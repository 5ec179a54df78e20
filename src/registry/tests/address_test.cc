#include "address.h"

#include "tests/support.h"

namespace estiba::registry {
namespace {

std::string Resolved(std::string_view base, std::string_view location) {
  const auto from = ParseAddress(base);
  const auto to = from ? Resolve(*from, location) : std::nullopt;
  return to ? to->Origin() + to->rest : "none";
}

TEST(Address, TakesOnlyWebAddresses) {
  const auto one = ParseAddress("HTTPS://Host.io:443/v2/?a=b#c");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->Origin(), "https://host.io");
  EXPECT_EQ(one->rest, "/v2/?a=b");
  EXPECT_EQ(ParseAddress("http://h")->rest, "/");
  for (const char* bad : {"", "h.io/v2", "ftp://h/", "file:///etc/passwd", "http://", "http://u:p@h/", "http://h\\@x/",
                          "http://h/a b", "http://h/\r\nX: y", "https://h:443:443/", "http://[::1]:1:2/"})
    EXPECT_FALSE(ParseAddress(bad)) << bad;
  EXPECT_EQ(ParseAddress("https://[::1]:443/a")->Origin(), "https://[::1]");
}

TEST(Address, ALocationMayBeOfAnyForm) {
  const char* base = "https://h.io:5000/v2/app/blobs/uploads/?mount=x";
  EXPECT_EQ(Resolved(base, "https://s3.io/up?sig=1"), "https://s3.io/up?sig=1");
  EXPECT_EQ(Resolved(base, "//s3.io/up"), "https://s3.io/up");
  EXPECT_EQ(Resolved(base, "/v2/app/blobs/uploads/1?_state=a"), "https://h.io:5000/v2/app/blobs/uploads/1?_state=a");
  EXPECT_EQ(Resolved(base, "1?_state=http://x"), "https://h.io:5000/v2/app/blobs/uploads/1?_state=http://x");
  EXPECT_EQ(Resolved(base, "?n=2"), "https://h.io:5000/v2/app/blobs/uploads/?n=2");
  EXPECT_EQ(Resolved(base, ""), "none");
  EXPECT_EQ(Resolved(base, "gopher://x/"), "none");
}

TEST(Address, TheNextPageIsTheLinkWithThatRelation) {
  EXPECT_EQ(NextLink(R"(</v2/app/tags/list?last=b&n=2>; rel="next")"), "/v2/app/tags/list?last=b&n=2");
  EXPECT_EQ(NextLink(R"(<https://h/p,1>;rel=prev, <https://h/p,3> ; title="x"; rel=next)"), "https://h/p,3");
  EXPECT_EQ(NextLink(R"(</a>; rel="prev")"), "");
  EXPECT_EQ(NextLink("</a"), "");
  EXPECT_EQ(NextLink(""), "");
}

TEST(Address, AParameterGoesBehindTheOthers) {
  EXPECT_EQ(WithQuery("/up", "digest=x"), "/up?digest=x");
  EXPECT_EQ(WithQuery("/up?_state=1", "digest=x"), "/up?_state=1&digest=x");
}

TEST(Address, ARangeSaysHowMuchARegistryHas) {
  EXPECT_EQ(UploadedBytes("0-1023"), 1024U);
  EXPECT_EQ(UploadedBytes(" bytes=0-9 "), 10U);
  EXPECT_EQ(UploadedBytes("0-0"), 0U);
  for (const char* bad : {"", "0-", "5-9", "0--1", "0-99999999999999999999", "x"})
    EXPECT_FALSE(UploadedBytes(bad)) << bad;
}

}  // namespace
}  // namespace estiba::registry
