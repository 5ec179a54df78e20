#include "credentials/helper.h"

#include "helper.h"
#include "os/file.h"

namespace estiba::credentials {
namespace {

TEST(Helper, GetsALoginOrAToken) {
  const FakeHelper fake(R"(read server
case $server in
  token.io) echo '{"ServerURL":"token.io","Username":"<token>","Secret":"tok"}';;
  h.io) echo '{"ServerURL":"h.io","Username":"u","Secret":"p"}';;
  *) echo 'credentials not found in native keychain'; exit 1;;
esac
)");
  const auto login = GetFromHelper("fake", "h.io");
  ASSERT_TRUE(login.ok() && *login) << login.error().Message();
  EXPECT_EQ((*login)->username, "u");
  EXPECT_EQ((*login)->password, "p");
  const auto token = GetFromHelper("fake", "token.io");
  ASSERT_TRUE(token.ok() && *token);
  EXPECT_EQ((*token)->identity_token, "tok");
  EXPECT_EQ((*token)->username, "");
  const auto none = GetFromHelper("fake", "x.io");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
}

TEST(Helper, StoresAndErases) {
  const FakeHelper fake("cat >\"$1\"\n");
  oci::RegistryAuth login;
  login.username = "u";
  login.password = "p";
  ASSERT_OK(StoreInHelper("fake", "h.io", login));
  EXPECT_EQ(*os::ReadFile(fake / "store"), R"({"ServerURL":"h.io","Username":"u","Secret":"p"})");
  login.identity_token = "t";
  ASSERT_OK(StoreInHelper("fake", "h.io", login));
  EXPECT_EQ(*os::ReadFile(fake / "store"), R"({"ServerURL":"h.io","Username":"<token>","Secret":"t"})");
  ASSERT_OK(EraseFromHelper("fake", "h.io"));
  EXPECT_EQ(*os::ReadFile(fake / "erase"), "h.io");
}

TEST(Helper, SaysWhyItFailed) {
  const FakeHelper fake("printf 'no\\033[2J keyring'; exit 3\n");
  const auto failed = GetFromHelper("fake", "h.io");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().Message(), "docker-credential-fake get: no [2J keyring");
  EXPECT_EQ(StoreInHelper("fake", "h.io", {}).error().Message(), "docker-credential-fake store: no [2J keyring");
}

TEST(Helper, NonsenseIsAnErrorWithoutTheSecret) {
  const FakeHelper fake("echo 'hunter2 {'\n");
  const auto failed = GetFromHelper("fake", "h.io");
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().Message().find("hunter2"), std::string::npos);
}

TEST(Helper, AnEndlessAnswerIsCutOff) {
  const FakeHelper fake("exec cat /dev/zero\n");
  EXPECT_EQ(GetFromHelper("fake", "h.io").error().code(), Code::kOutOfRange);
}

TEST(Helper, OnlyAProgramOfThatNameIsRun) {
  const FakeHelper fake("touch ran\n");
  for (const char* name : {"../fake", "/bin/sh", "", "a b"}) EXPECT_FALSE(GetFromHelper(name, "h.io").ok()) << name;
  const auto missing = GetFromHelper("missing", "h.io");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().Message().find("docker-credential-missing"), std::string::npos);
}

}  // namespace
}  // namespace estiba::credentials
