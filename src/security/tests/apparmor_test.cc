#include "security/apparmor.h"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

#include "os/file.h"
#include "os/memfd.h"
#include "os/process.h"
#include "tests/support.h"

namespace estiba::security {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(AppArmorProfile, IsTheText) {
  const std::string path = std::string(ESTIBA_TEST_DATA) + "/golden/estiba-default.txt";
  if (std::getenv("ESTIBA_UPDATE_GOLDEN") != nullptr) {
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, path, AppArmorProfile(), 0644));
    return;
  }
  ASSERT_OK_AND_ASSIGN(const std::string expected, os::ReadFile(path));
  EXPECT_EQ(AppArmorProfile(), expected);
}

TEST(AppArmorProfile, WhoeverRunsContainersReachesThem) {
  EXPECT_THAT(AppArmorProfile({.runtime = "my engine"}), HasSubstr("  signal (receive) peer=\"my engine\",\n"));
  EXPECT_THAT(AppArmorProfile({.runtime = "my engine"}),
              HasSubstr("  ptrace (tracedby, readby) peer=\"my engine\",\n"));
  EXPECT_THAT(AppArmorProfile(), Not(HasSubstr("peer=\"unconfined\"")));
}

TEST(AppArmorProfile, ANameIsNoPattern) {
  EXPECT_THAT(AppArmorProfile({.name = "a\",b*"}), HasSubstr("profile \"a\\\"\\,b\\*\" flags="));
}

TEST(AppArmorProfile, NamesAnAbiOnlyWhereThatIsThere) {
  EXPECT_THAT(AppArmorProfile(), HasSubstr("\nabi <abi/3.0>,\n"));
  EXPECT_THAT(AppArmorProfile({.abi = false}), Not(HasSubstr("abi <")));
}

// As the parser of this machine reads it, for a kernel that has all of abi 3.0.
TEST(AppArmorProfile, IsUnderstoodByTheParser) {
  const std::string abi = "/etc/apparmor.d/abi/3.0";
  const auto parser = os::FindProgram("apparmor_parser");
  REQUIRE(parser.ok() && ::access(abi.c_str(), R_OK) == 0, "apparmor_parser and its abi 3.0");
  for (const AppArmorProfileOptions& options :
       {AppArmorProfileOptions{}, {.runtime = "/usr/bin/engine*"}, {.name = "a b", .abi = false}}) {
    ASSERT_OK_AND_ASSIGN(const os::UniqueFd text, os::MakeSealedMemfd("profile", AppArmorProfile(options)));
    ASSERT_OK_AND_ASSIGN(os::Pipe said, os::MakePipe());
    os::SpawnOptions spawn;
    spawn.program = *parser;
    spawn.argv = {"apparmor_parser", "--skip-kernel-load", "--skip-cache", "--kernel-features", abi};
    spawn.fds = {{text.get(), 0}, {said.write.get(), 1}, {said.write.get(), 2}};
    ASSERT_OK_AND_ASSIGN(os::Process process, os::Spawn(spawn));
    said.write.Reset();
    ASSERT_OK_AND_ASSIGN(const std::string words, os::ReadAll(said.read.get()));
    ASSERT_OK_AND_ASSIGN(const os::ExitStatus status, process.Wait());
    EXPECT_EQ(status.ToShell(), 0) << words;
    EXPECT_EQ(words, "");
  }
}

TEST(AppArmorLabelName, IsWithoutItsMode) {
  EXPECT_EQ(AppArmorLabelName("unconfined\n"), "unconfined");
  EXPECT_EQ(AppArmorLabelName("estiba-default (enforce)\n"), "estiba-default");
  EXPECT_EQ(AppArmorLabelName("a (b) (complain)"), "a (b)");
  EXPECT_EQ(AppArmorLabelName(""), "");
}

TEST(ListsAppArmorProfile, ANameIsWhole) {
  const std::string list =
      "docker-default (enforce)\nestiba-default-2 (enforce)\n/usr/bin/man (complain)\na b (enforce)\n";
  EXPECT_TRUE(ListsAppArmorProfile(list, "docker-default"));
  EXPECT_TRUE(ListsAppArmorProfile(list, "a b"));
  EXPECT_TRUE(ListsAppArmorProfile("last (enforce)", "last"));
  EXPECT_FALSE(ListsAppArmorProfile(list, "estiba-default"));
  EXPECT_FALSE(ListsAppArmorProfile(list, "default"));
  EXPECT_FALSE(ListsAppArmorProfile("", "a"));
}

}  // namespace
}  // namespace estiba::security
