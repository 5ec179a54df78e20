#include "containers/journal_fold.h"

#include "status_text.h"
#include "tests/support.h"

namespace estiba::engine {
namespace {

using monitorapi::Record;
using monitorapi::RecordType;

std::vector<Record> Journal(std::initializer_list<RecordType> types) {
  std::vector<Record> records;
  for (const RecordType type : types) {
    Record& record = records.emplace_back();
    record.type = type;
    record.seq = records.size();
    record.time = static_cast<std::int64_t>(records.size()) * 1000;
    record.pid = 77;
    record.code = 3;
    record.text = "text";
  }
  return records;
}

TEST(Fold, AStartAndAnExitAreTakenOver) {
  ContainerState state;
  const auto records =
      Journal({RecordType::kLaunched, RecordType::kStarted, RecordType::kExited, RecordType::kFinished});
  const FoldedRecords folded = FoldRecords(records, false, state);
  EXPECT_TRUE(folded.started && folded.exited && folded.finished);
  EXPECT_EQ(state.phase, Phase::kExited);
  EXPECT_EQ(state.exit_code, 3);
  EXPECT_EQ(state.started_at, 2000);
  EXPECT_EQ(state.finished_at, 3000);
  EXPECT_EQ(state.pid, 0);
}

TEST(EndUntold, ARunThatNobodySawTheEndOfHasEndedByNow) {
  ContainerState state;
  FoldRecords(Journal({RecordType::kLaunched, RecordType::kStarted}), false, state);
  EndUntold(9000, state);
  EXPECT_EQ(state.phase, Phase::kExited);
  EXPECT_EQ(state.exit_code, 137);
  EXPECT_EQ(state.error, "monitor died");
  EXPECT_EQ(state.finished_at, 9000);
}

TEST(EndUntold, AStartThatReachedNoMonitorLeavesTheEndBeforeIt) {
  ContainerState state;
  FoldRecords(Journal({RecordType::kLaunched, RecordType::kStarted, RecordType::kExited, RecordType::kFinished}), false,
              state);
  state.phase = Phase::kStarting;
  EndUntold(9000, state);
  EXPECT_EQ(state.phase, Phase::kExited);
  EXPECT_EQ(state.exit_code, 3);
  EXPECT_EQ(state.finished_at, 3000);
}

TEST(EndUntold, AFirstStartThatReachedNoMonitorLeavesItCreated) {
  ContainerState state;
  state.phase = Phase::kStarting;
  EndUntold(9000, state);
  EXPECT_EQ(state.phase, Phase::kCreated);
  EXPECT_EQ(state.exit_code, 0);
  EXPECT_EQ(state.finished_at, 0);
}

TEST(Fold, HealthIsThatOfTheLastRecordAndUnhealthyAfterTheEnd) {
  ContainerState state;
  auto records = Journal({RecordType::kLaunched, RecordType::kStarted, RecordType::kHealth, RecordType::kHealth});
  records[2].text = "starting";
  records[3].text = "healthy";
  FoldRecords(records, false, state);
  EXPECT_EQ(state.health, "healthy");
  ASSERT_OK_AND_ASSIGN(const ContainerState kept, ContainerState::FromJson(state.ToJson()));
  EXPECT_EQ(kept.health, "healthy");
  auto later = Journal({RecordType::kLaunched, RecordType::kStarted, RecordType::kHealth, RecordType::kHealth,
                        RecordType::kExited});
  FoldRecords(later, false, state);
  EXPECT_EQ(state.health, "unhealthy");
}

TEST(Fold, WithoutAHealthCheckAnEndSaysNothingOfHealth) {
  ContainerState state;
  FoldRecords(Journal({RecordType::kLaunched, RecordType::kStarted, RecordType::kExited}), false, state);
  EXPECT_EQ(state.health, "");
}

TEST(StatusText, SaysHowARunningContainerIs) {
  ContainerState state;
  state.phase = Phase::kRunning;
  constexpr std::int64_t kNow = 5'000'000'000;
  EXPECT_EQ(StatusText(state, false, kNow), "Up 5 seconds");
  for (const auto& [health, text] : {std::pair("starting", "Up 5 seconds (health: starting)"),
                                     {"healthy", "Up 5 seconds (healthy)"},
                                     {"unhealthy", "Up 5 seconds (unhealthy)"}}) {
    state.health = health;
    EXPECT_EQ(StatusText(state, false, kNow), text);
  }
  state.phase = Phase::kPaused;
  EXPECT_EQ(StatusText(state, false, kNow), "Up 5 seconds (Paused)");
}

TEST(Fold, FoldingTwiceChangesNothing) {
  ContainerState state;
  const auto records = Journal({RecordType::kLaunched, RecordType::kStarted, RecordType::kExited});
  FoldRecords(records, false, state);
  const std::string once = state.ToJson().Dump();
  const FoldedRecords again = FoldRecords(records, false, state);
  EXPECT_FALSE(again.started || again.exited);
  EXPECT_EQ(state.ToJson().Dump(), once);
}

TEST(Fold, WhoHasJustStartedItDoesNotTakeItsExitForTheLastWord) {
  ContainerState state;
  const auto records =
      Journal({RecordType::kLaunched, RecordType::kStarted, RecordType::kExited, RecordType::kFinished});
  FoldRecords(records, /*until_start=*/true, state);
  EXPECT_EQ(state.phase, Phase::kRunning);
  FoldRecords(records, false, state);
  EXPECT_EQ(state.phase, Phase::kExited);
}

TEST(Fold, AStartThatFailedLeavesItCreatedWithTheReason) {
  ContainerState state;
  state.phase = Phase::kStarting;
  FoldRecords(Journal({RecordType::kLaunched, RecordType::kStartFailed, RecordType::kFinished}), false,
              state);
  EXPECT_EQ(state.phase, Phase::kCreated);
  EXPECT_EQ(state.error, "text");
  EXPECT_EQ(state.exit_code, 3);
}

TEST(Fold, ExecsAndPausesAreSeen) {
  ContainerState state;
  const FoldedRecords folded = FoldRecords(
      Journal({RecordType::kStarted, RecordType::kExecExited, RecordType::kPaused}), false, state);
  ASSERT_EQ(folded.execs.size(), 1U);
  EXPECT_EQ(folded.execs[0].id, "text");
  EXPECT_EQ(state.phase, Phase::kPaused);
  EXPECT_FALSE(folded.finished);
}

TEST(Records, AStateSurvivesTheStore) {
  ContainerState state;
  state.phase = Phase::kPaused;
  state.pid = 5;
  state.journal_seq = 9;
  state.endpoints.emplace_back().network_id = "n";
  state.ports.push_back({net::Protocol::kUdp, ParseIp("127.0.0.1").value(), 2, ParseIp("fd00::3").value(), 4});
  ASSERT_OK_AND_ASSIGN(codec::Json json, codec::ParseJson(state.ToJson().Dump()));
  ASSERT_OK_AND_ASSIGN(ContainerState back, ContainerState::FromJson(json));
  EXPECT_EQ(back.ToJson().Dump(), state.ToJson().Dump());
  EXPECT_EQ(back.phase, Phase::kPaused);
  EXPECT_EQ(back.ports, state.ports);
}

TEST(StatusText, ReadsAsDockers) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  ContainerState state;
  EXPECT_EQ(StatusText(state, false, 0), "Created");
  state.phase = Phase::kRunning;
  EXPECT_EQ(StatusText(state, false, 300 * kSecond), "Up 5 minutes");
  state.phase = Phase::kPaused;
  EXPECT_EQ(StatusText(state, false, 61 * kSecond), "Up About a minute (Paused)");
  state.phase = Phase::kExited;
  state.exit_code = 137;
  EXPECT_EQ(StatusText(state, false, 3 * kSecond), "Exited (137) 3 seconds ago");
  EXPECT_EQ(HumanDuration(0), "Less than a second");
  EXPECT_EQ(HumanDuration(3 * 86400), "3 days");
}

}  // namespace
}  // namespace estiba::engine
