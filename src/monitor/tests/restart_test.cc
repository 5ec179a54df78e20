#include "restart.h"

#include "execs.h"
#include "failpoint.h"
#include "journal_writer.h"
#include "os/file.h"
#include "recover.h"
#include "tests/support.h"

#include <csignal>

#include <fcntl.h>

namespace estiba::monitor {
namespace {

using monitorapi::Record;
using monitorapi::RecordType;
using monitorapi::RestartKind;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Restart, BacksOffTwiceAsLongEachTimeUpToAMinute) {
  RestartDecider decider({RestartKind::kAlways, 0}, 0);
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 12; ++i) waits.push_back(decider.AfterExit(0, milliseconds(1))->count());
  EXPECT_THAT(
      waits, ::testing::ElementsAre(100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000));
  EXPECT_EQ(decider.count(), 12U);
}

TEST(Restart, ALongRunStartsTheWaitsAnew) {
  RestartDecider decider({RestartKind::kAlways, 0}, 0);
  for (int i = 0; i < 5; ++i) (void)decider.AfterExit(1, milliseconds(1));
  EXPECT_EQ(decider.AfterExit(1, seconds(10)), milliseconds(100));
  EXPECT_EQ(decider.AfterExit(1, milliseconds(9999)), milliseconds(200));
}

TEST(Restart, OnFailureLooksAtTheCode) {
  RestartDecider decider({RestartKind::kOnFailure, 0}, 0);
  EXPECT_FALSE(decider.AfterExit(0, seconds(1)).has_value());
  EXPECT_TRUE(decider.AfterExit(1, seconds(1)).has_value());
}

TEST(Restart, OnFailureStopsAtItsLimitCountingEarlierMonitors) {
  RestartDecider decider({RestartKind::kOnFailure, 3}, 2);
  EXPECT_TRUE(decider.AfterExit(1, seconds(1)).has_value());
  EXPECT_FALSE(decider.AfterExit(1, seconds(1)).has_value());
}

TEST(Restart, AStoppedContainerStaysDown) {
  for (const auto kind : {RestartKind::kAlways, RestartKind::kUnlessStopped, RestartKind::kOnFailure}) {
    RestartDecider decider({kind, 0}, 0);
    decider.Forbid();
    EXPECT_FALSE(decider.AfterExit(1, seconds(1)).has_value());
  }
}

TEST(ExitCode, FollowsDockersTexts) {
  EXPECT_EQ(ExitCodeOf(Error(Code::kUnknown, "exec: \"x\": executable file not found in $PATH"), 125), 127);
  EXPECT_EQ(ExitCodeOf(Error::Errno(EACCES, "exec: \"/etc/passwd\""), 125), 126);
  EXPECT_EQ(ExitCodeOf(Error(Code::kUnknown, "mount 'proc': Operation not permitted"), 125), 125);
}

TEST(Failpoint, CostsAndDoesNothingUnset) {
  ASSERT_OK_AND_ASSIGN(Failpoint point, Failpoint::Parse(""));
  EXPECT_FALSE(point.set());
  point.Hit("started");
}

TEST(Failpoint, KillsAtTheNamedStepsTurn) {
  ASSERT_OK_AND_ASSIGN(Failpoint point, Failpoint::Parse("step:2"));
  point.Hit("other");
  point.Hit("step");
  EXPECT_EXIT(point.Hit("step"), ::testing::KilledBySignal(SIGKILL), "");
}

TEST(Compact, KeepsTheContainersOwnRecords) {
  std::vector<Record> records(10);
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].seq = i + 1;
    records[i].type = i % 2 == 0 ? RecordType::kExecExited : RecordType::kExited;
  }
  const auto kept = Compact(records, 2, 100);
  std::vector<std::uint64_t> seqs;
  for (const auto& record : kept) seqs.push_back(record.seq);
  EXPECT_THAT(seqs, ::testing::ElementsAre(2, 4, 6, 7, 8, 9, 10));
}

TEST(Compact, OfTheHealthTheLastWordIsKept) {
  std::vector<Record> records(5000);
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].seq = i + 1;
    records[i].type = i == 0 ? RecordType::kStarted : RecordType::kHealth;
  }
  const auto kept = Compact(records, 100, 1000);
  ASSERT_EQ(kept.size(), 2U);  // recovery needs the start, whatever came after it
  EXPECT_EQ(kept[0].type, RecordType::kStarted);
  EXPECT_EQ(kept[1].seq, 5000U);
}

class JournalWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = os::OpenAt({AT_FDCWD}, dir_.path(), O_RDONLY | O_DIRECTORY);
    ASSERT_OK(opened);
    fd_ = std::move(*opened);
  }
  std::vector<Record> Records() { return std::move(monitorapi::ReadJournal({fd_.get()})->records); }
  void Write(const std::vector<RecordType>& types) {
    auto journal = JournalWriter::Open({fd_.get()});
    for (const RecordType type : types) {
      Record record;
      record.type = type;
      ASSERT_OK(journal->Append(record));
    }
  }
  const testing::TempDir dir_;
  os::UniqueFd fd_;
};

TEST_F(JournalWriterTest, CutsATornTailAndGoesOnCounting) {
  Write({RecordType::kLaunched, RecordType::kStarted});
  ASSERT_OK_AND_ASSIGN(std::string bytes, os::ReadFileAt({fd_.get()}, "journal"));
  bytes.resize(bytes.size() - 3);
  ASSERT_OK(os::ReplaceFile({fd_.get()}, "journal", bytes, 0600));
  Write({RecordType::kExited});
  const auto records = Records();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[1].type, RecordType::kExited);
  EXPECT_EQ(records[1].seq, 2U);
}

TEST_F(JournalWriterTest, ALargeJournalIsWrittenAnewWithTheNumbersGoingOn) {
  Write(std::vector<RecordType>(300, RecordType::kExecExited));
  ASSERT_OK_AND_ASSIGN(JournalWriter journal, JournalWriter::Open({fd_.get()}, 1000));
  ASSERT_OK(journal.Append({}));
  const auto records = Records();
  EXPECT_EQ(records.size(), 101U);
  EXPECT_EQ(records.back().seq, 301U);
}

TEST_F(JournalWriterTest, StaysShortWhileItIsWritten) {
  ASSERT_OK_AND_ASSIGN(JournalWriter journal, JournalWriter::Open({fd_.get()}, 1000));
  Record exec;
  exec.type = RecordType::kExecExited;
  for (int i = 0; i < 2000; ++i) ASSERT_OK(journal.Append(exec));
  const auto records = Records();
  EXPECT_LE(records.size(), 500U);
  EXPECT_EQ(records.back().seq, 2000U);
}

// Recovery with a runner that has nothing to do.
class NoRunner : public Runner {
 public:
  Result<Running> Run(const Stdio&, const Created&) override { return Error(Code::kInternal, "unused"); }
  Result<Running> Exec(const std::string&, pid_t, int, const Stdio&) override {
    return Error(Code::kInternal, "unused");
  }
  Result<Running> Probe(pid_t, int, const Stdio&) override { return Error(Code::kInternal, "unused"); }
  Status Undo() override {
    ++undos;
    return Ok();
  }
  Status RestoreRules() override { return Ok(); }
  Status ClearHost() override { return Ok(); }
  Status TellNames() override { return Ok(); }
  Result<Changed> ChangeNetwork(int, std::uint64_t) override { return Changed{}; }
  std::vector<Error> RunPoststopHooks() override { return {}; }
  Status KillAll() override { return Ok(); }
  Status Freeze() override { return Ok(); }
  Status Thaw() override { return Ok(); }
  Result<std::vector<std::int32_t>> Processes() override { return std::vector<std::int32_t>(); }
  Result<std::uint64_t> OomKills() override { return std::uint64_t{0}; }
  Result<std::vector<monitorapi::Counter>> Counters() override { return std::vector<monitorapi::Counter>(); }
  Status Apply(const std::vector<monitorapi::CgroupWrite>&) override { return Ok(); }
  Result<OomEvents> WatchOom() override { return OomEvents{}; }
  int undos = 0;
};

class RecoverTest : public JournalWriterTest {
 protected:
  Status Recover() { return RecoverContainer({fd_.get()}, {fd_.get()}, runner_, none_, /*other_boot=*/false); }
  NoRunner runner_;
  Failpoint none_;
};

TEST_F(RecoverTest, ARunWithoutAnExitGets137Once) {
  Write({RecordType::kLaunched, RecordType::kStarted});
  ASSERT_OK(Recover());
  ASSERT_OK(Recover());
  const auto records = Records();
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[2].type, RecordType::kExited);
  EXPECT_EQ(records[2].code, 137);
  EXPECT_EQ(records[2].text, "monitor died");
  EXPECT_EQ(records[3].type, RecordType::kFinished);
  EXPECT_EQ(runner_.undos, 2);
}

TEST_F(RecoverTest, ARecordedExitIsKept) {
  Write({RecordType::kLaunched, RecordType::kStarted, RecordType::kExited});
  ASSERT_OK(Recover());
  EXPECT_EQ(Records().size(), 4U);
  EXPECT_EQ(Records().back().type, RecordType::kFinished);
}

TEST_F(RecoverTest, OneThatWaitedForItsRestartIsOver) {
  Write({RecordType::kLaunched, RecordType::kStarted, RecordType::kExited, RecordType::kRestarting});
  ASSERT_OK(Recover());
  EXPECT_EQ(Records()[4].type, RecordType::kExited);
}

class RecoverRunTest : public RecoverTest, public ::testing::WithParamInterface<RecordType> {};

TEST_P(RecoverRunTest, TheFirstProcessIsKilledByPidAndStartTime) {
  ASSERT_OK_AND_ASSIGN(os::Process process, os::Spawn({.program = "/bin/sleep",
                                                       .argv = {"sleep", "100"},
                                                       .env = {},
                                                       .fds = {},
                                                       .new_session = false,
                                                       .cwd = ""}));
  ASSERT_OK_AND_ASSIGN(JournalWriter journal, JournalWriter::Open({fd_.get()}));
  Record record;
  record.type = GetParam();
  record.pid = process.pid();
  ASSERT_OK_AND_ASSIGN(record.start_time, os::StartTime(process.pid()));
  ASSERT_OK(journal.Append(record));
  ASSERT_OK(Recover());
  ASSERT_OK_AND_ASSIGN(const auto status, process.Wait());
  EXPECT_EQ(status.signal, SIGKILL);
}

// Killed after the run began, or between letting the process go and recording that.
INSTANTIATE_TEST_SUITE_P(Records, RecoverRunTest, ::testing::Values(RecordType::kCreated, RecordType::kStarted));

TEST_F(RecoverTest, AnotherProcessWithItsNumberIsLeftAlone) {
  ASSERT_OK_AND_ASSIGN(JournalWriter journal, JournalWriter::Open({fd_.get()}));
  Record started;
  started.type = RecordType::kStarted;
  started.pid = ::getpid();
  started.start_time = 1;
  ASSERT_OK(journal.Append(started));
  ASSERT_OK(Recover());  // or this test is dead
}

}  // namespace
}  // namespace estiba::monitor
