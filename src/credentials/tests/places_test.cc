#include "credentials/places.h"

#include <map>

#include <unistd.h>

#include "helper.h"
#include "os/file.h"

namespace estiba::credentials {
namespace {

Places In(const std::map<std::string, std::string>& environment) {
  return Places::Of([&](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

unsigned ModeOf(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0U;
}

const oci::RegistryAuth kLogin{.username = "u", .password = "p", .identity_token = "", .registry_token = ""};

TEST(Places, AreDockersThenPodmans) {
  EXPECT_THAT(In({{"HOME", "/h"}, {"XDG_RUNTIME_DIR", "/run/user/1"}}).files,
              ::testing::ElementsAre("/h/.docker/config.json", "/run/user/1/containers/auth.json",
                                     "/h/.config/containers/auth.json"));
  const Places set =
      In({{"HOME", "/h"}, {"DOCKER_CONFIG", "/d"}, {"XDG_CONFIG_HOME", "/c"}, {"REGISTRY_AUTH_FILE", "/a"}});
  EXPECT_THAT(set.files,
              ::testing::ElementsAre("/a", "/d/config.json", "/c/containers/auth.json"));
}

TEST(Places, ALogoutErasesWhereverALoginMayHaveWritten) {
  const testing::TempDir dir;
  Places places;
  places.files = {dir / "named.json", dir / "docker.json", dir / "podman.json"};
  places.written = 2;
  for (const std::string& path : places.files) ASSERT_OK(Save(Places{{path}}, "h.io", kLogin));
  ASSERT_OK(Erase(places, "h.io"));
  EXPECT_TRUE(Find(Places{{places.files[0]}}, "h.io")->empty());
  EXPECT_TRUE(Find(Places{{places.files[1]}}, "h.io")->empty());
  EXPECT_FALSE(Find(Places{{places.files[2]}}, "h.io")->empty());  // another tool's
}

TEST(Places, ALoginIsFoundUntilItIsErased) {
  const testing::TempDir dir;
  const Places places = In({{"HOME", dir.path()}});
  EXPECT_TRUE(Find(places, "h.io/app")->empty());
  EXPECT_EQ(*Save(places, "h.io", kLogin), places.own());
  EXPECT_EQ(ModeOf(places.own()), 0600U);
  EXPECT_EQ(ModeOf(dir / ".docker"), 0700U);
  EXPECT_EQ(Find(places, "h.io/app")->password, "p");
  ASSERT_OK(Erase(places, "h.io"));
  EXPECT_TRUE(Find(places, "h.io/app")->empty());
}

TEST(Places, ALinkAndAModeStay) {
  const testing::TempDir dir;
  const std::string real = dir / "real.json";
  std::ofstream(real) << "{}";
  ::chmod(real.c_str(), 0640);
  ASSERT_EQ(::symlink(real.c_str(), (dir / "config.json").c_str()), 0);
  const Places places = In({{"HOME", "/h"}, {"DOCKER_CONFIG", dir.path()}});
  ASSERT_OK(Save(places, "h.io", kLogin));
  EXPECT_TRUE(os::ReadLink(dir / "config.json").ok());
  EXPECT_EQ(ModeOf(real), 0640U);
  EXPECT_NE(os::ReadFile(real)->find("h.io"), std::string::npos);
}

TEST(Places, AFileThatIsNotUnderstoodIsNotOverwritten) {
  const testing::TempDir dir;
  std::ofstream(dir / "config.json") << "{ half";
  const Places places = In({{"HOME", "/h"}, {"DOCKER_CONFIG", dir.path()}});
  EXPECT_FALSE(Save(places, "h.io", kLogin).ok());
  EXPECT_FALSE(Find(places, "h.io/app").ok());
  EXPECT_EQ(*os::ReadFile(dir / "config.json"), "{ half");
}

TEST(Places, AHelperKeepsTheSecretOutOfTheFile) {
  const FakeHelper fake(R"(case $1 in
  store) cat >kept;;
  get) if [ -e kept ]; then cat kept; else echo 'credentials not found in native keychain'; exit 1; fi;;
  erase) rm -f kept;;
esac
)");
  const testing::TempDir dir;
  std::ofstream(dir / "config.json") << R"({"credHelpers":{"h.io":"fake"}})";
  const Places places = In({{"HOME", "/h"}, {"DOCKER_CONFIG", dir.path()}});
  EXPECT_TRUE(Find(places, "h.io/app")->empty());
  EXPECT_EQ(*Save(places, "h.io", kLogin), "");
  const std::string text = *os::ReadFile(dir / "config.json");
  EXPECT_NE(text.find(R"("h.io": {})"), std::string::npos) << text;
  EXPECT_EQ(text.find("dTpw"), std::string::npos);
  EXPECT_EQ(Find(places, "h.io/app")->password, "p");
  ASSERT_OK(Erase(places, "h.io"));
  EXPECT_TRUE(Find(places, "h.io/app")->empty());
  EXPECT_FALSE(os::ReadFile(fake / "kept").ok());
}

TEST(Places, HelpersOfRegistriesConfAreAskedInTheirOrder) {
  const FakeHelper fake(R"(case $1 in
  store) cat >kept;;
  get) cat >asked; if [ -e kept ]; then cat kept; else echo 'credentials not found in native keychain'; exit 1; fi;;
  erase) rm -f kept;;
esac
)");
  const testing::TempDir dir;
  Places places = In({{"HOME", dir.path()}});
  const oci::RegistryAuth other{.username = "file", .password = "f", .identity_token = "", .registry_token = ""};
  ASSERT_OK(Save(places, "docker.io", other));
  places.helpers = {"fake", std::string(kAuthFiles)};
  EXPECT_EQ(Find(places, "docker.io/library/app")->username, "file");
  EXPECT_EQ(*os::ReadFile(fake / "asked"), "docker.io");  // as podman calls it
  EXPECT_EQ(*Save(places, "docker.io", kLogin), "");
  EXPECT_EQ(Find(places, "docker.io/library/app")->username, "u");
  places.helpers = {std::string(kAuthFiles), "fake"};
  EXPECT_EQ(Find(places, "docker.io/library/app")->username, "file");
  ASSERT_OK(Erase(places, "docker.io"));
  EXPECT_TRUE(Find(places, "docker.io/library/app")->empty());
  EXPECT_FALSE(os::ReadFile(fake / "kept").ok());
}

TEST(Places, WithoutTheFilesAmongTheHelpersTheyAreNotAsked) {
  const FakeHelper fake("echo 'credentials not found in native keychain'; exit 1\n");
  const testing::TempDir dir;
  Places places = In({{"HOME", dir.path()}});
  ASSERT_OK(Save(places, "h.io", kLogin));
  places.helpers = {"fake"};
  EXPECT_TRUE(Find(places, "h.io/app")->empty());
}

TEST(Places, AHelperThatFailsIsAnErrorUnlessAnotherKnows) {
  const FakeHelper fake("echo 'no key ring'; exit 1\n");
  const testing::TempDir dir;
  Places places = In({{"HOME", dir.path()}});
  places.helpers = {"fake", std::string(kAuthFiles)};
  const auto unknown = Find(places, "h.io/app");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().Message(), "docker-credential-fake get: no key ring");
  EXPECT_EQ(*Save(places, "h.io", kLogin), places.own());
  EXPECT_EQ(Find(places, "h.io/app")->password, "p");
  EXPECT_FALSE(Erase(places, "h.io").ok());
  EXPECT_FALSE(os::ReadFile(places.own())->contains("h.io"));  // the others are erased from all the same
}

}  // namespace
}  // namespace estiba::credentials
