#include "fake_container.h"

namespace estiba::monitor {
namespace {

using monitorapi::Type;

class ExecTest : public SupervisorTest {
 protected:
  void Start() { ASSERT_OK(Launch("while :; do sleep 0.01; done")); }
  // Starts an exec with a connection; the notice of its end is left for the test.
  Result<os::UniqueFd> Exec(monitorapi::Exec exec) {
    auto connection = Connect();
    exec.exec_id = "e1";
    TRY(client_->Call(exec, {connection.theirs.get()}, kPatience));
    return std::move(connection.ours);
  }
  Result<monitorapi::ExecExited> AwaitExecExit() {
    const auto frame = TRY(client_->AwaitNotice(Type::kNoticeExecExited, kPatience));
    TRY(client_->Acknowledge(frame));
    return frame.Decode<monitorapi::ExecExited>();
  }
};

monitorapi::Exec Script(const std::string& script) {
  monitorapi::Exec exec;
  exec.plan = script;
  return exec;
}

TEST_F(ExecTest, OutputIsFramedAndTheExitCodeToldBeforeTheEnd) {
  Start();
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Exec(Script("echo hi; exit 9")));
  ASSERT_OK_AND_ASSIGN(const auto notice, client_->AwaitNotice(Type::kNoticeExecExited, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto exited, notice.Decode<monitorapi::ExecExited>());
  EXPECT_EQ(exited.code, 9);
  EXPECT_EQ(Unframe(ReadUntilHas(client.get(), "hi\n")), "out:hi\n");
  pollfd wait{client.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 0), 0);  // no end yet
  ASSERT_OK(client_->Acknowledge(notice));
  EXPECT_EQ(ReadToEnd(client.get()), "");
}

TEST_F(ExecTest, WithoutAnEngineTheStreamEndsAllTheSame) {
  Start();
  monitorapi::Exec exec = Script("read x; echo $x; exit 4");
  exec.in = true;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Exec(exec));
  client_.reset();
  ASSERT_OK(os::WriteAll(client.get(), "word\n"));
  EXPECT_EQ(Unframe(ReadToEnd(client.get())), "out:word\n");
  EXPECT_EQ(Records().back().type, monitorapi::RecordType::kExecExited);
  EXPECT_EQ(Records().back().code, 4);
  ASSERT_TRUE(ConnectAgain());
}

TEST_F(ExecTest, HalfCloseIsTheEndOfInput) {
  Start();
  monitorapi::Exec exec = Script("cat; echo over");
  exec.in = true;
  exec.leftover = "a";
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Exec(exec));
  ASSERT_OK(os::WriteAll(client.get(), "b"));
  ::shutdown(client.get(), SHUT_WR);
  ASSERT_OK(AwaitExecExit());
  EXPECT_EQ(Unframe(ReadToEnd(client.get())), "out:abover\n");
}

TEST_F(ExecTest, AClientThatReadsSlowlyLosesNothing) {
  Start();
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Exec(Script("head -c 3000000 /dev/zero")));
  // Nothing is read until the process is blocked on the full way out; then everything.
  const std::string text = Unframe(ReadToEnd(client.get()));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExecExit());
  EXPECT_EQ(exited.code, 0);
  EXPECT_EQ(text.size(), 3'000'000U + std::string_view("out:").size());
}

TEST_F(ExecTest, AProgramThatCannotRunSaysSoInTheStream) {
  Start();
  auto connection = Connect();
  monitorapi::Exec exec = Script("missing");
  exec.exec_id = "e1";
  const auto answer = client_->Call(exec, {connection.theirs.get()}, kPatience);
  EXPECT_FALSE(answer.ok());
  connection.theirs.Reset();
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExecExit());
  EXPECT_EQ(exited.code, 127);
  EXPECT_EQ(Unframe(ReadToEnd(connection.ours.get())),
            "out:exec: \"foo\": executable file not found in $PATH\r\n");
}

TEST_F(ExecTest, ADetachedOneHasNoStreams) {
  Start();
  monitorapi::Exec exec = Script("echo lost; exit 2");
  exec.exec_id = "e1";
  exec.detach = true;
  ASSERT_OK(Call(exec));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExecExit());
  EXPECT_EQ(exited.code, 2);
}

TEST_F(ExecTest, ATerminalIsRawAndCanBeResized) {
  Start();
  monitorapi::Exec exec = Script("tty:read x; stty size");
  exec.tty = true;
  exec.in = true;
  exec.rows = 10;
  exec.columns = 20;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Exec(exec));
  ASSERT_OK(Call(monitorapi::Resize{"e1", 33, 44}));
  ASSERT_OK(os::WriteAll(client.get(), "go\n"));
  ASSERT_OK(AwaitExecExit());
  EXPECT_EQ(ReadToEnd(client.get()), "go\r\n33 44\r\n");
}

TEST_F(ExecTest, TheDetachKeysLeaveTheProcessRunning) {
  Start();
  monitorapi::Exec exec = Script("tty:stty raw -echo; echo ready; cat");
  exec.tty = true;
  exec.in = true;
  exec.detach_keys = "ctrl-x,x";
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Exec(exec));
  ReadUntilHas(client.get(), "ready");
  ASSERT_OK(os::WriteAll(client.get(), "\x18"));
  ASSERT_OK(os::WriteAll(client.get(), "x"));
  ASSERT_OK_AND_ASSIGN(const auto notice, client_->AwaitNotice(Type::kNoticeDetached, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto detached, notice.Decode<monitorapi::Detached>());
  EXPECT_EQ(detached.exec_id, "e1");
  EXPECT_THAT(ReadToEnd(client.get()), ::testing::Not(::testing::HasSubstr("x")));
  ASSERT_OK_AND_ASSIGN(const auto answer, client_->Call(monitorapi::Subscribe{}, {}, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto state, answer.Decode<monitorapi::State>());
  ASSERT_EQ(state.execs.size(), 1U);
  ::kill(state.execs[0].pid, SIGKILL);
  ASSERT_OK(AwaitExecExit());
}

TEST_F(ExecTest, OneThatOutlivesTheContainerWritesNothingBehindTheLastRecord) {
  Start();
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd client, Exec(Script("echo up; while :; do sleep 0.01; done")));
  ReadUntilHas(client.get(), "up\n");
  ASSERT_OK_AND_ASSIGN(const auto answer, client_->Call(monitorapi::Subscribe{}, {}, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto state, answer.Decode<monitorapi::State>());
  ASSERT_EQ(state.execs.size(), 1U);
  ASSERT_OK(Call(monitorapi::Signal{SIGKILL, false}));
  ASSERT_OK(AwaitExit());
  AwaitFinished();
  ::kill(state.execs[0].pid, SIGKILL);
  thread_.join();
  const auto records = Records();
  EXPECT_EQ(records.back().type, monitorapi::RecordType::kFinished);
  EXPECT_EQ(records[records.size() - 2].type, monitorapi::RecordType::kExecExited);
  EXPECT_EQ(records[records.size() - 2].code, 137);
}

TEST_F(ExecTest, APausedContainerTakesNone) {
  Start();
  ASSERT_OK(Call(monitorapi::Pause{}));
  const auto exec = Exec(Script("true"));
  ASSERT_FALSE(exec.ok());
  EXPECT_EQ(exec.error().code(), Code::kConflict);
  ASSERT_OK(Call(monitorapi::Unpause{}));
}

}  // namespace
}  // namespace estiba::monitor
