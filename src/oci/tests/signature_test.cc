#include "oci/signature.h"

#include "tests/support.h"

namespace estiba::oci {
namespace {

using Form = SignatureForm;
using Match = SignedIdentity::Match;

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string Payload(const std::string& type, const std::string& optional = "{}", const std::string& more = "") {
  return R"({"critical": {"type": ")" + type + R"(", "image": {"docker-manifest-digest": ")" + kDigest +
         R"("}, "identity": {"docker-reference": "r.io/a:1"}}, "optional": )" + optional + more + "}";
}

std::string ErrorOf(const std::string& json, Form form = Form::kOpenPgp) {
  const auto parsed = ParseSimpleSigning(json, form);
  return parsed.ok() ? "" : parsed.error().Message();
}

constexpr const char* kAtomic = "atomic container signature";
constexpr const char* kCosign = "cosign container image signature";

TEST(SimpleSigning, EachFormHasItsType) {
  ASSERT_OK_AND_ASSIGN(const SimpleSigning signed_by_key, ParseSimpleSigning(Payload(kAtomic), Form::kOpenPgp));
  EXPECT_EQ(signed_by_key.docker_reference, "r.io/a:1");
  EXPECT_EQ(signed_by_key.manifest_digest, kDigest);
  EXPECT_EQ(ErrorOf(Payload(kCosign, "null"), Form::kSigstore), "");
  EXPECT_THAT(ErrorOf(Payload(kCosign)), ::testing::HasSubstr("unknown type 'cosign"));
  EXPECT_THAT(ErrorOf(Payload(kAtomic), Form::kSigstore), ::testing::HasSubstr("unknown type 'atomic"));
}

TEST(SimpleSigning, WhatIsCriticalIsUnderstoodOrRefused) {
  EXPECT_THAT(ErrorOf(Payload(kAtomic, "{}", R"(, "more": 1)")), ::testing::HasSubstr("more: is not known"));
  for (const char* inside : {R"("critical": {)", R"("image": {)", R"("identity": {)"}) {
    std::string json = Payload(kAtomic);
    json.insert(json.find(inside) + std::string_view(inside).size(), R"("more": 1, )");
    EXPECT_THAT(ErrorOf(json), ::testing::HasSubstr("more: is not known")) << inside;
  }
  for (const char* inside : {R"("critical": {)", R"("image": {)", R"("identity": {)", "{"}) {
    std::string json = Payload(kAtomic);
    json.insert(json.find(inside) + std::string_view(inside).size(), R"("more": null, )");
    EXPECT_THAT(ErrorOf(json), ::testing::HasSubstr("more: is null")) << inside;
  }
  std::string twice = Payload(kAtomic);
  twice.insert(twice.find(R"("docker-reference")"), R"("docker-reference": "r.io/b:1", )");
  EXPECT_THAT(ErrorOf(twice), ::testing::HasSubstr("a key twice"));
  EXPECT_NE(ErrorOf("[]"), "");
  EXPECT_NE(ErrorOf(Payload(kAtomic) + "{}"), "");
}

TEST(SimpleSigning, WhatIsOptionalIsRight) {
  EXPECT_EQ(ErrorOf(Payload(kAtomic, R"({"creator": "x 1", "timestamp": 1483228800, "other": []})")), "");
  EXPECT_NE(ErrorOf(Payload(kAtomic, R"({"creator": 1})")), "");
  EXPECT_NE(ErrorOf(Payload(kAtomic, R"({"timestamp": "now"})")), "");
  EXPECT_NE(ErrorOf(Payload(kAtomic, "[]")), "");
  EXPECT_THAT(ErrorOf(Payload(kAtomic, "null")), ::testing::HasSubstr("optional: is missing"));
}

bool Counts(const SignedIdentity& identity, const char* wanted, const char* by) {
  return Accepts(identity, ParseReference(wanted).value(), by);
}

TEST(SignedIdentity, SaysWhomASignatureNames) {
  const std::string by_digest = "r.io/a@" + kDigest;
  EXPECT_TRUE(Counts({}, "r.io/a:1", "r.io/a:1"));
  EXPECT_FALSE(Counts({}, "r.io/a:1", "r.io/a:2"));
  EXPECT_FALSE(Counts({}, "r.io/a:1", "r.io/a"));
  EXPECT_TRUE(Counts({}, by_digest.c_str(), "r.io/a:2"));
  EXPECT_FALSE(Counts({}, by_digest.c_str(), "r.io/b:2"));
  EXPECT_TRUE(Counts({}, "busybox:1", "docker.io/library/busybox:1"));
  SignedIdentity identity;
  identity.match = Match::kExact;
  EXPECT_FALSE(Counts(identity, by_digest.c_str(), "r.io/a:2"));
  identity.match = Match::kRepository;
  EXPECT_TRUE(Counts(identity, "r.io/a:1", "r.io/a:2"));
  EXPECT_FALSE(Counts(identity, "r.io/a:1", "r.io/a/b:1"));
  identity = {Match::kExactReference, "r.io/x:1", "", ""};
  EXPECT_TRUE(Counts(identity, "r.io/a:1", "r.io/x:1"));
  EXPECT_FALSE(Counts(identity, "r.io/x:1", "r.io/x:2"));
  identity = {Match::kExactRepository, "r.io/x", "", ""};
  EXPECT_TRUE(Counts(identity, "r.io/a:1", "r.io/x:2"));
  EXPECT_FALSE(Counts(identity, "r.io/a:1", "r.io/a:1"));
}

TEST(SignedIdentity, APrefixIsReplacedWhereItIsWhole) {
  const SignedIdentity remap{Match::kRemap, "", "mirror:5000/v", "vendor.io/w"};
  EXPECT_TRUE(Counts(remap, "mirror:5000/v/app:1", "vendor.io/w/app:1"));
  EXPECT_FALSE(Counts(remap, "mirror:5000/v/app:1", "mirror:5000/v/app:1"));
  EXPECT_FALSE(Counts(remap, "mirror:5000/v/app:1", "vendor.io/w/app:2"));
  EXPECT_FALSE(Counts(remap, "mirror:5000/vx/app:1", "vendor.io/wx/app:1"));
  EXPECT_TRUE(Counts(remap, "mirror:5000/vx/app:1", "mirror:5000/vx/app:1"));  // nothing is replaced
  const SignedIdentity broken{Match::kRemap, "", "mirror:5000/v", "Vendor"};
  EXPECT_FALSE(Counts(broken, "mirror:5000/v/app:1", "mirror:5000/v/app:1"));
}

}  // namespace
}  // namespace estiba::oci
