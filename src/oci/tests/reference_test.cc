#include "oci/reference.h"

#include "tests/support.h"

namespace estiba::oci {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

struct Case {
  std::string text;
  std::string full;
  std::string familiar;
};

TEST(ParseReference, NormalisesAsDockerDoes) {
  const std::vector<Case> cases{
      {"busybox", "docker.io/library/busybox", "busybox"},
      {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
      {"estiba/busybox", "docker.io/estiba/busybox", "estiba/busybox"},
      {"docker.io/busybox", "docker.io/library/busybox", "busybox"},
      {"index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"},
      {"localhost/app", "localhost/app", "localhost/app"},
      {"localhost:5000/app:v1.0", "localhost:5000/app:v1.0", "localhost:5000/app:v1.0"},
      {"127.0.0.1:5000/a/b-c__d/e.f", "127.0.0.1:5000/a/b-c__d/e.f", "127.0.0.1:5000/a/b-c__d/e.f"},
      {"[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"},
      {"Registry/app", "Registry/app", "Registry/app"},
      {"app@" + kDigest, "docker.io/library/app@" + kDigest, "app@" + kDigest},
      {"h.io/app:t@" + kDigest, "h.io/app:t@" + kDigest, "h.io/app:t@" + kDigest},
      {"docker.io/localhost/x", "docker.io/localhost/x", "docker.io/localhost/x"},
      {"docker.io/a.b/x", "docker.io/a.b/x", "docker.io/a.b/x"},
      {"library/busybox/x", "docker.io/library/busybox/x", "library/busybox/x"},
  };
  for (const Case& one : cases) {
    ASSERT_OK_AND_ASSIGN(const Reference reference, ParseReference(one.text));
    EXPECT_EQ(reference.ToString(), one.full);
    EXPECT_EQ(reference.Familiar(), one.familiar);
    EXPECT_EQ(ParseReference(reference.Familiar()).value(), reference);
  }
}

TEST(ParseReference, RefusesWhatDockerRefuses) {
  for (const std::string text :
       {"",   ":tag", "a//b",          "-a",  "a-",    "a..b",       "a___b",    "a:", "a:-x",  "a@sha256:12",
        "/a", "a/",   "host:port/app", "a b", "a:t:u", "http://a/b", "[::1/app", "_a", "a@b@c", "h.io/"})
    EXPECT_EQ(ParseReference(text).error().Message(), "invalid reference format") << text;
  EXPECT_EQ(ParseReference("Busybox").error().Message(),
            "invalid reference format: repository name (Busybox) must be lowercase");
  EXPECT_FALSE(ParseReference(std::string(64, 'a')).ok());
  EXPECT_FALSE(ParseReference("h.io/" + std::string(255, 'a')).ok());
  EXPECT_FALSE(ParseReference("a:" + std::string(129, 'a')).ok());
}

TEST(ParseReference, AddsLatestOnlyWhenAsked) {
  EXPECT_EQ(ParseReference("a")->tag, "");
  EXPECT_EQ(ParseReferenceOrLatest("a")->tag, "latest");
  EXPECT_EQ(ParseReferenceOrLatest("a@" + kDigest)->tag, "");
}

TEST(RegistryHost, IsWhatRemainsOfAnAddress) {
  for (const char* hub : {"", "docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"})
    EXPECT_EQ(RegistryHost(hub).value(), "docker.io") << hub;
  EXPECT_EQ(RegistryHost("http://h:5000/v2/x").value(), "h:5000");
  EXPECT_EQ(RegistryHost("myhost").value(), "myhost");
  for (const char* bad : {"https://", "/", "a b", "h:99999", "u@h.io", "h.io\n", "ftp://h.io"})
    EXPECT_FALSE(RegistryHost(bad).ok()) << bad;
}

TEST(Digest, IsSha256InLowerCase) {
  EXPECT_EQ(DigestHex(kDigest).value(), std::string(64, 'a'));
  EXPECT_FALSE(DigestHex("sha256:" + std::string(64, 'A')).ok());
  EXPECT_FALSE(DigestHex("sha256:../../etc/passwd").ok());
  EXPECT_EQ(DigestHex("sha512:" + std::string(128, 'a')).error().code(), Code::kNotImplemented);
}

TEST(LooksLikeId, TakesShortOnes) {
  EXPECT_TRUE(LooksLikeId("abcd"));
  EXPECT_TRUE(LooksLikeId(kDigest));
  EXPECT_FALSE(LooksLikeId("abc"));
  EXPECT_FALSE(LooksLikeId("busybox"));
}

}  // namespace
}  // namespace estiba::oci
