#include "spec/health.h"

#include "spec/validate.h"
#include "tests/support.h"

namespace estiba::engine {
namespace {

using apitypes::ContainerConfig;
using apitypes::ContainerCreate;
using apitypes::HealthConfig;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;

ContainerCreate With(std::vector<std::string> test) {
  ContainerCreate create;
  create.config.healthcheck.emplace().test = std::move(test);
  return create;
}

std::string Refused(const HealthConfig& health) {
  const Status status = ValidateHealth(health);
  return status.ok() ? "taken" : status.error().Message();
}

TEST(Healthcheck, IsRefusedWithDockersWords) {
  HealthConfig health;
  EXPECT_EQ(Refused(health), "taken");
  for (const auto& [member, name] :
       {std::pair(&HealthConfig::interval, "Interval"), {&HealthConfig::timeout, "Timeout"},
        {&HealthConfig::start_period, "StartPeriod"}, {&HealthConfig::start_interval, "StartInterval"}}) {
    HealthConfig short_one;
    short_one.*member = 999'999;
    EXPECT_EQ(Refused(short_one), std::string(name) + " in Healthcheck cannot be less than 1ms");
    short_one.*member = -1;
    EXPECT_EQ(Refused(short_one), std::string(name) + " in Healthcheck cannot be less than 1ms");
    short_one.*member = 1'000'000;
    EXPECT_EQ(Refused(short_one), "taken");
  }
  health.retries = -1;
  EXPECT_EQ(Refused(health), "Retries in Healthcheck cannot be negative");
}

TEST(Healthcheck, WhatIsRunFollowsTheTest) {
  ContainerConfig config;
  EXPECT_TRUE(ProbeCommand(config).empty());
  config.healthcheck.emplace();
  EXPECT_TRUE(ProbeCommand(config).empty());
  config.healthcheck->test = {"NONE"};
  EXPECT_TRUE(ProbeCommand(config).empty());
  config.healthcheck->test = {"CMD", "curl", "-f", "x"};
  EXPECT_THAT(ProbeCommand(config), ElementsAre("curl", "-f", "x"));
  config.healthcheck->test = {"CMD-SHELL", "true || false"};
  EXPECT_THAT(ProbeCommand(config), ElementsAre("/bin/sh", "-c", "true || false"));
  config.shell = {"/bin/bash", "-ec"};
  EXPECT_THAT(ProbeCommand(config), ElementsAre("/bin/bash", "-ec", "true || false"));
}

TEST(Healthcheck, TheMonitorIsToldDockersDefaults) {
  const auto check = HealthCheckOf(With({"CMD", "true"}));
  EXPECT_TRUE(check.enabled);
  EXPECT_EQ(check.interval, 30 * kSecond);
  EXPECT_EQ(check.timeout, 30 * kSecond);
  EXPECT_EQ(check.start_period, 0);
  EXPECT_EQ(check.start_interval, 5 * kSecond);
  EXPECT_EQ(check.retries, 3U);
  EXPECT_EQ(check.on_failure, monitorapi::HealthAction::kNone);
  EXPECT_FALSE(HealthCheckOf(With({"NONE"})).enabled);
  EXPECT_FALSE(HealthCheckOf(With({})).enabled);
  EXPECT_FALSE(HealthCheckOf({}).enabled);
}

TEST(Healthcheck, WhatToDoWhenUnhealthyIsAnAnnotation) {
  using monitorapi::HealthAction;
  ContainerCreate create = With({"CMD", "true"});
  std::vector<std::string> warnings;
  for (const auto& [word, action] : {std::pair("none", HealthAction::kNone), {"kill", HealthAction::kKill},
                                     {"restart", HealthAction::kRestart}, {"stop", HealthAction::kStop}}) {
    create.host_config.annotations[kHealthOnFailure] = word;
    ASSERT_OK(CheckHealth(create, warnings));
    EXPECT_EQ(HealthCheckOf(create).on_failure, action);
  }
  create.host_config.annotations[kHealthOnFailure] = "pray";
  const Status refused = CheckHealth(create, warnings);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().Message(), HasSubstr("'pray'"));
  EXPECT_TRUE(warnings.empty());
}

TEST(Healthcheck, OneThatCannotBeCarriedOutIsToldOf) {
  std::vector<std::string> warnings;
  ASSERT_OK(CheckHealth(With({"curl", "-f"}), warnings));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("Unknown healthcheck type 'curl'"));
  EXPECT_FALSE(CheckHealth(With({"CMD"}), warnings).ok());
  EXPECT_FALSE(CheckHealth(With({"CMD-SHELL"}), warnings).ok());
  ASSERT_OK(CheckHealth(With({"NONE"}), warnings));
}

TEST(Healthcheck, TheImagesIsMergedMemberByMember) {
  ImageDefaults image;
  image.cmd = {"sh"};
  HealthConfig& below = image.healthcheck.emplace();
  below.test = {"CMD", "below"};
  below.interval = 7 * kSecond;
  below.retries = 9;
  ContainerCreate inherits;
  ASSERT_OK(MergeImage(inherits, image));
  EXPECT_THAT(inherits.config.healthcheck->test, ElementsAre("CMD", "below"));
  EXPECT_EQ(inherits.config.healthcheck->retries, 9);
  ContainerCreate changes;
  changes.config.healthcheck.emplace().retries = 2;
  ASSERT_OK(MergeImage(changes, image));
  EXPECT_EQ(changes.config.healthcheck->retries, 2);
  EXPECT_EQ(changes.config.healthcheck->interval, 7 * kSecond);
  EXPECT_THAT(changes.config.healthcheck->test, ElementsAre("CMD", "below"));
  ContainerCreate none = With({"NONE"});
  ASSERT_OK(MergeImage(none, image));
  EXPECT_FALSE(HealthCheckOf(none).enabled);
}

TEST(Healthcheck, AFilterIsOneOfFourWords) {
  for (const char* word : {"none", "starting", "healthy", "unhealthy"}) EXPECT_TRUE(CheckHealthFilter(word).ok());
  const Status refused = CheckHealthFilter("well");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().Message(), "invalid filter 'health=well': invalid value for health (well): must be one of "
                                       "none, starting, healthy, unhealthy");
}

}  // namespace
}  // namespace estiba::engine
