#include "sources/policy.h"

#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support.h"

namespace estiba::sources {
namespace {

using Kind = Requirement::Kind;

constexpr const char* kFile = R"({
  "default": [{"type": "reject"}],
  "transports": {
    "docker": {
      "": [{"type": "insecureAcceptAnything"}],
      "docker.io": [{"type": "reject"}],
      "docker.io/library": [{"type": "insecureAcceptAnything"}],
      "docker.io/library/bad": [{"type": "reject"}],
      "docker.io/library/bad:1": [{"type": "insecureAcceptAnything"}],
      "*.example.com": [{"type": "sigstoreSigned", "keyData": "a2V5", "signedIdentity": {"type": "matchRepository"}}],
      "r.example.com/gpg": [{"type": "signedBy", "keyType": "GPGKeys", "keyData": "a2V5"}],
      "r.example.com/x509": [{"type": "signedBy", "keyType": "X509Certificates", "keyPath": "/k"}]
    },
    "docker-archive": {"": [{"type": "insecureAcceptAnything"}]}
  }
})";

Kind KindFor(const Policy& policy, const char* name) {
  return policy.For(oci::ParseReferenceOrLatest(name).value()).front().kind;
}

std::string ErrorOf(std::string_view text) {
  const auto policy = Policy::Parse(text, "policy.json");
  return policy.ok() ? "" : policy.error().Message();
}

TEST(Policy, TheMostSpecificScopeHolds) {
  ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse(kFile, "policy.json"));
  EXPECT_EQ(KindFor(policy, "busybox"), Kind::kAccept);
  EXPECT_EQ(KindFor(policy, "user/app"), Kind::kReject);
  EXPECT_EQ(KindFor(policy, "bad"), Kind::kReject);
  EXPECT_EQ(KindFor(policy, "bad:1"), Kind::kAccept);
  EXPECT_EQ(KindFor(policy, "badly"), Kind::kAccept);  // no part of the name
  EXPECT_EQ(KindFor(policy, "a.b.example.com/x"), Kind::kSigned);
  EXPECT_EQ(KindFor(policy, "example.com/x"), Kind::kAccept);  // the transport's own
  ASSERT_OK_AND_ASSIGN(const Policy bare, Policy::Parse(R"({"default": [{"type": "reject"}]})", "f"));
  EXPECT_EQ(KindFor(bare, "busybox"), Kind::kReject);
}

TEST(Policy, WhatAPullNeeds) {
  ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse(kFile, "policy.json"));
  const auto needs = [&](const char* name) { return SignaturesFor(policy, oci::ParseReferenceOrLatest(name).value()); };
  EXPECT_TRUE(needs("busybox")->empty());
  ASSERT_OK_AND_ASSIGN(const auto keys, needs("q.example.com/app"));
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].keys, std::vector<std::string>{"key"});
  EXPECT_EQ(keys[0].identity.match, oci::SignedIdentity::Match::kRepository);
  EXPECT_EQ(needs("user/app").error().Message(),
            "Source image rejected: Running image docker://user/app:latest is rejected by policy.");
  ASSERT_OK_AND_ASSIGN(const auto keyrings, needs("r.example.com/gpg/x"));
  EXPECT_EQ(keyrings.at(0).form, oci::SignatureForm::kOpenPgp);
  EXPECT_EQ(keyrings.at(0).keys, std::vector<std::string>{"key"});
  EXPECT_EQ(keyrings.at(0).identity.match, oci::SignedIdentity::Match::kRepoDigestOrExact);
  EXPECT_THAT(needs("r.example.com/x509/x").error().Message(),
              ::testing::HasSubstr("signedBy with keyType 'X509Certificates'"));
}

TEST(Policy, AKeyFileIsReadWhenItIsNeeded) {
  const testing::TempDir dir;
  std::ofstream(dir / "key.pub") << "pem";
  const std::string text = R"({"default": [{"type": "sigstoreSigned", "keyPath": ")" + (dir / "key.pub") + "\"}]}";
  ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse(text, "policy.json"));
  ASSERT_OK_AND_ASSIGN(const auto keys, SignaturesFor(policy, oci::ParseReference("a/b").value()));
  EXPECT_EQ(keys.at(0).keys.at(0), "pem");
  ::unlink((dir / "key.pub").c_str());
  EXPECT_THAT(SignaturesFor(policy, oci::ParseReference("a/b").value()).error().Message(),
              ::testing::HasSubstr("key.pub"));
}

TEST(Policy, AllFilesOfKeysCount) {
  const testing::TempDir dir;
  std::ofstream(dir / "a") << "one";
  std::ofstream(dir / "b") << "two";
  const std::string paths = "\"keyPaths\": [\"" + (dir / "a") + "\", \"" + (dir / "b") + "\"]}]}";
  for (const char* kind : {R"("sigstoreSigned", )", R"("signedBy", "keyType": "GPGKeys", )"}) {
    ASSERT_OK_AND_ASSIGN(const Policy policy, Policy::Parse(R"({"default": [{"type": )" + std::string(kind) + paths,
                                                            "policy.json"));
    ASSERT_OK_AND_ASSIGN(const auto keys, SignaturesFor(policy, oci::ParseReference("a/b").value()));
    EXPECT_EQ(keys.at(0).keys, (std::vector<std::string>{"one", "two"})) << kind;
  }
}

TEST(Policy, OneMemberSaysWhichKeysCount) {
  const auto gpg = [](const std::string& members) {
    return ErrorOf(R"({"default": [{"type": "signedBy")" + members + "}]}");
  };
  EXPECT_EQ(gpg(R"(, "keyType": "GPGKeys", "keyPath": "/k")"), "");
  EXPECT_THAT(gpg(R"(, "keyPath": "/k")"), ::testing::HasSubstr("keyType"));
  EXPECT_THAT(gpg(R"(, "keyType": "PGP", "keyPath": "/k")"), ::testing::HasSubstr("'PGP' is no type of keys"));
  EXPECT_THAT(gpg(R"(, "keyType": "GPGKeys")"), ::testing::HasSubstr("needs keyPath, keyPaths or keyData"));
  EXPECT_THAT(gpg(R"(, "keyType": "GPGKeys", "keyPaths": [])"), ::testing::HasSubstr("needs keyPath"));
  EXPECT_THAT(gpg(R"(, "keyType": "GPGKeys", "keyPath": "/k", "keyData": "a2V5")"), ::testing::HasSubstr("only one"));
  EXPECT_THAT(gpg(R"(, "keyType": "GPGKeys", "keyDatas": ["a2V5"])"), ::testing::HasSubstr("needs keyPath"));
  EXPECT_THAT(gpg(R"(, "keyType": "GPGKeys", "keyData": "a2V5", "trust": 1)"), ::testing::HasSubstr("trust"));
  EXPECT_THAT(ErrorOf(R"({"default": [{"type": "sigstoreSigned", "keyDatas": ["a2V5"], "keyPath": "/k"}]})"),
              ::testing::HasSubstr("only one of keyPath, keyPaths, keyData or keyDatas"));
}

TEST(Policy, AnIdentityIsOne) {
  const auto identity = [](const std::string& members) {
    return ErrorOf(R"({"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k", "signedIdentity": {)" +
                   members + "}}]}");
  };
  EXPECT_EQ(identity(R"("type": "exactReference", "dockerReference": "a/b:1")"), "");
  EXPECT_EQ(identity(R"("type": "exactRepository", "dockerRepository": "a/b")"), "");
  EXPECT_EQ(identity(R"("type": "remapIdentity", "prefix": "a", "signedPrefix": "b")"), "");
  EXPECT_THAT(identity(R"("type": "exactReference", "dockerReference": "a/b")"), ::testing::HasSubstr("needs a tag"));
  EXPECT_THAT(identity(R"("type": "exactRepository", "dockerRepository": "a/b:1")"), ::testing::HasSubstr("no tag"));
  EXPECT_THAT(identity(R"("type": "exactRepository", "dockerRepository": "A")"), ::testing::HasSubstr("lowercase"));
  EXPECT_THAT(identity(R"("type": "remapIdentity", "prefix": "a")"), ::testing::HasSubstr("signedPrefix"));
  EXPECT_THAT(identity(R"("type": "matchExact", "prefix": "a")"), ::testing::HasSubstr("prefix"));
}

TEST(Policy, WhatIsNotKnownIsRefused) {
  EXPECT_THAT(ErrorOf("{}"), ::testing::HasSubstr("'default' is missing"));
  EXPECT_THAT(ErrorOf(R"({"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]})"),
              ::testing::HasSubstr("a key twice"));
  EXPECT_THAT(ErrorOf(R"({"default": []})"), ::testing::HasSubstr("at least one requirement"));
  EXPECT_THAT(ErrorOf(R"({"default": [{"type": "accept"}]})"), ::testing::HasSubstr("'accept' is no requirement"));
  EXPECT_THAT(ErrorOf(R"({"default": [{"type": "reject", "x": 1}]})"), ::testing::HasSubstr("default[0].x"));
  EXPECT_THAT(ErrorOf(R"({"defaults": [{"type": "reject"}]})"), ::testing::HasSubstr("'defaults' is not known"));
  EXPECT_THAT(ErrorOf(R"({"default": [{"type": "sigstoreSigned"}]})"), ::testing::HasSubstr("needs keyPath"));
  EXPECT_THAT(ErrorOf(R"({"default": [{"type": "reject"}], "transports": {"docker": {"a": {}}}})"),
              ::testing::HasSubstr("transports.docker.a"));
}

TEST(Policy, WhatCannotBeVerifiedRefusesThePullNotTheFile) {
  ASSERT_OK_AND_ASSIGN(
      const Policy policy,
      Policy::Parse(R"({"default": [{"type": "sigstoreSigned", "keyData": "a2", "rekorPublicKeyPath": "/r"}]})", "f"));
  const auto needs = SignaturesFor(policy, oci::ParseReference("a/b").value());
  ASSERT_FALSE(needs.ok());
  EXPECT_THAT(needs.error().Message(), ::testing::HasSubstr("sigstoreSigned with 'rekorPublicKeyPath'"));
}

TEST(LoadPolicy, TheLastFolderThatHasOneWins) {
  const testing::TempDir dir;
  ASSERT_EQ(::mkdir((dir / "a").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((dir / "b").c_str(), 0755), 0);
  ASSERT_FALSE(LoadPolicy({dir / "a", dir / "b"})->has_value());
  std::ofstream(dir / "a/policy.json") << R"({"default": [{"type": "reject"}]})";
  EXPECT_EQ((*LoadPolicy({dir / "a", dir / "b"}))->file(), dir / "a/policy.json");
  std::ofstream(dir / "b/policy.json") << "{";
  EXPECT_FALSE(LoadPolicy({dir / "a", dir / "b"}).ok());
}

}  // namespace
}  // namespace estiba::sources
