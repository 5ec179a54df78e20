#include "router.h"

#include "tests/support.h"

namespace estiba::api::docker {
namespace {

Status First(Call&) { return Ok(); }
Status Second(Call&) { return Ok(); }

TEST(Router, OneSegmentAndManySegments) {
  Router router;
  router.Add("GET", "/images/json", First);
  router.Add("GET", "/images/{id*}/json", Second);
  EXPECT_EQ(router.Find("GET", "/images/json")->route, First);
  const auto match = router.Find("GET", "/images/host:5000/a/b:1/json");
  ASSERT_TRUE(match.has_value());
  EXPECT_EQ(match->route, Second);
  EXPECT_EQ(match->path.at("id"), "host:5000/a/b:1");
  EXPECT_FALSE(router.Find("POST", "/images/json").has_value());
  EXPECT_FALSE(router.Find("GET", "/images//json").has_value());
  EXPECT_FALSE(router.Find("GET", "/images").has_value());
  EXPECT_FALSE(router.Find("GET", "/images/a/json/more").has_value());
}

TEST(Router, ATrailingSlashIsTheSamePath) {
  Router router;
  router.Add("GET", "/networks", First);
  EXPECT_TRUE(router.Find("GET", "/networks/").has_value());
}

TEST(SplitVersion, TakesTheVersionOff) {
  ASSERT_OK_AND_ASSIGN(const VersionedPath path, SplitVersion("/v1.41/containers/json"));
  EXPECT_EQ(path.path, "/containers/json");
  EXPECT_EQ(path.minor, 41);
  EXPECT_FALSE(SplitVersion("/version")->minor.has_value());
  EXPECT_EQ(SplitVersion("/v1/x")->path, "/v1/x");
}

TEST(SplitVersion, RefusesWithDockersWords) {
  EXPECT_EQ(SplitVersion("/v1.23/info").error().Message(),
            "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your "
            "client to a "
            "newer version");
  EXPECT_EQ(SplitVersion("/v1.99/info").error().Message(),
            "client version 1.99 is too new. Maximum supported API version is 1.52");
}

}  // namespace
}  // namespace estiba::api::docker
