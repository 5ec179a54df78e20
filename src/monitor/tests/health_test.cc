// A supervisor that probes its container, which is a shell of this process.

#include "monitorapi/health.h"

#include "fake_container.h"
#include "proc_stat.h"

namespace estiba::monitor {
namespace {

using monitorapi::HealthAction;
using monitorapi::RecordType;
using monitorapi::Type;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr char kStays[] = "while :; do sleep 0.01; done";

class HealthTest : public SupervisorTest {
 protected:
  void SetUp() override {
    SupervisorTest::SetUp();
    monitorapi::HealthCheck& check = launch_.health;
    check.enabled = true;
    check.interval = nanoseconds(milliseconds(20)).count();
    check.start_interval = check.interval;
    check.timeout = nanoseconds(seconds(20)).count();
    check.retries = 2;
    check.stop_timeout_ms = 5000;
  }
  std::string At(const char* name) const { return dir_ / name; }
  void Touch(const char* name) { ASSERT_OK(os::ReplaceFile({AT_FDCWD}, At(name), "", 0600)); }

  Result<std::string> AwaitStatus() {
    const auto frame = TRY(client_->AwaitNotice(Type::kNoticeHealth, kPatience));
    return TRY(frame.Decode<monitorapi::Health>()).status;
  }
  Result<monitorapi::ProbeReply> Probe() {
    const auto frame = TRY(client_->Call(monitorapi::Probe{}, {}, kPatience));
    return frame.Decode<monitorapi::ProbeReply>();
  }
  Result<monitorapi::HealthLog> Kept() {
    const os::UniqueFd folder = TRY(os::OpenAt({AT_FDCWD}, At("data"), O_RDONLY | O_DIRECTORY));
    return monitorapi::ReadHealth({folder.get()});
  }
  // Nothing is probed but on request.
  void OnlyAsked() { launch_.health.interval = nanoseconds(std::chrono::hours(1)).count(); }
  std::vector<std::string> Recorded() {
    std::vector<std::string> said;
    for (const auto& record : Records())
      if (record.type == RecordType::kHealth) said.push_back(record.text);
    return said;
  }
};

TEST_F(HealthTest, ChangesAreRecordedAndTold) {
  shared_.probe = "test -e " + At("well");
  Touch("well");
  ASSERT_OK(Launch(kStays));
  ASSERT_OK_AND_ASSIGN(std::string status, AwaitStatus());
  EXPECT_EQ(status, "healthy");
  ::unlink(At("well").c_str());
  ASSERT_OK_AND_ASSIGN(status, AwaitStatus());
  EXPECT_EQ(status, "unhealthy");
  ASSERT_OK_AND_ASSIGN(const auto log, Kept());
  EXPECT_GE(log.failing_streak, 2U);
  EXPECT_EQ(log.results.back().exit_code, 1);
  EXPECT_GT(log.results.back().start, 0);
  EXPECT_GE(log.results.back().end, log.results.back().start);
  Touch("well");
  ASSERT_OK_AND_ASSIGN(status, AwaitStatus());
  EXPECT_EQ(status, "healthy");
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("starting", "healthy", "unhealthy", "healthy"));
}

TEST_F(HealthTest, ThousandsOfProbesLeaveFiveResultsAndNoRecord) {
  launch_.health.interval = nanoseconds(milliseconds(1)).count();
  shared_.probe = "echo said";
  ASSERT_OK(Launch(kStays));
  ASSERT_OK(AwaitStatus());
  for (int i = 0; i < 50; ++i) ASSERT_OK(client_->AwaitNotice(Type::kNoticeProbeEnded, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto log, Kept());
  EXPECT_EQ(log.results.size(), 5U);
  EXPECT_EQ(log.results.back().output, "said\n");
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("starting", "healthy"));
}

TEST_F(HealthTest, EachProbeIsToldAsAnExecWithAnIdOfItsOwn) {
  shared_.probe = "exit 3";
  ASSERT_OK(Launch(kStays));
  std::string last;
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(auto frame, client_->AwaitNotice(Type::kNoticeProbeStarted, kPatience));
    ASSERT_OK_AND_ASSIGN(const auto started, frame.Decode<monitorapi::ProbeStarted>());
    EXPECT_EQ(started.exec_id.size(), 64U);
    EXPECT_NE(started.exec_id, last);
    last = started.exec_id;
    ASSERT_OK_AND_ASSIGN(frame, client_->AwaitNotice(Type::kNoticeProbeEnded, kPatience));
    ASSERT_OK_AND_ASSIGN(const auto ended, frame.Decode<monitorapi::ProbeEnded>());
    EXPECT_EQ(ended.exec_id, last);
    EXPECT_TRUE(ended.ran);
    EXPECT_EQ(ended.code, 3);
  }
}

TEST_F(HealthTest, OutputBeyondTheLimitIsReadAndDropped) {
  OnlyAsked();
  shared_.probe = "head -c 5000000 /dev/zero | tr '\\0' x; echo >&2 end";
  ASSERT_OK(Launch(kStays));
  ASSERT_OK_AND_ASSIGN(const auto reply, Probe());
  EXPECT_EQ(reply.exit_code, 0);
  EXPECT_EQ(reply.output, std::string(4096, 'x') + "...");
}

TEST_F(HealthTest, BothStreamsAreInTheOrderTheyWereWritten) {
  OnlyAsked();
  shared_.probe = "echo one; echo two >&2; echo three";
  ASSERT_OK(Launch(kStays));
  ASSERT_OK_AND_ASSIGN(const auto reply, Probe());
  EXPECT_EQ(reply.output, "one\ntwo\nthree\n");
}

TEST_F(HealthTest, WhatTakesTooLongIsKilledWithAllItHasStarted) {
  OnlyAsked();
  launch_.health.timeout = nanoseconds(milliseconds(300)).count();
  shared_.probe = "echo begun; sleep 1000 & echo $! > " + At("child") + "; wait";
  ASSERT_OK(Launch(kStays));
  ASSERT_OK_AND_ASSIGN(const auto reply, Probe());
  EXPECT_EQ(reply.exit_code, -1);
  EXPECT_EQ(reply.output, "Health check exceeded timeout (300ms): begun\n");
  ASSERT_OK_AND_ASSIGN(const std::string child, os::ReadFile(At("child")));
  const pid_t pid = std::stoi(child);
  EXPECT_TRUE(testing::Eventually([&] {
    const auto stat = ReadProcStat(pid);
    return !stat || stat->ended;  // its reaper is not we
  }));
}

TEST_F(HealthTest, ADaemonThatAProbeLeavesBehindIsNotWaitedFor) {
  OnlyAsked();
  shared_.probe = "setsid sh -c 'echo $$ > " + At("daemon") + "; exec sleep 1000' & while ! test -s " + At("daemon") +
                  "; do sleep 0.01; done; echo left";
  ASSERT_OK(Launch(kStays));
  ASSERT_OK_AND_ASSIGN(const auto reply, Probe());
  EXPECT_EQ(reply.exit_code, 0);
  EXPECT_EQ(reply.output, "left\n");
  ASSERT_OK_AND_ASSIGN(const std::string daemon, os::ReadFile(At("daemon")));
  EXPECT_EQ(::kill(std::stoi(daemon), SIGKILL), 0);  // it goes on
}

TEST_F(HealthTest, AProbeThatCannotRunIsAFailure) {
  OnlyAsked();
  shared_.probe = "missing";
  ASSERT_OK(Launch(kStays));
  ASSERT_OK_AND_ASSIGN(const auto reply, Probe());
  EXPECT_EQ(reply.exit_code, -1);
  EXPECT_EQ(reply.output, "exec: \"foo\": executable file not found in $PATH");
  EXPECT_EQ(reply.status, "starting");
  ASSERT_OK_AND_ASSIGN(const auto again, Probe());
  EXPECT_EQ(again.status, "unhealthy");
}

TEST_F(HealthTest, WhilePausedNothingIsProbed) {
  shared_.probe = "echo x >> " + At("probes");
  ASSERT_OK(Launch(kStays));
  ASSERT_OK(AwaitStatus());
  ASSERT_OK(Call(monitorapi::Pause{}));
  ASSERT_OK_AND_ASSIGN(const std::string before, os::ReadFile(At("probes")));
  EXPECT_FALSE(client_->AwaitNotice(Type::kNoticeProbeStarted, milliseconds(200)).ok());
  ASSERT_OK_AND_ASSIGN(const std::string after, os::ReadFile(At("probes")));
  EXPECT_EQ(after, before);
  EXPECT_FALSE(Probe().ok());
  ASSERT_OK(Call(monitorapi::Unpause{}));
  ASSERT_OK(client_->AwaitNotice(Type::kNoticeProbeEnded, kPatience));
}

TEST_F(HealthTest, APauseEndsTheProbeThatRunsAndItMeansNothing) {
  OnlyAsked();
  launch_.health.retries = 1;
  shared_.probe = "touch " + At("probing") + "; sleep 1000";
  ASSERT_OK(Launch(kStays));
  ASSERT_OK(client_->Send(monitorapi::Probe{}, {}));
  ASSERT_OK(client_->AwaitNotice(Type::kNoticeProbeStarted, kPatience));
  ASSERT_OK(Call(monitorapi::Pause{}));
  ASSERT_OK(Call(monitorapi::Unpause{}));
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("starting"));
}

TEST_F(HealthTest, OnRequestTheUnhealthyIsRestarted) {
  launch_.health.on_failure = HealthAction::kRestart;
  shared_.probe = "test -e " + At("well");
  ASSERT_OK(Launch(kStays));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.signal, SIGTERM);
  EXPECT_TRUE(exited.restarting);
  Touch("well");
  ASSERT_OK(client_->AwaitNotice(Type::kNoticeStarted, kPatience));
  ASSERT_OK_AND_ASSIGN(const std::string status, AwaitStatus());
  EXPECT_EQ(status, "healthy");
  EXPECT_EQ(shared_.runs, 2);
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("starting", "unhealthy", "starting", "healthy"));
  ASSERT_OK_AND_ASSIGN(const auto log, Kept());
  EXPECT_EQ(log.failing_streak, 0U);
}

TEST_F(HealthTest, OnRequestTheUnhealthyIsStoppedWhateverThePolicy) {
  launch_.health.on_failure = HealthAction::kStop;
  launch_.restart.kind = monitorapi::RestartKind::kAlways;
  shared_.probe = "false";
  ASSERT_OK(Launch("trap 'exit 7' TERM; while :; do sleep 0.01; done"));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 7);
  EXPECT_FALSE(exited.restarting);
  AwaitFinished();
}

TEST_F(HealthTest, OneKilledForItsHealthIsThePolicys) {
  launch_.health.on_failure = HealthAction::kKill;
  launch_.restart = {monitorapi::RestartKind::kOnFailure, 1};
  shared_.probe = "false";
  ASSERT_OK(Launch("trap '' TERM; while :; do sleep 0.01; done"));
  ASSERT_OK_AND_ASSIGN(const auto first, AwaitExit());
  EXPECT_EQ(first.code, 137);
  EXPECT_TRUE(first.restarting);
  ASSERT_OK_AND_ASSIGN(const auto second, AwaitExit());
  EXPECT_FALSE(second.restarting);
  AwaitFinished();
}

TEST_F(HealthTest, WithoutAnEngineItGoesOn) {
  shared_.probe = "test -e " + At("well");
  ASSERT_OK(Launch(kStays));
  client_.reset();
  Touch("well");
  EXPECT_TRUE(testing::Eventually([&] { return Recorded().size() == 2; }));
  EXPECT_THAT(Recorded(), ::testing::ElementsAre("starting", "healthy"));
  ASSERT_TRUE(ConnectAgain());
}

TEST(ProcStat, AProcessIsEndingOnceNoThreadOfItGoesOn) {
  EXPECT_FALSE(IsEnding(::getpid()));
  EXPECT_EQ(ReadProcStat(::getpid())->parent, ::getppid());
  EXPECT_EQ(ReadProcStat(::getpid())->session, ::getsid(0));
  os::SpawnOptions options;
  options.program = "/bin/sh";
  options.argv = {"sh", "-c", "read x"};
  ASSERT_OK_AND_ASSIGN(os::Pipe pipe, os::MakePipe());
  options.fds.emplace_back(pipe.read.get(), 0);
  ASSERT_OK_AND_ASSIGN(os::Process process, os::Spawn(options));
  EXPECT_FALSE(IsEnding(process.pid()));
  pipe = {};
  EXPECT_TRUE(testing::Eventually([&] { return ReadProcStat(process.pid())->ended; }));
  EXPECT_TRUE(IsEnding(process.pid()));
  const pid_t pid = process.pid();
  ASSERT_OK(process.Wait());
  EXPECT_TRUE(IsEnding(pid));
}

TEST_F(HealthTest, WithoutACheckNobodyCanAsk) {
  launch_.health = {};
  ASSERT_OK(Launch(kStays));
  const auto reply = Probe();
  ASSERT_FALSE(reply.ok());
  EXPECT_THAT(reply.error().Message(), ::testing::HasSubstr("has no defined healthcheck"));
  EXPECT_TRUE(Recorded().empty());
}

}  // namespace
}  // namespace estiba::monitor
