#include "fake_container.h"

#include <sys/eventfd.h>

#include "os/inet.h"

namespace estiba::monitor {
namespace {

using monitorapi::RecordType;
using monitorapi::Type;
using ::testing::ElementsAre;

TEST_F(SupervisorTest, RecordsAndTellsHowTheContainerEnded) {
  ASSERT_OK_AND_ASSIGN(const auto started, Launch("exit 3"));
  EXPECT_GT(started.pid, 0);
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 3);
  EXPECT_FALSE(exited.oom);
  AwaitFinished();
  EXPECT_THAT(RecordTypes(), ElementsAre(RecordType::kLaunched, RecordType::kCreated, RecordType::kStarted,
                                         RecordType::kExited, RecordType::kFinished));
  EXPECT_GE(shared_.undos, 1);
}

TEST_F(SupervisorTest, ASignalIsAnExitCodeAbove128) {
  ASSERT_OK(Launch("kill -9 $$"));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 137);
  EXPECT_EQ(exited.signal, 9);
}

TEST_F(SupervisorTest, TheOomKillersWorkIsSaid) {
  shared_.oom_kills = 1;
  ASSERT_OK(Launch("exit 137"));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_TRUE(exited.oom);
}

TEST_F(SupervisorTest, AChildsOomKillIsToldWhileTheContainerRuns) {
  shared_.oom_event = os::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  // v1 tells first and kills then.
  ASSERT_EQ(::eventfd_write(shared_.oom_event.get(), 1), 0);
  ASSERT_OK(Call(monitorapi::Stats{}));
  shared_.oom_kills = 1;
  ASSERT_OK_AND_ASSIGN(const auto notice, client_->AwaitNotice(Type::kNoticeOom, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto oom, notice.Decode<monitorapi::Oom>());
  EXPECT_EQ(oom.kills, 1U);
  EXPECT_EQ(Records().back().type, RecordType::kOom);
}

TEST_F(SupervisorTest, AnOomKillBeforeAnybodyWatchedIsToldToo) {
  shared_.oom_event = os::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  shared_.oom_kills = 1;
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  ASSERT_OK(client_->AwaitNotice(Type::kNoticeOom, kPatience));
}

struct Bound {
  os::UniqueFd socket;
  std::uint16_t port = 0;
};
Result<Bound> Bind(std::uint16_t port = 0) {
  Bound bound;
  bound.socket = TRY(os::BindInet(SOCK_STREAM, {std::string("\x7f\0\0\1", 4), port, {}}));
  bound.port = TRY(os::LocalPort(bound.socket.get()));
  return bound;
}

TEST_F(SupervisorTest, AChangedNetworkHoldsThePortsOfNowAndNoOthers) {
  ASSERT_OK_AND_ASSIGN(Bound before, Bind());
  ASSERT_OK_AND_ASSIGN(Bound after, Bind());
  std::vector<os::UniqueFd> held;
  held.push_back(std::move(before.socket));
  launch_.port_sockets = 1;
  shared_.host_ports = {"127.0.0.1:" + std::to_string(after.port) + " tcp"};
  ASSERT_OK(Launch("while :; do sleep 0.01; done", std::move(held)));
  monitorapi::ChangeNetwork change;
  change.revision = 1;
  ASSERT_OK(client_->Call(change, {after.socket.get()}, kPatience));
  after.socket.Reset();
  ASSERT_OK(Bind(before.port));
  EXPECT_EQ(Bind(after.port).error().errnum(), EADDRINUSE);
}

TEST_F(SupervisorTest, AChangeThatFailsKeepsThePorts) {
  ASSERT_OK_AND_ASSIGN(Bound more, Bind());
  shared_.fail_change = "there is no bridge";
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  monitorapi::ChangeNetwork change;
  change.revision = 1;
  const auto answer = client_->Call(change, {more.socket.get()}, kPatience);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().Message(), "there is no bridge");
  more.socket.Reset();
  ASSERT_OK(Bind(more.port));
}

// What an engine asked for before it was killed does not come behind what the next one found.
TEST_F(SupervisorTest, AnOlderChangeIsRefused) {
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  monitorapi::ChangeNetwork settle;
  settle.revision = 5;
  settle.only_settle = true;
  ASSERT_OK(Call(settle));
  EXPECT_EQ(shared_.changes, 0);
  monitorapi::ChangeNetwork late;
  late.revision = 4;
  EXPECT_EQ(Call(late).error().code(), Code::kAborted);
  EXPECT_EQ(shared_.changes, 0);
  late.revision = 6;
  ASSERT_OK(Call(late));
  EXPECT_EQ(shared_.changes, 1);
}

TEST_F(SupervisorTest, AFailedStartIsAnErrorWithDockersExitCode) {
  shared_.fail_run = "start container 'web': exec: \"foo\": executable file not found in $PATH";
  ASSERT_FALSE(Launch("").ok());
  AwaitFinished();
  EXPECT_THAT(RecordTypes(),
              ElementsAre(RecordType::kLaunched, RecordType::kStartFailed, RecordType::kFinished));
  EXPECT_EQ(Records()[1].code, 127);
}

TEST_F(SupervisorTest, OutputIsLoggedWithItsStream) {
  ASSERT_OK(Launch("echo one; echo two >&2; printf three"));
  ASSERT_OK(AwaitExit());
  AwaitFinished();
  EXPECT_THAT(Log(), ::testing::AllOf(::testing::HasSubstr("one\n"), ::testing::HasSubstr("two\n"),
                                      ::testing::HasSubstr("three")));
}

TEST_F(SupervisorTest, AConnectionParkedBeforeTheStartLosesNothing) {
  std::vector<os::UniqueFd> attached;
  const os::UniqueFd client = Park(attached);
  ASSERT_OK(Launch("echo first; echo second >&2; exit 0", std::move(attached)));
  ASSERT_OK(AwaitExit());
  const std::string text = Unframe(ReadToEnd(client.get()));
  EXPECT_THAT(text, ::testing::AnyOf("out:first\nerr:second\n", "err:second\nout:first\n"));
}

TEST_F(SupervisorTest, AClientSeesTheEndOnlyOnceTheExitIsAcknowledged) {
  std::vector<os::UniqueFd> attached;
  const os::UniqueFd client = Park(attached);
  ASSERT_OK(Launch("exit 0", std::move(attached)));
  ASSERT_OK_AND_ASSIGN(const auto notice, client_->AwaitNotice(Type::kNoticeExited, kPatience));
  pollfd wait{client.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 0), 0);
  ASSERT_OK(client_->Acknowledge(notice));
  EXPECT_EQ(ReadToEnd(client.get()), "");
}

TEST_F(SupervisorTest, StandardInputEndsWithTheFirstClients) {
  std::vector<os::UniqueFd> attached;
  const os::UniqueFd client = ParkInput(attached, "early ");
  ASSERT_OK(Launch("cat; echo done", std::move(attached)));
  ASSERT_OK(os::WriteAll(client.get(), "bird\n"));
  ::shutdown(client.get(), SHUT_WR);
  ASSERT_OK(AwaitExit());
  EXPECT_EQ(Unframe(ReadToEnd(client.get())), "out:early bird\ndone\n");
}

TEST_F(SupervisorTest, LargeInputArrivesWhole) {
  std::vector<os::UniqueFd> attached;
  const os::UniqueFd client = ParkInput(attached);
  ASSERT_OK(Launch("wc -c", std::move(attached)));
  std::thread writer([&] {
    EXPECT_TRUE(os::WriteAll(client.get(), std::string(3'000'000, 'x')).ok());
    ::shutdown(client.get(), SHUT_WR);
  });
  ASSERT_OK(AwaitExit());
  writer.join();
  EXPECT_EQ(Unframe(ReadToEnd(client.get())), "out:3000000\n");
}

TEST_F(SupervisorTest, InputOfAClientThatHasGoneArrivesWhole) {
  std::vector<os::UniqueFd> attached;
  os::UniqueFd client = ParkInput(attached);
  constexpr int kRoom = 200'000;  // the kernel doubles it: everything can be written before anything is read
  ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_SNDBUF, &kRoom, sizeof kRoom), 0);
  const std::string go = dir_ / "go";
  ASSERT_OK(Launch("while [ ! -e " + go + " ]; do sleep 0.01; done; wc -c", std::move(attached)));
  // More than the pipe and the monitor hold: the rest is in the socket when the client closes it.
  ASSERT_OK(os::WriteAll(client.get(), std::string(kRoom, 'x')));
  client.Reset();
  ASSERT_OK(Call(monitorapi::Stats{}));  // the monitor has seen it
  ASSERT_OK(os::ReplaceFile({AT_FDCWD}, go, "", 0600));
  ASSERT_OK(AwaitExit());
  AwaitFinished();
  EXPECT_EQ(Log(), "200000\n");
}

TEST_F(SupervisorTest, AClientThatNeverReadsHoldsNobodyUp) {
  std::vector<os::UniqueFd> attached;
  const os::UniqueFd stuck = Park(attached);
  const os::UniqueFd reader = Park(attached);
  ASSERT_OK(
      Launch("i=0; while [ $i -lt 20000 ]; do echo \"line $i of quite a lot of output to fill buffers\"; "
             "i=$((i+1)); done",
             std::move(attached)));
  std::string text;
  std::thread reading([&] { text = ReadToEnd(reader.get()); });
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 0);
  reading.join();
  EXPECT_THAT(Unframe(text).substr(0, 12), "out:line 0 o");
  EXPECT_EQ(Unframe(text).substr(4), Log());
  AwaitFinished();
  // And the stuck one still finds everything, exactly once, when it comes round to reading.
  EXPECT_EQ(Unframe(ReadToEnd(stuck.get())).substr(4), Log());
}

TEST_F(SupervisorTest, ASlowClientGetsEveryByteAcrossRotations) {
  launch_.log.max_size = 100'000;
  launch_.log.max_files = 20;
  std::vector<os::UniqueFd> attached;
  const os::UniqueFd stuck = Park(attached);
  ASSERT_OK(Launch(
      "i=0; while [ $i -lt 20000 ]; do printf 'part %s ' $i; [ $((i % 3)) = 0 ] && echo; i=$((i+1)); done",
      std::move(attached)));
  ASSERT_OK(AwaitExit());
  AwaitFinished();
  EXPECT_EQ(Unframe(ReadToEnd(stuck.get())).substr(4), Log());
}

TEST_F(SupervisorTest, AttachingLaterWithLogsGivesBothWithoutAGap) {
  launch_.open_stdin = true;
  ASSERT_OK(Launch("echo before; printf begun; read x; echo \" $x\"; read y"));
  auto helper = Connect();
  monitorapi::Attach attach;
  attach.options.in = true;
  attach.options.logs = true;
  ASSERT_OK(Call(attach, {helper.theirs.get()}));
  helper.theirs.Reset();
  ReadUntilHas(helper.ours.get(), "begun");
  ASSERT_OK(os::WriteAll(helper.ours.get(), "after\n"));
  EXPECT_EQ(Unframe(ReadUntilHas(helper.ours.get(), "after\n")), "out: after\n");
}

TEST_F(SupervisorTest, StopSendsTheSignalAndAnswersAfterTheExit) {
  ASSERT_OK(Launch("trap 'exit 7' TERM; while :; do sleep 0.01; done"));
  monitorapi::Stop stop;
  ASSERT_OK_AND_ASSIGN(const std::uint32_t id, client_->Send(stop));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_THAT(exited.code, ::testing::AnyOf(7, 143));  // 143: before the shell had set its trap
  ASSERT_OK(client_->Await(id, kPatience));
}

TEST_F(SupervisorTest, StopKillsWhatDoesNotListen) {
  std::vector<os::UniqueFd> attached;
  const os::UniqueFd client = Park(attached);
  ASSERT_OK(Launch("trap '' TERM; echo ready; while :; do sleep 0.01; done", std::move(attached)));
  ReadUntilHas(client.get(), "ready");
  monitorapi::Stop stop;
  stop.timeout_ms = 50;
  ASSERT_OK(client_->Send(stop));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 137);
}

TEST_F(SupervisorTest, RestartsOnFailureAsOftenAsAllowed) {
  launch_.restart = {monitorapi::RestartKind::kOnFailure, 2};
  ASSERT_OK(Launch("exit 1"));
  ASSERT_OK_AND_ASSIGN(const auto first, AwaitExit());
  EXPECT_TRUE(first.restarting);
  ASSERT_OK_AND_ASSIGN(const auto second, AwaitExit());
  EXPECT_TRUE(second.restarting);
  ASSERT_OK_AND_ASSIGN(const auto third, AwaitExit());
  EXPECT_FALSE(third.restarting);
  AwaitFinished();
  EXPECT_EQ(shared_.runs, 3);
}

TEST_F(SupervisorTest, AStopWhileItWaitsForTheRestartEndsIt) {
  launch_.restart = {monitorapi::RestartKind::kAlways, 0};
  ASSERT_OK(Launch("exit 1"));
  ASSERT_OK(AwaitExit());
  ASSERT_OK(client_->AwaitNotice(Type::kNoticeRestarting, kPatience));
  ASSERT_OK(Call(monitorapi::Stop{}));
  AwaitFinished();
  EXPECT_EQ(shared_.runs, 1);
}

TEST_F(SupervisorTest, ARestartOnRequestRunsThePlanAgainWhateverThePolicy) {
  ASSERT_OK_AND_ASSIGN(const auto first, Launch("while :; do sleep 0.01; done"));
  monitorapi::Stop stop;
  stop.restart = true;
  ASSERT_OK(client_->Send(stop));
  ASSERT_OK(AwaitExit());
  ASSERT_OK_AND_ASSIGN(const auto notice, client_->AwaitNotice(Type::kNoticeStarted, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto again, notice.Decode<monitorapi::Started>());
  EXPECT_NE(again.pid, first.pid);
  EXPECT_EQ(shared_.runs, 2);
}

TEST_F(SupervisorTest, ARestartOnRequestForgetsTheRestartsBefore) {
  launch_.restart_count = 4;
  ASSERT_OK_AND_ASSIGN(const auto first, Launch("while :; do sleep 0.01; done"));
  EXPECT_EQ(first.restart_count, 4U);
  monitorapi::Stop stop;
  stop.restart = true;
  ASSERT_OK(client_->Send(stop));
  ASSERT_OK(AwaitExit());
  ASSERT_OK_AND_ASSIGN(const auto notice, client_->AwaitNotice(Type::kNoticeStarted, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto again, notice.Decode<monitorapi::Started>());
  EXPECT_EQ(again.restart_count, 0U);
}

TEST_F(SupervisorTest, KillEndsTheRestartPolicy) {
  launch_.restart = {monitorapi::RestartKind::kAlways, 0};
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  ASSERT_OK(Call(monitorapi::Signal{SIGKILL, false}));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_FALSE(exited.restarting);
}

TEST_F(SupervisorTest, PauseIsRefusedTwiceAndKillThaws) {
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  ASSERT_OK(Call(monitorapi::Pause{}));
  EXPECT_FALSE(Call(monitorapi::Pause{}).ok());
  ASSERT_OK(Call(monitorapi::Signal{SIGKILL, false}));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 137);
}

TEST_F(SupervisorTest, AnEngineThatConnectsLaterLearnsTheState) {
  ASSERT_OK_AND_ASSIGN(const auto started, Launch("while :; do sleep 0.01; done"));
  client_.reset();  // the engine is gone
  ASSERT_TRUE(ConnectAgain());
  ASSERT_OK_AND_ASSIGN(const auto answer, client_->Call(monitorapi::Subscribe{}, {}, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto state, answer.Decode<monitorapi::State>());
  EXPECT_EQ(state.phase, monitorapi::Phase::kRunning);
  EXPECT_EQ(state.started.pid, started.pid);
  ASSERT_OK(Call(monitorapi::Signal{SIGKILL, false}));
  ASSERT_OK(AwaitExit());
}

TEST_F(SupervisorTest, WithoutAnyEngineTheExitIsRecorded) {
  std::vector<os::UniqueFd> attached;
  os::UniqueFd client = ParkInput(attached);
  ASSERT_OK(Launch("cat; exit 5", std::move(attached)));
  client_.reset();
  client.Reset();
  thread_.join();
  ASSERT_EQ(Records().size(), 5U);
  EXPECT_EQ(Records()[3].type, RecordType::kExited);
  EXPECT_EQ(Records()[3].code, 5);
}

TEST_F(SupervisorTest, AnUnknownRequestIsRefusedByNumber) {
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  ASSERT_OK(Call(monitorapi::Stats{}));  // it listens right after it has answered the launch
  ASSERT_OK_AND_ASSIGN(os::UniqueFd socket, os::ConnectUnix(dir_ / "run/sock", SOCK_SEQPACKET));
  monitorapi::Channel later(std::move(socket));
  ASSERT_OK(later.Send(static_cast<Type>(77), 5, {}));
  ASSERT_OK_AND_ASSIGN(const auto answer, later.Receive());  // the socket blocks
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->id, 5U);
  ASSERT_OK_AND_ASSIGN(const auto failure, answer->Decode<monitorapi::Failure>());
  EXPECT_EQ(failure.ToError().code(), Code::kNotImplemented);
  EXPECT_THAT(failure.message, ::testing::HasSubstr("77"));
}

TEST_F(SupervisorTest, ARequestWithoutItsConnectionIsRefused) {
  ASSERT_OK(Launch("while :; do sleep 0.01; done"));
  EXPECT_FALSE(Call(monitorapi::Attach{}).ok());
  EXPECT_FALSE(Call(monitorapi::Logs{}).ok());
  EXPECT_FALSE(Call(monitorapi::Exec{}).ok());
}

}  // namespace
}  // namespace estiba::monitor
