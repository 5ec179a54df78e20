#include "health_rules.h"

#include "tests/support.h"

namespace estiba::monitor {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using Time = HealthRules::Time;

std::int64_t Ns(int s) { return nanoseconds(seconds(s)).count(); }

class HealthRulesTest : public ::testing::Test {
 protected:
  HealthRulesTest() {
    check_.interval = Ns(30);
    check_.start_interval = Ns(5);
    check_.retries = 3;
    rules_.Begin(At(0));
  }
  static Time At(int s) { return Time(seconds(1000 + s)); }
  bool Fails(int at) { return rules_.Note(false, At(at)); }
  bool Passes(int at) { return rules_.Note(true, At(at)); }

  monitorapi::HealthCheck check_;
  HealthRules rules_{check_};
};

TEST_F(HealthRulesTest, ItIsStartingUntilTheFirstSuccess) {
  EXPECT_STREQ(rules_.status(), "starting");
  EXPECT_FALSE(Fails(30));
  EXPECT_STREQ(rules_.status(), "starting");
  EXPECT_TRUE(Passes(60));
  EXPECT_STREQ(rules_.status(), "healthy");
  EXPECT_EQ(rules_.failing_streak(), 0U);
  EXPECT_FALSE(Passes(90));
}

TEST_F(HealthRulesTest, SoManyFailuresInARowAreUnhealthy) {
  EXPECT_TRUE(Passes(1));
  EXPECT_FALSE(Fails(2));
  EXPECT_FALSE(Fails(3));
  EXPECT_STREQ(rules_.status(), "healthy");
  EXPECT_TRUE(Fails(4));
  EXPECT_STREQ(rules_.status(), "unhealthy");
  EXPECT_FALSE(Fails(5));
  EXPECT_EQ(rules_.failing_streak(), 4U);
  EXPECT_TRUE(Passes(6));
  EXPECT_EQ(rules_.failing_streak(), 0U);
}

TEST_F(HealthRulesTest, ASuccessInBetweenStartsTheCountAnew) {
  Passes(1);
  Fails(2);
  Fails(3);
  Passes(4);
  EXPECT_FALSE(Fails(5));
  EXPECT_FALSE(Fails(6));
  EXPECT_TRUE(Fails(7));
}

TEST_F(HealthRulesTest, FailuresOfTheStartPeriodDoNotCount) {
  check_.start_period = Ns(60);
  for (int at = 5; at < 60; at += 5) EXPECT_FALSE(Fails(at));
  EXPECT_EQ(rules_.failing_streak(), 0U);
  EXPECT_FALSE(Fails(60));
  EXPECT_FALSE(Fails(61));
  EXPECT_TRUE(Fails(62));
}

TEST_F(HealthRulesTest, TheStartPeriodIsOverWithTheFirstSuccess) {
  check_.start_period = Ns(60);
  Passes(5);
  EXPECT_FALSE(Fails(10));
  EXPECT_EQ(rules_.failing_streak(), 1U);
}

TEST_F(HealthRulesTest, TheStartIntervalHoldsInTheStartPeriod) {
  EXPECT_EQ(rules_.Wait(At(0)), seconds(30));  // there is none
  check_.start_period = Ns(60);
  EXPECT_EQ(rules_.Wait(At(0)), seconds(5));
  EXPECT_EQ(rules_.Wait(At(59)), seconds(5));
  EXPECT_EQ(rules_.Wait(At(60)), seconds(30));
  Passes(5);
  EXPECT_EQ(rules_.Wait(At(6)), seconds(30));
}

TEST_F(HealthRulesTest, ANewRunForgetsTheLast) {
  Fails(1);
  Fails(2);
  Fails(3);
  rules_.Begin(At(100));
  EXPECT_STREQ(rules_.status(), "starting");
  EXPECT_EQ(rules_.failing_streak(), 0U);
  EXPECT_FALSE(Fails(101));
}

}  // namespace
}  // namespace estiba::monitor
