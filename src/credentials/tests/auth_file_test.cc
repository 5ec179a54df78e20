#include "credentials/auth_file.h"

#include "tests/support.h"

namespace estiba::credentials {
namespace {

std::string UserOf(const std::string& text, const std::string& repository) {
  const auto file = AuthFile::Parse(text);
  if (!file.ok()) return "unreadable";
  const auto found = file->Find(repository);
  if (!found.ok()) return "error";
  return *found ? (*found)->username : "nobody";
}

TEST(AuthFile, FindsByHostInTheFormsThatClientsWrite) {
  // "user:secret"
  const std::string text = R"({"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpzZWNyZXQ="},
      "h.io:5000":{"username":"u","password":"p"},"https://old.io/v2/":{"username":"old"},"empty.io":{}}})";
  EXPECT_EQ(UserOf(text, "docker.io/library/app"), "user");
  EXPECT_EQ(UserOf(text, "h.io:5000/app"), "u");
  EXPECT_EQ(UserOf(text, "h.io:5000"), "u");
  EXPECT_EQ(UserOf(text, "old.io/app"), "old");
  EXPECT_EQ(UserOf(text, "h.io/app"), "nobody");
  EXPECT_EQ(UserOf(text, "empty.io/app"), "nobody");
  EXPECT_EQ(UserOf("{}", "h.io/app"), "nobody");
  EXPECT_EQ(UserOf("", "h.io/app"), "nobody");
  EXPECT_EQ(UserOf(R"({"auths":{"":{"username":"x"}}})", "docker.io/library/app"), "nobody");
}

TEST(AuthFile, TheMoreSpecificKeyWins) {
  const std::string text = R"({"auths":{"q.io":{"username":"all"},"q.io/team":{"username":"team"},
      "q.io/team/app":{"username":"app"}}})";
  EXPECT_EQ(UserOf(text, "q.io/team/app"), "app");
  EXPECT_EQ(UserOf(text, "q.io/team/other"), "team");
  EXPECT_EQ(UserOf(text, "q.io/team/app/deep"), "app");
  EXPECT_EQ(UserOf(text, "q.io/tea/app"), "all");
  // A part of a registry is not the registry.
  EXPECT_EQ(UserOf(R"({"auths":{"q.io/team":{"username":"team"}}})", "q.io/app"), "nobody");
}

TEST(AuthFile, RefusesWhatItCannotRead) {
  EXPECT_FALSE(AuthFile::Parse("not json").ok());
  EXPECT_FALSE(AuthFile::Parse("[]").ok());
  EXPECT_FALSE(AuthFile::Parse(R"({"auths":[]})").ok());
  EXPECT_EQ(UserOf(R"({"auths":{"h.io":{"auth":"!!"}}})", "h.io"), "error");
  EXPECT_EQ(UserOf(R"({"auths":{"h.io":{"auth":"dXNlcg=="}}})", "h.io"), "error");  // "user": no colon
}

TEST(AuthFile, AHelperOfTheHostGoesBeforeTheStoreOfAll) {
  const auto file = AuthFile::Parse(R"({"credsStore":"all","credHelpers":{"h.io":"own","https://index.docker.io/v1/":"hub"}})");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->HelperOf("h.io"), "own");
  EXPECT_EQ(file->HelperOf("docker.io"), "hub");
  EXPECT_EQ(file->HelperOf("x.io"), "all");
  EXPECT_EQ(AuthFile().HelperOf("x.io"), "");
}

TEST(AuthFile, ChangesKeepWhatTheyDoNotConcern) {
  auto file = AuthFile::Parse(
      R"({"proxies":{"default":{}},"auths":{"h.io":{"auth":"dTpw"},"https://h.io/v1/":{},"h.io/team":{"auth":"dTpw"}}})");
  ASSERT_TRUE(file.ok());
  file->Set("h.io", {.username = "n", .password = "w", .identity_token = "", .registry_token = ""});
  EXPECT_EQ(file->Text(), R"({
    "proxies": {
        "default": {}
    },
    "auths": {
        "h.io/team": {
            "auth": "dTpw"
        },
        "h.io": {
            "auth": "bjp3"
        }
    }
}
)");
  EXPECT_TRUE(file->Remove("h.io"));
  EXPECT_FALSE(file->Remove("h.io"));
  EXPECT_EQ(UserOf(file->Text(), "h.io/team/app"), "u");
  file->Set("docker.io", {.username = "", .password = "", .identity_token = "tok", .registry_token = ""});
  EXPECT_NE(file->Text().find("https://index.docker.io/v1/"), std::string::npos);
  EXPECT_EQ((*AuthFile::Parse(file->Text())->Find("docker.io"))->identity_token, "tok");
}

}  // namespace
}  // namespace estiba::credentials
