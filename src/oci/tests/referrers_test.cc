#include "oci/referrers.h"

#include "codec/json.h"
#include "tests/support.h"

namespace estiba::oci {
namespace {

const std::string kSubject = "sha256:" + std::string(64, 'a');
const std::string kReferrer = "sha256:" + std::string(64, 'b');
const std::string kEmpty = R"("config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":")" + kSubject +
                           R"(","size":2},"layers":[])";

TEST(ReferralOf, IsWhatListsOfReferrersHave) {
  const std::string text = R"({"schemaVersion":2,"artifactType":"a/b",)" + kEmpty +
                           R"(,"subject":{"mediaType":"m/s","digest":")" + kSubject +
                           R"(","size":7},"annotations":{"k":"v"}})";
  const auto found = ReferralOf(text, media::kOciManifest, kReferrer);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->subject.digest, kSubject);
  EXPECT_EQ(found->subject.size, 7U);
  EXPECT_EQ(found->referrer.digest, kReferrer);
  EXPECT_EQ(found->referrer.size, text.size());
  EXPECT_EQ(found->referrer.artifact_type, "a/b");
  EXPECT_EQ(found->referrer.annotations.at("k"), "v");
}

TEST(ReferralOf, TakesTheConfigsTypeForTheArtifacts) {
  const std::string text = "{" + kEmpty + R"(,"subject":{"digest":")" + kSubject + R"("}})";
  const auto found = ReferralOf(text, media::kOciManifest, kReferrer);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->referrer.artifact_type, "application/vnd.oci.empty.v1+json");
}

TEST(ReferralOf, IsNothingForWhatRefersToNothing) {
  for (const std::string& text : {"{" + kEmpty + "}", "{" + kEmpty + R"(,"subject":null})",
                                  "{" + kEmpty + R"(,"subject":{"digest":"sha256:x"}})", std::string("[")})
    EXPECT_FALSE(ReferralOf(text, media::kOciManifest, kReferrer).has_value()) << text;
}

TEST(AddToReferrers, BeginsAListAndKeepsWhatOthersPutIntoOne) {
  Descriptor referrer;
  referrer.media_type = media::kOciManifest;
  referrer.digest = kReferrer;
  referrer.size = 9;
  referrer.artifact_type = "a/b";
  ASSERT_OK_AND_ASSIGN(const std::string begun, AddToReferrers("", referrer));
  EXPECT_EQ(begun, R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)"
                   R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" + kReferrer +
                   R"(","size":9,"artifactType":"a/b"}]})");
  ASSERT_OK_AND_ASSIGN(const std::string again, AddToReferrers(begun, referrer));
  EXPECT_EQ(again, "");
  const std::string others = R"({"schemaVersion":2,"manifests":[{"mediaType":"m","digest":")" + kSubject +
                             R"(","size":1,"data":"e30="}],"annotations":{"x":"y"}})";
  ASSERT_OK_AND_ASSIGN(const std::string more, AddToReferrers(others, referrer));
  EXPECT_TRUE(more.starts_with(others.substr(0, others.find("]"))));
  ASSERT_OK_AND_ASSIGN(const codec::Json json, codec::ParseJson(more));
  EXPECT_EQ(json.Find("manifests")->size(), 2U);
  EXPECT_EQ(json.Find("annotations")->GetString("x"), "y");
}

TEST(AddToReferrers, DoesNotWriteOverWhatIsNoList) {
  EXPECT_FALSE(AddToReferrers("{" + kEmpty + "}", {}).ok());
  EXPECT_FALSE(AddToReferrers("rubbish", {}).ok());
  EXPECT_FALSE(AddToReferrers(R"({"mediaType":"application/vnd.oci.image.index.v1+json"})", {}).ok());
}

TEST(ReferrersTag, IsTheDigestAsATag) { EXPECT_EQ(ReferrersTag(kSubject), "sha256-" + std::string(64, 'a')); }

}  // namespace
}  // namespace estiba::oci
