#include "registry/auth.h"

#include "registry/client.h"
#include "tests/support.h"

namespace estiba::registry {
namespace {

TEST(ParseChallenge, TakesParametersInAnyOrder) {
  const auto bearer = ParseChallenge(
      R"(Bearer scope="repository:a/b:pull,push",realm="https://auth.io/token", service=registry.io)");
  ASSERT_TRUE(bearer.has_value());
  EXPECT_EQ(bearer->scheme, Challenge::Scheme::kBearer);
  EXPECT_EQ(bearer->realm, "https://auth.io/token");
  EXPECT_EQ(bearer->service, "registry.io");
  EXPECT_EQ(bearer->scope, "repository:a/b:pull,push");
  EXPECT_EQ(ParseChallenge(R"(basic realm="a \"b\"")")->realm, "a \"b\"");
  EXPECT_EQ(ParseChallenge("Basic")->scheme, Challenge::Scheme::kBasic);
}

TEST(ParseChallenge, IsCalmAboutNonsense) {
  EXPECT_FALSE(ParseChallenge("Negotiate abc").has_value());
  EXPECT_FALSE(ParseChallenge("").has_value());
  EXPECT_TRUE(ParseChallenge("Bearer realm=\"unfinished").has_value());
  EXPECT_TRUE(ParseChallenge("Bearer ,,,=,\"=").has_value());
}

TEST(IsLoopback, KnowsThisMachine) {
  for (const char* host : {"localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:1", "[::1]:5000"})
    EXPECT_TRUE(IsLoopback(host)) << host;
  for (const char* host :
       {"127.0.0.1.example.com", "localhost.example.com", "10.0.0.1", "[::2]", "127.0.0", "127.a.b.c"})
    EXPECT_FALSE(IsLoopback(host)) << host;
}

}  // namespace
}  // namespace estiba::registry
