#include "image/transfer.h"

#include "tests/support.h"

namespace estiba::image {
namespace {

TEST(TransferJob, ComesBack) {
  TransferJob job;
  job.kind = JobKind::kSave;
  job.lease = "t1";
  job.user_xattrs = true;
  job.erofs = true;
  job.reference = "localhost:5000/app:1";
  job.known_id = "sha256:k";
  job.platform = {"linux", "arm", "v7", "", {}};
  job.auth.username = "u";
  job.auth.password = "p\"q";
  job.insecure_registries = {"a:1"};
  job.parallel = 2;
  job.images = {{"sha256:x", {"a:1", "b:2"}, {"sha256:y"}}};
  job.form = ArchiveForm::kPlain;
  job.quiet = job.all_platforms = true;
  ASSERT_OK_AND_ASSIGN(const TransferJob back, ParseJob(WriteJob(job)));
  EXPECT_EQ(WriteJob(back), WriteJob(job));
  EXPECT_EQ(back.kind, JobKind::kSave);
  EXPECT_EQ(back.auth.password, "p\"q");
  EXPECT_EQ(back.known_id, "sha256:k");
  EXPECT_EQ(back.images.at(0).names.size(), 2U);
  EXPECT_EQ(back.images.at(0).index_digests, std::vector<std::string>{"sha256:y"});
  EXPECT_EQ(back.form, ArchiveForm::kPlain);
  EXPECT_TRUE(back.quiet && back.all_platforms);
  EXPECT_EQ(back.platform.ToString(), "linux/arm/v7");
}

TEST(TransferJob, TellsHowAPlaceIsReached) {
  TransferJob job;
  job.lease = "t1";
  PullSource& source = job.sources.emplace_back();
  source.host = "m.io";
  source.path = "app";
  source.via = {"https://m.io/base", true, true, true, "CA", "CERT", "KEY", {"x: y"}, "docker.io", 7};
  source.resolves = source.pulls = source.attachments = false;
  source.lookaside = "file:///var/lib/s";
  ASSERT_OK_AND_ASSIGN(const TransferJob back, ParseJob(WriteJob(job)));
  EXPECT_EQ(back.sources.at(0).via, source.via);
  EXPECT_FALSE(back.sources.at(0).resolves || back.sources.at(0).pulls || back.sources.at(0).attachments);
  EXPECT_EQ(back.sources.at(0).lookaside, "file:///var/lib/s");
}

TEST(PullSource, SignaturesMayBeInAFolder) {
  EXPECT_EQ(FolderOfLookaside("file:///var/lib/s"), "/var/lib/s");
  EXPECT_EQ(FolderOfLookaside("https://s.io/file:///x"), "");
}

TEST(TransferJob, KeysAreBytes) {
  TransferJob job;
  job.lease = "t1";
  const std::string keyring("\x99\0\xFF", 3);
  job.signed_by = {{oci::SignatureForm::kOpenPgp, {keyring}, {oci::SignedIdentity::Match::kRemap, "", "a", "b"}},
                   {oci::SignatureForm::kSigstore, {"PEM", "PEM 2"}, {}}};
  ASSERT_OK_AND_ASSIGN(const TransferJob back, ParseJob(WriteJob(job)));
  ASSERT_EQ(back.signed_by.size(), 2U);
  EXPECT_EQ(back.signed_by[0].form, oci::SignatureForm::kOpenPgp);
  EXPECT_EQ(back.signed_by[0].keys, std::vector<std::string>{keyring});
  EXPECT_EQ(back.signed_by[0].identity.match, oci::SignedIdentity::Match::kRemap);
  EXPECT_EQ(back.signed_by[0].identity.signed_prefix, "b");
  EXPECT_EQ(back.signed_by[1].form, oci::SignatureForm::kSigstore);
  EXPECT_EQ(back.signed_by[1].keys, (std::vector<std::string>{"PEM", "PEM 2"}));
}

TEST(TransferJob, OfAPushComesBack) {
  TransferJob job;
  job.kind = JobKind::kPush;
  job.lease = "t1";
  job.pushes = {{"1", "sha256:i", "sha256:m", {"sha256:x"}, true}};
  job.origins = {{"sha256:l", {"base", "library/debian"}}};
  ASSERT_OK_AND_ASSIGN(const TransferJob back, ParseJob(WriteJob(job)));
  EXPECT_EQ(WriteJob(back), WriteJob(job));
  EXPECT_EQ(back.pushes.at(0).index_digests, std::vector<std::string>{"sha256:x"});
  EXPECT_TRUE(back.pushes.at(0).compress);
  EXPECT_EQ(back.origins.at(0).repositories.size(), 2U);
}

TEST(TransferEvent, TellsWhatIsKeptForAnImage) {
  TransferEvent event;
  event.kind = EventKind::kImage;
  event.image.id = event.image.manifest_digest = "sha256:m";
  event.image.artifact_type = "application/x";
  event.image.kept = {"sha256:a", "sha256:b"};
  event.image.index_digest = "sha256:i";
  ASSERT_OK_AND_ASSIGN(const TransferEvent back, ParseEvent(WriteEvent(event)));
  EXPECT_EQ(back.image.artifact_type, "application/x");
  EXPECT_EQ(back.image.kept, event.image.kept);
  EXPECT_EQ(back.image.index_digest, "sha256:i");
}

TEST(TransferEvent, TellsOfAPushedTag) {
  TransferEvent event;
  event.kind = EventKind::kPushed;
  event.pushed = {"1", "sha256:i", "h.io/app@sha256:m", 527};
  ASSERT_OK_AND_ASSIGN(const TransferEvent back, ParseEvent(WriteEvent(event)));
  EXPECT_EQ(back.pushed.image_id, "sha256:i");
  EXPECT_EQ(DockerPushedLine(back),
            "{\"progressDetail\":{},\"aux\":{\"Tag\":\"1\",\"Digest\":\"sha256:m\",\"Size\":527}}\r\n");
}

TEST(TransferJob, RefusesOtherKinds) {
  EXPECT_FALSE(ParseJob(R"({"kind":"format","lease":"a"})").ok());
  EXPECT_FALSE(ParseJob(R"({"kind":"pull"})").ok());
  EXPECT_FALSE(ParseJob("").ok());
}

TEST(TransferEvent, ComesBackOnOneLine) {
  TransferEvent event;
  event.kind = EventKind::kImage;
  event.image.id = "sha256:i";
  event.image.manifest_digest = "sha256:m";
  event.image.names = {"a\nb"};
  event.image.layers = {{"sha256:d", "sha256:f", "sha256:c", 10, 20}};
  event.image.size = 20;
  event.image.up_to_date = true;
  const std::string line = WriteEvent(event);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  ASSERT_OK_AND_ASSIGN(const TransferEvent back, ParseEvent(line));
  EXPECT_EQ(WriteEvent(back), line);
  EXPECT_EQ(back.image.layers.at(0).unpacked_size, 20U);
}

TEST(TransferJob, CarriesWhatIsToBeChecked) {
  TransferJob job;
  job.kind = JobKind::kCheck;
  job.lease = "t1";
  CheckItem& item = job.checks.emplace_back();
  item.blobs = {"sha256:m", "sha256:i"};
  item.layers = {{"sha256:d", "sha256:f", "sha256:c", 10, 20}, {"", "sha256:g", "sha256:e", 0, 0}};
  ASSERT_OK_AND_ASSIGN(const TransferJob back, ParseJob(WriteJob(job)));
  EXPECT_EQ(WriteJob(back), WriteJob(job));
  EXPECT_EQ(back.kind, JobKind::kCheck);
  EXPECT_EQ(back.checks.at(0).layers.at(1).digest, "");
  EXPECT_EQ(back.checks.at(0).blobs.size(), 2U);
}

TEST(TransferEvent, CarriesAFinding) {
  TransferEvent event;
  event.kind = EventKind::kFinding;
  event.id = "sha256:c";
  event.status = "layer";
  event.message = "'/etc' is missing";
  ASSERT_OK_AND_ASSIGN(const TransferEvent back, ParseEvent(WriteEvent(event)));
  EXPECT_EQ(back.kind, EventKind::kFinding);
  EXPECT_EQ(back.id + back.status + back.message, "sha256:clayer'/etc' is missing");
}

TEST(TransferEvent, CarriesAFailure) {
  TransferEvent event;
  event.kind = EventKind::kFailed;
  event.code = Code::kDataLoss;
  event.message = "wrong digest";
  ASSERT_OK_AND_ASSIGN(const TransferEvent back, ParseEvent(WriteEvent(event)));
  EXPECT_EQ(back.code, Code::kDataLoss);
  EXPECT_EQ(back.message, "wrong digest");
}

TransferEvent Progress(std::string id, std::string status, std::uint64_t current = 0, std::uint64_t total = 0) {
  TransferEvent event;
  event.id = std::move(id);
  event.status = std::move(status);
  event.current = current;
  event.total = total;
  return event;
}

TEST(DockerProgressLine, IsWhatDockerSends) {
  EXPECT_EQ(DockerProgressLine(Progress("latest", "Pulling from library/busybox")),
            "{\"status\":\"Pulling from library/busybox\",\"id\":\"latest\"}\r\n");
  EXPECT_EQ(DockerProgressLine(Progress("0123456789ab", "Pulling fs layer")),
            "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"0123456789ab\"}\r\n");
  EXPECT_EQ(DockerProgressLine(Progress("0123456789ab", "Downloading", 1'234'567, 4'000'000)),
            "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1234567,\"total\":4000000},"
            "\"progress\":\"[===============>                                   ]  "
            "1.235MB/4MB\",\"id\":\"0123456789ab\"}\r\n");
  EXPECT_EQ(DockerProgressLine(Progress("", "Digest: sha256:x")), "{\"status\":\"Digest: sha256:x\"}\r\n");
  TransferEvent done;
  done.kind = EventKind::kDone;
  EXPECT_EQ(DockerProgressLine(done), "");
}

TEST(Login, GoesThereAndBack) {
  TransferJob job;
  job.kind = JobKind::kLogin;
  job.lease = "t";
  job.reference = "h.io";
  job.auth.username = "u";
  const auto same = ParseJob(WriteJob(job));
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->kind, JobKind::kLogin);
  EXPECT_EQ(same->auth.username, "u");
  TransferEvent event;
  event.kind = EventKind::kLogin;
  event.identity_token = "tok";
  const auto heard = ParseEvent(WriteEvent(event));
  ASSERT_TRUE(heard.ok());
  EXPECT_EQ(heard->kind, EventKind::kLogin);
  EXPECT_EQ(DockerLoginAnswer(*heard), "{\"IdentityToken\":\"tok\",\"Status\":\"Login Succeeded\"}\n");
}

}  // namespace
}  // namespace estiba::image
