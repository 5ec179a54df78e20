#include "sources/registries_d.h"

#include <fstream>

#include <sys/stat.h>

#include "tests/support.h"

namespace estiba::sources {
namespace {

constexpr const char* kFile = R"(default-docker:
  lookaside: file:///var/lib/here/
  lookaside-staging: file:///srv/staging
docker:
  r.example.com:
    lookaside: https://s.example.com
    use-sigstore-attachments: false
  r.example.com/team:
    sigstore: http://older.example.com/x
  r.example.com/team/app:1:
    lookaside: https://one.example.com
    sigstore: https://older.example.com
    use-sigstore-attachments: true
  "*.corp.example.com":
    lookaside: https://corp.example.com
  empty.example.com:
)";

oci::Reference Named(const char* name) { return oci::ParseReferenceOrLatest(name).value(); }

std::string ErrorOf(std::string_view text) {
  RegistriesD out;
  const Status added = out.Add(text, "f.yaml");
  return added.ok() ? "" : added.error().Message();
}

TEST(RegistriesD, TheMostSpecificScopeThatSaysSoHolds) {
  RegistriesD all;
  ASSERT_OK(all.Add(kFile, "f.yaml"));
  EXPECT_EQ(all.LookasideOf(Named("r.example.com/x")), "https://s.example.com");
  EXPECT_EQ(all.LookasideOf(Named("r.example.com/team/app:2")), "http://older.example.com/x");
  EXPECT_EQ(all.LookasideOf(Named("r.example.com/team/app:1")), "https://one.example.com");
  EXPECT_EQ(all.LookasideOf(Named("a.corp.example.com/x")), "https://corp.example.com");
  EXPECT_EQ(all.LookasideOf(Named("busybox")), "file:///var/lib/here");
  EXPECT_EQ(all.LookasideOf(Named("empty.example.com/x")), "file:///var/lib/here");
  EXPECT_EQ(all.UsesAttachments(Named("r.example.com/team/app:1")), true);
  EXPECT_EQ(all.UsesAttachments(Named("r.example.com/team/app:2")), false);  // of the host: the folder says nothing
  EXPECT_EQ(all.UsesAttachments(Named("busybox")), std::nullopt);
}

TEST(RegistriesD, WhatIsNotUnderstoodIsRefused) {
  EXPECT_EQ(ErrorOf(""), "");
  EXPECT_THAT(ErrorOf("dockers:\n  a: b\n"), ::testing::HasSubstr("read 'f.yaml': line 2: 'dockers' is not known"));
  EXPECT_THAT(ErrorOf("docker: [a]\n"), ::testing::HasSubstr("has to be a mapping, not a sequence"));
  EXPECT_THAT(ErrorOf("docker:\n  a:\n    look: b\n"), ::testing::HasSubstr("line 3: 'look' is not known"));
  EXPECT_THAT(ErrorOf("docker:\n  a:\n    use-sigstore-attachments: perhaps\n"),
              ::testing::HasSubstr("has to be true or false"));
  EXPECT_THAT(ErrorOf("docker: {a: {}}\ndocker: {b: {}}\n"), ::testing::HasSubstr("comes twice"));
  for (const char* url : {"ftp://a/b", "file://host/a", "file:a", "https://", "https://a/?b", "file:///a%20b",
                          "https://user:secret@a/b", "file:///", "/a", "[a]"})
    EXPECT_THAT(ErrorOf("default-docker: {lookaside: " + std::string(url) + "}\n"),
                ::testing::HasSubstr("line 1: 'lookaside' ")) << url;
}

TEST(RegistriesD, NothingIsSaidTwice) {
  RegistriesD all;
  ASSERT_OK(all.Add("default-docker: {}\ndocker: {a: {}}\n", "one.yaml"));
  EXPECT_THAT(all.Add("default-docker: {}\n", "two.yaml").error().Message(),
              ::testing::HasSubstr("'default-docker' is in 'one.yaml' already"));
  EXPECT_THAT(all.Add("docker: {a: {}}\n", "two.yaml").error().Message(),
              ::testing::HasSubstr("'a' is in 'one.yaml' already"));
  ASSERT_OK(all.Add("docker: {b: {}}\n", "two.yaml"));
}

TEST(LoadRegistriesD, TheLastFolderThatHasOneWins) {
  const testing::TempDir dir;
  const auto write = [&](const std::string& folder, const char* name, const char* text) {
    ::mkdir((dir / folder.c_str()).c_str(), 0755);
    ::mkdir((dir / (folder + "/registries.d").c_str()).c_str(), 0755);
    std::ofstream(dir / (folder + "/registries.d/" + name).c_str()) << text;
  };
  const auto place = [&] {
    const auto loaded = LoadRegistriesD({dir / "a", dir / "b"});
    return loaded.ok() ? loaded->LookasideOf(Named("busybox")) : loaded.error().Message();
  };
  EXPECT_EQ(place(), "");
  write("a", "x.yaml", "default-docker: {lookaside: 'https://a'}");
  write("a", "y.conf", "[");
  EXPECT_EQ(place(), "https://a");
  write("b", "x.yaml", "docker: {docker.io: {lookaside: 'https://b'}}");
  EXPECT_EQ(place(), "https://b");
  write("b", "y.yaml", "[");
  EXPECT_THAT(place(), ::testing::HasSubstr("b/registries.d/y.yaml"));
}

}  // namespace
}  // namespace estiba::sources
