// Our default profile and a kernel: a folder with the files of AppArmor's, and a script for the parser that "loads" by
// writing the profile's name into the kernel's list.

#include "apparmor.h"

#include <gmock/gmock.h>

#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/text.h"
#include "os/file.h"
#include "spec/build.h"
#include "tests/support.h"

namespace estiba::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeHost : public ::testing::Test {
 protected:
  void SetUp() override {
    Put("enabled", "Y\n");
    Put("profiles", "/usr/bin/man (enforce)\n");
    Put("current", "unconfined\n");
    Put("parser", "#!/bin/sh\necho \"$@\" >>" + In("calls") + "\ncat >" + In("text") +
                      "\necho 'estiba-default (enforce)' >>" + In("profiles") + "\n");
    ASSERT_EQ(::chmod(In("parser").c_str(), 0755), 0);
  }
  std::string In(const char* name) const { return dir_ / name; }
  void Put(const char* name, const std::string& text) {
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, In(name), text, 0644));
  }
  std::string Get(const char* name) const {
    const auto text = os::ReadFile(In(name));
    return text.ok() ? *text : "";
  }
  std::unique_ptr<AppArmor> Make(bool privileged = true) {
    return std::make_unique<AppArmor>(
        privileged, nullptr,
        AppArmor::Places{In("enabled"), In("profiles"), In("current"), In("abi"), {In("none"), In("parser")}});
  }

  testing::TempDir dir_;
};

TEST_F(FakeHost, TheDefaultIsLoadedAtFirstNeedAndAgainWhenItIsLost) {
  const auto apparmor = Make();
  EXPECT_EQ(Get("calls"), "");
  ASSERT_OK(apparmor->Ensure(""));
  ASSERT_OK(apparmor->Ensure("unconfined"));
  EXPECT_EQ(Get("calls"), "");
  ASSERT_OK(apparmor->Ensure("estiba-default"));
  ASSERT_OK(apparmor->Ensure("estiba-default"));
  EXPECT_EQ(Get("calls"), "-Kr\n");
  EXPECT_THAT(Get("text"), HasSubstr("\nprofile \"estiba-default\" "));
  EXPECT_TRUE(Get("text").ends_with("\n}\n"));
  Put("profiles", "/usr/bin/man (enforce)\n");
  ASSERT_OK(apparmor->Ensure("estiba-default"));
  EXPECT_EQ(Get("calls"), "-Kr\n-Kr\n");
  // The next engine's may have other rules.
  ASSERT_OK(Make()->Ensure("estiba-default"));
  EXPECT_EQ(Get("calls"), "-Kr\n-Kr\n-Kr\n");
}

TEST_F(FakeHost, ManyStartsLoadItOnce) {
  const auto apparmor = Make();
  std::vector<std::thread> starts;
  for (int i = 0; i < 8; ++i) starts.emplace_back([&] { EXPECT_TRUE(apparmor->Ensure("estiba-default").ok()); });
  for (std::thread& start : starts) start.join();
  EXPECT_EQ(Get("calls"), "-Kr\n");
}

TEST_F(FakeHost, TheTextKnowsWhoRunsContainersAndTheAbi) {
  ASSERT_OK(Make()->Ensure("estiba-default"));
  EXPECT_EQ(Get("text").find("abi <"), std::string::npos);
  Put("current", "engines (enforce)\n");
  Put("abi", "");
  ASSERT_OK(Make()->Ensure("estiba-default"));
  EXPECT_THAT(Get("text"), HasSubstr("peer=\"engines\""));
  EXPECT_THAT(Get("text"), HasSubstr("abi <abi/3.0>"));
}

TEST_F(FakeHost, AParserThatRefusesIsAnErrorWithItsWords) {
  Put("parser", "#!/bin/sh\necho 'Access denied. You need policy admin privileges' >&2\nexit 243\n");
  ASSERT_EQ(::chmod(In("parser").c_str(), 0755), 0);
  const Status refused = Make()->Ensure("estiba-default");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().ToString(), HasSubstr("load AppArmor profile 'estiba-default': "));
  EXPECT_THAT(refused.error().ToString(), HasSubstr("status 243: Access denied. You need policy admin privileges"));
  EXPECT_THAT(refused.error().ToString(), HasSubstr("apparmor=unconfined"));
}

TEST_F(FakeHost, AnotherProfileMustBeThere) {
  const auto apparmor = Make();
  ASSERT_OK(apparmor->Ensure("/usr/bin/man"));
  const Status missing = apparmor->Ensure("mine");
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().ToString(), HasSubstr("AppArmor profile 'mine' is not loaded"));
  EXPECT_THAT(missing.error().ToString(), HasSubstr("apparmor_parser -r FILE"));
  EXPECT_EQ(Get("calls"), "");
}

// ---- which profile a container gets ----

std::string Chosen(const AppArmor::Use& use, std::vector<std::string> options, bool privileged = false) {
  apitypes::HostConfig host;
  host.security_opt = std::move(options);
  host.privileged = privileged;
  const auto profile = ChooseAppArmorProfile(host, use);
  return profile.ok() ? *profile : "refused: " + profile.error().Message();
}

TEST_F(FakeHost, WhereItIsOnEveryContainerHasTheDefaultThatNamesNoOther) {
  const AppArmor::Use use = Make()->Look();
  EXPECT_TRUE(use.on && use.named && use.by_default);
  EXPECT_EQ(Chosen(use, {}), "estiba-default");
  EXPECT_EQ(Chosen(use, {"apparmor="}), "estiba-default");
  EXPECT_EQ(Chosen(use, {"apparmor=mine"}), "mine");
  EXPECT_EQ(Chosen(use, {"apparmor:mine"}), "mine");
  EXPECT_EQ(Chosen(use, {"apparmor=unconfined"}), "unconfined");
  EXPECT_EQ(Chosen(use, {}, /*privileged=*/true), "unconfined");
  EXPECT_EQ(Chosen(use, {"apparmor=mine"}, /*privileged=*/true), "mine");
}

TEST_F(FakeHost, WithoutTheParserOnlyWhatOthersHaveLoadedCanBeGiven) {
  ASSERT_EQ(::unlink(In("parser").c_str()), 0);
  const AppArmor::Use use = Make()->Look();
  EXPECT_TRUE(use.on && use.named && !use.by_default);
  EXPECT_EQ(use.lacks, "apparmor_parser is not installed");
  EXPECT_EQ(Chosen(use, {}), "");
  EXPECT_EQ(Chosen(use, {"apparmor=mine"}), "mine");
  EXPECT_EQ(Chosen(use, {"apparmor=unconfined"}), "unconfined");
  EXPECT_THAT(Chosen(use, {"apparmor=estiba-default"}), HasSubstr("refused: "));
}

TEST_F(FakeHost, WhereItCannotBeGivenANamedOneIsRefusedWithTheReason) {
  const auto expect = [&](const AppArmor::Use& use, const char* reason) {
    EXPECT_THAT(Chosen(use, {}), IsEmpty());
    EXPECT_THAT(Chosen(use, {"apparmor=unconfined"}), IsEmpty());
    EXPECT_THAT(Chosen(use, {"apparmor=mine"}), HasSubstr("apparmor=mine: the profile cannot be given: "));
    EXPECT_THAT(Chosen(use, {"apparmor=mine"}), HasSubstr(reason));
    EXPECT_THAT(Chosen(use, {"apparmor=estiba-default"}), HasSubstr(reason));
  };
  expect(Make(/*privileged=*/false)->Look(), "CAP_MAC_ADMIN");
  ASSERT_EQ(::unlink(In("profiles").c_str()), 0);
  expect(Make()->Look(), "securityfs is not mounted");
  Put("enabled", "N\n");
  expect(Make()->Look(), "AppArmor is not on here");
  ASSERT_EQ(::unlink(In("enabled").c_str()), 0);
  EXPECT_FALSE(Make()->Look().on);
  expect(Make()->Look(), "AppArmor is not on here");
}

TEST(SelinuxOptions, AreIgnoredWhereItIsOffAndRefusedWhereItIsOn) {
  apitypes::HostConfig host;
  host.security_opt = {"label=type:container_t", "label:disable", "disable"};
  std::vector<std::string> warnings;
  ASSERT_OK(CheckSelinuxOptions(host, /*selinux=*/false, &warnings));
  EXPECT_THAT(warnings,
              ::testing::ElementsAre("--security-opt label=type:container_t is ignored: SELinux is not on here"));
  const Status refused = CheckSelinuxOptions(host, /*selinux=*/true, &warnings);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().Message(), HasSubstr("label=type:container_t"));
  host.security_opt = {"label=disable"};
  ASSERT_OK(CheckSelinuxOptions(host, /*selinux=*/true, &warnings));
}

}  // namespace
}  // namespace estiba::engine
