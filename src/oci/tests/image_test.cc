#include "oci/image.h"

#include <gmock/gmock.h>

#include "tests/support.h"

namespace estiba::oci {
namespace {

const std::string kA = "sha256:" + std::string(64, 'a');
const std::string kB = "sha256:" + std::string(64, 'b');

std::string ManifestText(const std::string& layer_digest) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{)"
         R"("mediaType":"application/vnd.docker.container.image.v1+json","digest":")" +
         kA +
         R"(","size":7},"layers":[{)"
         R"("mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","digest":")" +
         layer_digest + R"(","size":8}]})";
}

TEST(Manifest, ComesBackByteForByte) {
  ASSERT_OK_AND_ASSIGN(const Manifest manifest, ParseManifest(ManifestText(kB)));
  EXPECT_EQ(manifest.config.digest, kA);
  EXPECT_EQ(manifest.layers.at(0).size, 8U);
  EXPECT_EQ(WriteManifest(manifest), ManifestText(kB));
}

Manifest ManifestOf(std::string_view config, std::vector<std::string_view> layers) {
  Manifest out;
  out.config.media_type = config;
  for (const std::string_view type : layers) out.layers.emplace_back().media_type = type;
  return out;
}

TEST(Manifest, IsOfAnArtifactWhenItsConfigIsNoImages) {
  EXPECT_EQ(ArtifactTypeOf(ManifestOf(media::kOciConfig, {})), "");
  EXPECT_EQ(ArtifactTypeOf(ManifestOf(media::kDockerConfig, {})), "");
  EXPECT_EQ(ArtifactTypeOf(ManifestOf("application/vnd.cncf.helm.config.v1+json", {})),
            "application/vnd.cncf.helm.config.v1+json");
  Manifest empty = ManifestOf("application/vnd.oci.empty.v1+json", {});
  empty.artifact_type = "application/x";
  EXPECT_EQ(ArtifactTypeOf(empty), "application/x");
}

TEST(Manifest, IsDescribedInTheOthersTerms) {
  const Manifest docker = ManifestOf(media::kDockerConfig, {media::kDockerLayerGzip, media::kDockerLayer,
                                                            media::kDockerForeignGzip, media::kDockerForeign});
  const Manifest oci = ToOci(docker);
  EXPECT_EQ(oci.media_type, media::kOciManifest);
  EXPECT_EQ(oci.layers.at(2).media_type, media::kOciForeignGzip);
  ASSERT_OK_AND_ASSIGN(const Manifest back, ToDocker(oci));
  EXPECT_EQ(back.media_type, media::kDockerManifest);
  EXPECT_EQ(back.config.media_type, docker.config.media_type);
  for (std::size_t i = 0; i < docker.layers.size(); ++i)
    EXPECT_EQ(back.layers.at(i).media_type, docker.layers.at(i).media_type);
  const auto zstd = ToDocker(ManifestOf(media::kOciConfig, {media::kOciLayerZstd}));
  ASSERT_FALSE(zstd.ok());
  EXPECT_EQ(zstd.error().code(), Code::kNotImplemented);
}

TEST(Manifest, NamesTheFieldThatIsWrong) {
  const auto bad = ParseManifest(ManifestText("sha256:../../x"));
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().Message(),
            "parse image manifest: layers[0].digest: 'sha256:../../x' is not a sha256 digest");
  EXPECT_FALSE(ParseManifest("{}").ok());
  EXPECT_FALSE(ParseManifest("[]").ok());
}

TEST(Manifest, HasAtMostAsManyLayersAsOverlayTakes) {
  std::string text = R"({"config":{"digest":")" + kA + R"("},"layers":[)";
  for (int i = 0; i < 501; ++i) text += (i == 0 ? "" : ",") + (R"({"digest":")" + kB + R"("})");
  EXPECT_EQ(ParseManifest(text + "]}").error().code(), Code::kResourceExhausted);
}

TEST(KindOfDocument, GoesByTheDocumentBeforeItsLabel) {
  EXPECT_EQ(KindOfDocument(ManifestText(kB), "text/plain").value(), DocumentKind::kManifest);
  EXPECT_EQ(KindOfDocument(R"({"manifests":[]})", "").value(), DocumentKind::kIndex);
  EXPECT_EQ(KindOfDocument(R"({"manifests":[]})", media::kDockerManifest).value(), DocumentKind::kIndex);
  EXPECT_EQ(KindOfDocument("{}", media::kOciIndex).value(), DocumentKind::kIndex);
  EXPECT_FALSE(KindOfDocument("{}", "text/html").ok());
}

TEST(KindOfDocument, RefusesSchema1ByName) {
  for (const auto& refused : {KindOfDocument(R"({"schemaVersion":1,"fsLayers":[]})", ""),
                              KindOfDocument("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws")}) {
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), Code::kNotImplemented);
    EXPECT_THAT(refused.error().Message(), ::testing::HasSubstr("schema 1"));
  }
}

Index IndexOf(const std::vector<std::string>& platforms) {
  Index index;
  for (const std::string& text : platforms) {
    Descriptor& one = index.manifests.emplace_back();
    one.digest = text;
    Platform& platform = one.platform.emplace();
    const auto slash = text.find('/');
    const auto second = text.find('/', slash + 1);
    platform.os = text.substr(0, slash);
    platform.architecture = text.substr(slash + 1, second - slash - 1);
    if (second != std::string::npos) platform.variant = text.substr(second + 1);
  }
  return index;
}

std::string Selected(const std::vector<std::string>& platforms, std::string_view wanted) {
  const auto found = SelectManifest(IndexOf(platforms), ParsePlatform(wanted).value());
  return found.ok() ? found->digest : found.error().Message();
}

TEST(SelectManifest, TakesTheBestThatRuns) {
  EXPECT_EQ(Selected({"linux/arm64", "linux/amd64"}, "linux/amd64"), "linux/amd64");
  EXPECT_EQ(Selected({"linux/arm64/v8"}, "aarch64"), "linux/arm64/v8");
  EXPECT_EQ(Selected({"linux/arm/v5", "linux/arm/v6", "linux/arm/v8"}, "linux/arm/v7"), "linux/arm/v6");
  EXPECT_EQ(Selected({"linux/amd64/v3", "linux/amd64"}, "x86_64"), "linux/amd64");
  EXPECT_EQ(Selected({"linux/amd64/v2", "linux/amd64"}, "linux/amd64/v3"), "linux/amd64/v2");
  EXPECT_EQ(Selected({"unknown/unknown", "windows/amd64", "linux/s390x"}, "linux/amd64"),
            "no matching manifest for linux/amd64 in the manifest list entries (there are windows/amd64, linux/s390x)");
}

TEST(ParsePlatform, RefusesOtherText) {
  for (const std::string text : {"", "a/b/c/d", "linux/", "linux/am d64"})
    EXPECT_FALSE(ParsePlatform(text).ok()) << text;
}

TEST(ImageConfig, ReadsWhatContainersNeed) {
  ASSERT_OK_AND_ASSIGN(const ImageConfig config, ParseImageConfig(R"({"architecture":"amd64","os":"linux","config":{
      "User":"app:web","ExposedPorts":{"80/tcp":{},"53/udp":{}},"Env":["A=b"],"Entrypoint":["/e"],"Cmd":["c","d"],
      "Volumes":{"/data":{}},"WorkingDir":"/w","Labels":{"k":"v"},"StopSignal":"SIGQUIT",
      "Healthcheck":{"Test":["CMD","true"],"Interval":5000000000,"Retries":3},"ArgsEscaped":true},
      "rootfs":{"type":"layers","diff_ids":[")" + kA + R"("]},"history":[{"created_by":"ADD","empty_layer":true}]})"));
  EXPECT_EQ(config.config.user, "app:web");
  EXPECT_THAT(config.config.exposed_ports, ::testing::ElementsAre("80/tcp", "53/udp"));
  EXPECT_THAT(config.config.cmd, ::testing::ElementsAre("c", "d"));
  EXPECT_THAT(config.config.volumes, ::testing::ElementsAre("/data"));
  EXPECT_EQ(config.config.labels.at(0).second, "v");
  EXPECT_EQ(config.config.healthcheck->retries, 3);
  EXPECT_THAT(config.diff_ids, ::testing::ElementsAre(kA));
  EXPECT_TRUE(config.history.at(0).empty_layer);
  const std::string text = WriteImageConfig(config);
  EXPECT_EQ(WriteImageConfig(ParseImageConfig(text).value()), text);
}

TEST(ImageConfig, TakesGosNulls) {
  EXPECT_TRUE(ParseImageConfig(R"({"config":{"Env":null,"Cmd":null,"Volumes":null,"Entrypoint":null,"Labels":null,
      "OnBuild":null},"rootfs":{"diff_ids":null},"history":null})").ok());
}

TEST(ImageConfig, RefusesADiffIdThatIsNone) {
  EXPECT_EQ(ParseImageConfig(R"({"rootfs":{"diff_ids":["x"]}})").error().Message(),
            "parse image config: rootfs.diff_ids[0]: 'x' is not a sha256 digest");
}

TEST(Index, KeepsAnnotationsAndUnknownTypes) {
  const std::string text = R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{)"
                           R"("mediaType":"application/x","digest":")" + kA + R"(","size":1,"annotations":{"a":"b"},)"
                           R"("platform":{"architecture":"amd64","os":"linux"}}],"annotations":{"c":"d"}})";
  EXPECT_EQ(WriteIndex(ParseIndex(text).value()), text);
}

}  // namespace
}  // namespace estiba::oci
