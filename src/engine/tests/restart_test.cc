#include "containers/restart.h"

#include "tests/support.h"

namespace estiba::engine {
namespace {

ContainerRecord WithPolicy(const std::string& name, int retries = 0) {
  ContainerRecord record;
  record.create.host_config.restart_policy.name = name;
  record.create.host_config.restart_policy.maximum_retry_count = retries;
  return record;
}

TEST(ShouldRestart, AlwaysComesBackWithTheHostEvenWhenItWasStopped) {
  ContainerState stopped;
  stopped.stopped_by_user = true;
  EXPECT_TRUE(ShouldRestart(WithPolicy("always"), stopped, /*host_restarted=*/true));
  EXPECT_FALSE(ShouldRestart(WithPolicy("always"), stopped, /*host_restarted=*/false));
  EXPECT_FALSE(ShouldRestart(WithPolicy("unless-stopped"), stopped, /*host_restarted=*/true));
}

TEST(ShouldRestart, OnFailureCountsItsAttempts) {
  ContainerState failed;
  failed.exit_code = 1;
  failed.restart_count = 2;
  EXPECT_TRUE(ShouldRestart(WithPolicy("on-failure"), failed, false));
  EXPECT_TRUE(ShouldRestart(WithPolicy("on-failure", 3), failed, false));
  EXPECT_FALSE(ShouldRestart(WithPolicy("on-failure", 2), failed, false));
  failed.exit_code = 0;
  EXPECT_FALSE(ShouldRestart(WithPolicy("on-failure"), failed, false));
}

TEST(ShouldRestart, NotWhatIsBeingRemoved) {
  ContainerRecord record = WithPolicy("always");
  record.removing = true;
  EXPECT_FALSE(ShouldRestart(record, {}, true));
}

TEST(RemovesItself, OnceItWasStartedEvenInVain) {
  ContainerRecord record;
  record.create.host_config.auto_remove = true;
  ContainerState state;
  EXPECT_FALSE(RemovesItself(record, state));  // made, and waits to be started
  state.starts = 1;
  EXPECT_TRUE(RemovesItself(record, state));
  state.phase = Phase::kExited;
  EXPECT_TRUE(RemovesItself(record, state));
  for (const Phase up : {Phase::kStarting, Phase::kRunning, Phase::kPaused, Phase::kRestarting}) {
    state.phase = up;
    EXPECT_FALSE(RemovesItself(record, state));
  }
}

}  // namespace
}  // namespace estiba::engine
