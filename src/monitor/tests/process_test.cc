// The real program with real containers: needs root.

#include <csignal>
#include <set>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cgroup/cgroup.h"
#include "monitorapi/journal.h"
#include "monitorapi/log.h"
#include "monitorapi/spawn.h"
#include "os/socket.h"
#include "src/runtime/tests/fixture.h"

namespace estiba::monitor {
namespace {

using monitorapi::RecordType;
using monitorapi::Type;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kPatience = std::chrono::milliseconds(20'000);

class MonitorProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(runtime::Capable() && os::ReadFile("/proc/self/uid_map")->find("4294967295") != std::string::npos,
            "root and busybox");
    ::mkdir((box_.dir() / "data").c_str(), 0700);
    ::mkdir((box_.dir() / "run").c_str(), 0700);
    auto program = monitorapi::Program::Load(ESTIBA_BIN_DIR "/estiba-monitor");
    ASSERT_OK(program);
    program_ = std::make_unique<monitorapi::Program>(std::move(*program));
    launch_.id = box_.id();
    launch_.name = "web";
  }
  void TearDown() override {
    if (spawned_) (void)os::SendSignal(spawned_->process.pidfd(), SIGKILL).ok();
  }

  void MakePlan(oci::RuntimeSpec spec) {
    auto plan = plan::BuildContainer(box_.Input(std::move(spec)), runtime::Facts());
    ASSERT_OK(plan);
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, box_.dir() / "data/plan", plan::Encode(*plan), 0600));
    box_.Keep(std::move(*plan));
  }
  void MakeShellPlan(const std::string& script) { MakePlan(runtime::DockerSpec({"sh", "-c", script})); }

  template <class T>
  Result<monitorapi::Frame> Drive(T request, std::vector<int> more = {}) {
    spawned_.emplace(TRY(monitorapi::Spawn(*program_, launch_.id, 2)));
    const os::UniqueFd data = TRY(os::OpenAt({AT_FDCWD}, box_.dir() / "data", O_RDONLY | O_DIRECTORY));
    const os::UniqueFd run = TRY(os::OpenAt({AT_FDCWD}, box_.dir() / "run", O_RDONLY | O_DIRECTORY));
    std::vector<int> fds = {data.get(), run.get()};
    fds.insert(fds.end(), more.begin(), more.end());
    return spawned_->client.Call(request, fds, kPatience);
  }
  Result<monitorapi::Started> Launch(std::vector<int> more = {}) {
    const auto frame = TRY(Drive(launch_, std::move(more)));
    return frame.Decode<monitorapi::Started>();
  }
  Status Recover() {
    monitorapi::Recover recover;
    recover.id = launch_.id;
    TRY(Drive(recover));
    return MonitorEnds();
  }
  monitorapi::Client& client() { return spawned_->client; }
  Result<monitorapi::Exited> AwaitExit() {
    const auto frame = TRY(client().AwaitNotice(Type::kNoticeExited, kPatience));
    TRY(client().Acknowledge(frame));
    return frame.Decode<monitorapi::Exited>();
  }
  // The monitor itself is gone, within a bound.
  Status MonitorEnds() {
    pollfd wait{spawned_->process.pidfd(), POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(kPatience.count())) != 1)
      return Error(Code::kDeadlineExceeded, "the monitor did not end");
    TRY(spawned_->process.Wait());
    spawned_.reset();
    return Ok();
  }
  std::vector<monitorapi::Record> Records() {
    auto fd = os::OpenAt({AT_FDCWD}, box_.dir() / "data", O_RDONLY | O_DIRECTORY);
    auto journal = monitorapi::ReadJournal({fd->get()});
    return journal.ok() ? std::move(journal->records) : std::vector<monitorapi::Record>();
  }
  std::vector<RecordType> RecordTypes() {
    std::vector<RecordType> types;
    for (const auto& record : Records()) types.push_back(record.type);
    return types;
  }
  std::string Log() {
    auto fd = os::OpenAt({AT_FDCWD}, box_.dir() / "data", O_RDONLY | O_DIRECTORY);
    monitorapi::LogOptions options;
    options.raw = true;
    auto reader = monitorapi::LogReader::Open({fd->get()}, options);
    std::string out;
    while (reader.ok()) {
      const auto more = reader->Read(out, out.size() + 100'000);
      if (!more.ok() || !*more) break;
    }
    return out;
  }
  bool CgroupIsThere() {
    auto hierarchies = cgroup::Probe();
    return hierarchies.ok() && cgroup::Cgroup::Open(*hierarchies, box_.CgroupPath()).ok();
  }

  void RunExec(std::vector<std::string> args, const std::string& says, int code);
  void ExpectSmall();

  runtime::Box box_;
  monitorapi::Launch launch_;
  std::unique_ptr<monitorapi::Program> program_;
  std::optional<monitorapi::Spawned> spawned_;
  int execs_ = 1;
};

struct Pair {
  os::UniqueFd ours, theirs;
};
Pair Connect() {
  auto pair = os::MakeSocketPair(SOCK_STREAM);
  return {std::move(pair->ours), std::move(pair->theirs)};
}

std::string ReadUntilHas(int fd, const std::string& part) {
  std::string text;
  char buffer[4096];
  while (text.find(part) == std::string::npos) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, 5000) <= 0) return text + "<nothing more>";
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n <= 0) return text + "<end>";
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

std::uint64_t SmapsKilobytes(pid_t pid, const std::string& what) {
  const auto text = os::ReadFile("/proc/" + std::to_string(pid) + "/smaps_rollup");
  const auto at = text.ok() ? text->find("\n" + what + ":") : std::string::npos;
  return at == std::string::npos ? 0 : std::stoull(text->substr(at + what.size() + 2));
}

// An exec from its start to its end, which says `says` and exits with `code`.
void MonitorProcess::RunExec(std::vector<std::string> args, const std::string& says, int code) {
  plan::ExecInput input;
  input.id = box_.id();
  input.name = "web";
  input.spec = runtime::DockerSpec({"sh"});
  input.process = *input.spec.process;
  input.process.args = std::move(args);
  input.cgroup_path = box_.CgroupPath();
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildExec(input, runtime::Facts()));
  monitorapi::Exec exec;
  exec.exec_id = "e" + std::to_string(execs_++);
  exec.plan = plan::Encode(plan);
  auto connection = Connect();
  ASSERT_OK(client().Call(exec, {connection.theirs.get()}, kPatience));
  EXPECT_THAT(ReadUntilHas(connection.ours.get(), says), HasSubstr(says));
  ASSERT_OK_AND_ASSIGN(const auto frame, client().AwaitNotice(Type::kNoticeExecExited, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto exited, frame.Decode<monitorapi::ExecExited>());
  EXPECT_EQ(exited.code, code);
  ASSERT_OK(client().Acknowledge(frame));
}

// Once it has settled, which it does shortly after what it did last. The program's own pages, in a memfd that all
// monitors share, count as resident but not as its own.
void MonitorProcess::ExpectSmall() {
  const pid_t pid = spawned_->process.pid();
  pollfd settled{spawned_->process.pidfd(), POLLIN, 0};
  for (int i = 0; i < 50 && SmapsKilobytes(pid, "Rss") > 800; ++i) ASSERT_EQ(::poll(&settled, 1, 50), 0);
  EXPECT_LE(SmapsKilobytes(pid, "Rss"), 800U);
  EXPECT_LE(SmapsKilobytes(pid, "Anonymous"), 300U);
}

TEST_F(MonitorProcess, RunsAContainerAndLeavesNothing) {
  MakeShellPlan("echo hello; echo oops >&2; exit 42");
  ASSERT_OK_AND_ASSIGN(const auto started, Launch());
  EXPECT_GT(started.pid, 0);
  EXPECT_FALSE(started.timings.empty());
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 42);
  ASSERT_OK(MonitorEnds());
  EXPECT_THAT(Log(), ::testing::AllOf(HasSubstr("hello\n"), HasSubstr("oops\n")));
  EXPECT_THAT(RecordTypes(), ElementsAre(RecordType::kLaunched, RecordType::kCreated, RecordType::kStarted,
                                         RecordType::kExited, RecordType::kFinished));
  EXPECT_FALSE(CgroupIsThere());
  EXPECT_NE(::access((box_.dir() / "run/sock").c_str(), F_OK), 0);
}

TEST_F(MonitorProcess, AMissingProgramIsDockersError) {
  MakePlan(runtime::DockerSpec({"no-such-program"}));
  const auto started = Launch();
  ASSERT_FALSE(started.ok());
  EXPECT_THAT(started.error().Message(),
              HasSubstr("exec: \"no-such-program\": executable file not found in $PATH"));
  ASSERT_OK(MonitorEnds());
  EXPECT_THAT(RecordTypes(),
              ElementsAre(RecordType::kLaunched, RecordType::kStartFailed, RecordType::kFinished));
  EXPECT_EQ(Records()[1].code, 127);
  EXPECT_FALSE(CgroupIsThere());
}

TEST_F(MonitorProcess, NothingOfOursReachesTheContainer) {
  MakeShellPlan("ls /proc/self/fd; grep -E 'Sig(Blk|Ign)' /proc/self/status; env; echo over");
  ASSERT_OK(Launch());
  ASSERT_OK(AwaitExit());
  ASSERT_OK(MonitorEnds());
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr("0\n1\n2\n3\nSigBlk"));  // 3 is ls's own
  EXPECT_THAT(log, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
}

TEST_F(MonitorProcess, IsSmall) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "sanitizers take more";
#endif
  MakeShellPlan("echo up; read x");
  launch_.open_stdin = true;
  auto attached = Connect();
  launch_.attaches.emplace_back();
  ASSERT_OK(Launch({attached.theirs.get()}));
  ReadUntilHas(attached.ours.get(), "up");
  ExpectSmall();
}

TEST_F(MonitorProcess, IsSmallAgainAfterExecs) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "sanitizers take more";
#endif
  MakeShellPlan("sleep 1000");
  ASSERT_OK(Launch());
  ExpectSmall();
  for (int i = 0; i < 5; ++i) RunExec({"hostname"}, "box\n", 0);
  ExpectSmall();
  ASSERT_OK(client().Call(monitorapi::Signal{SIGKILL, false}, {}, kPatience));
  ASSERT_OK(AwaitExit());
  ASSERT_OK(MonitorEnds());
}

TEST_F(MonitorProcess, ExecJoinsTheContainer) {
  MakeShellPlan("sleep 1000");
  ASSERT_OK(Launch());
  RunExec({"sh", "-c", "hostname; ps | grep -c sleep; exit 5"}, "box\n", 5);
  ASSERT_OK(client().Call(monitorapi::Signal{SIGKILL, false}, {}, kPatience));
  ASSERT_OK(AwaitExit());
  ASSERT_OK(MonitorEnds());
}

TEST_F(MonitorProcess, ATerminalIsTheContainersOwn) {
  auto spec = runtime::DockerSpec({"sh", "-c", "tty; stty size; read x; stty size; exit 3"});
  spec.process->terminal = true;
  MakePlan(spec);
  launch_.tty = true;
  launch_.open_stdin = true;
  launch_.stdin_once = true;
  launch_.rows = 30;
  launch_.columns = 100;
  launch_.attaches.emplace_back().in = true;
  auto attached = Connect();
  ASSERT_OK(Launch({attached.theirs.get()}));
  EXPECT_THAT(ReadUntilHas(attached.ours.get(), "100"), HasSubstr("/dev/"));
  ASSERT_OK(client().Call(monitorapi::Resize{"", 40, 120}, {}, kPatience));
  ASSERT_OK(os::WriteAll(attached.ours.get(), "\n"));
  EXPECT_THAT(ReadUntilHas(attached.ours.get(), "40 120"), HasSubstr("40 120"));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 3);
  ASSERT_OK(MonitorEnds());
}

TEST_F(MonitorProcess, StatsTopAndPauseReachTheCgroup) {
  MakeShellPlan("sleep 1000 & sleep 1000");
  ASSERT_OK(Launch());
  ASSERT_OK_AND_ASSIGN(const auto top, client().Call(monitorapi::Top{}, {}, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto pids, top.Decode<monitorapi::TopReply>());
  EXPECT_GE(pids.pids.size(), 1U);
  ASSERT_OK_AND_ASSIGN(const auto stats, client().Call(monitorapi::Stats{}, {}, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto counters, stats.Decode<monitorapi::StatsReply>());
  std::set<std::string> names;
  for (const auto& counter : counters.counters) names.insert(counter.name);
  EXPECT_TRUE(names.contains("memory.usage"));
  ASSERT_OK(client().Call(monitorapi::Pause{}, {}, kPatience));
  ASSERT_OK(client().Call(monitorapi::Signal{SIGKILL, false}, {}, kPatience));
  ASSERT_OK_AND_ASSIGN(const auto exited, AwaitExit());
  EXPECT_EQ(exited.code, 137);
  ASSERT_OK(MonitorEnds());
}

TEST_F(MonitorProcess, RunsThePlanAgainByPolicy) {
  MakeShellPlan("echo run; exit 1");
  launch_.restart = {monitorapi::RestartKind::kOnFailure, 2};
  ASSERT_OK(Launch());
  for (int i = 0; i < 3; ++i) ASSERT_OK(AwaitExit());
  ASSERT_OK(MonitorEnds());
  EXPECT_EQ(Log(), "run\nrun\nrun\n");
}

TEST_F(MonitorProcess, NobodyWaitsForAClientThatReadsLate) {
  MakeShellPlan("head -c 2000000 /dev/zero");
  launch_.attaches.emplace_back();
  auto attached = Connect();
  ASSERT_OK(Launch({attached.theirs.get()}));
  attached.theirs.Reset();
  ASSERT_OK(AwaitExit());
  ASSERT_OK(MonitorEnds());
  EXPECT_EQ(RecordTypes().back(), RecordType::kFinished);
  std::size_t got = 0;
  char buffer[65536];
  for (ssize_t n = 0; (n = ::read(attached.ours.get(), buffer, sizeof buffer)) > 0;)
    got += static_cast<std::size_t>(n);
  EXPECT_GE(got, 2'000'000U);
}

TEST_F(MonitorProcess, OnlyOneAContainer) {
  MakeShellPlan("sleep 1000");
  ASSERT_OK(Launch());
  auto first = std::move(*spawned_);
  const auto second = Drive(launch_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kConflict);
  ASSERT_OK(MonitorEnds());
  spawned_.emplace(std::move(first));
  ASSERT_OK(client().Call(monitorapi::Signal{SIGKILL, false}, {}, kPatience));
  ASSERT_OK(AwaitExit());
  ASSERT_OK(MonitorEnds());
}

TEST_F(MonitorProcess, AKilledOnesContainerIsEndedAlsoWhenItChangedItsUser) {
  auto spec = runtime::DockerSpec({"sh", "-c", "sleep 1000 & exec sleep 1000"});
  spec.process->user.uid = 1000;
  spec.process->user.gid = 1001;
  MakePlan(spec);
  ASSERT_OK_AND_ASSIGN(const auto started, Launch());
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd init, os::OpenProcess(started.pid, started.start_time));
  ASSERT_OK(os::SendSignal(spawned_->process.pidfd(), SIGKILL));
  ASSERT_OK(MonitorEnds());
  ASSERT_OK(Recover());
  pollfd gone{init.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&gone, 1, 0), 1);
  EXPECT_FALSE(CgroupIsThere());
  const auto records = Records();
  ASSERT_EQ(records.size(), 5U);
  EXPECT_EQ(records[3].code, 137);
  EXPECT_EQ(records[3].text, "monitor died");
}

TEST_F(MonitorProcess, AKilledOnesContainerKeepsItsOomFlag) {
  auto spec = runtime::DockerSpec({"sh", "-c", "tail /dev/zero; echo survived; exec sleep 1000"});
  spec.linux_config.resources.memory.limit = 24 << 20;
  MakePlan(spec);
  ASSERT_OK(Launch());
  ASSERT_OK(client().AwaitNotice(Type::kNoticeOom, kPatience));
  ASSERT_OK(os::SendSignal(spawned_->process.pidfd(), SIGKILL));
  ASSERT_OK(MonitorEnds());
  ASSERT_OK(Recover());
  const auto records = Records();
  const auto& exited = records.at(records.size() - 2);
  EXPECT_EQ(exited.type, RecordType::kExited);
  EXPECT_TRUE(exited.oom);
}

// Kill -9 after every step there is; what recovery leaves must be nothing.
class KilledAt : public MonitorProcess, public ::testing::WithParamInterface<const char*> {};

TEST_P(KilledAt, RecoveryLeavesNothingAndOneExit) {
  for (int nth = 1;; ++nth) {
    ASSERT_LT(nth, 200);
    ASSERT_OK(os::DeleteFile({AT_FDCWD}, box_.dir() / "data/journal"));
    MakeShellPlan("exit 1");
    launch_.restart = {monitorapi::RestartKind::kOnFailure, 1};
    launch_.failpoint = std::string(GetParam()) + ":" + std::to_string(nth);
    (void)Launch().ok();
    pollfd wait{spawned_->process.pidfd(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, static_cast<int>(kPatience.count())), 1);
    ASSERT_OK_AND_ASSIGN(const auto status, spawned_->process.Wait());
    if (status.signal != SIGKILL) {
      EXPECT_GT(nth, 1) << "the step does not exist";
      break;  // it was reached less often: the container came to its end
    }
    ASSERT_OK(Recover());
    EXPECT_FALSE(CgroupIsThere()) << nth;
    const auto records = Records();
    ASSERT_FALSE(records.empty()) << nth;
    EXPECT_EQ(records.back().type, RecordType::kFinished) << nth;
    int exits_after_start = 0;
    for (const auto& record : records) {
      if (record.type == RecordType::kLaunched || record.type == RecordType::kStarted) exits_after_start = 0;
      if (record.type == RecordType::kExited) ++exits_after_start;
    }
    EXPECT_GE(exits_after_start, 1) << nth;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryStep, KilledAt,
                         ::testing::Values("launched", "step", "created", "started", "exited", "recorded",
                                           "restarting", "undone", "finished"),
                         [](const auto& step) { return std::string(step.param); });

TEST_F(MonitorProcess, ARecoveryThatIsKilledIsRepeated) {
  for (const char* step : {"recover-locked", "recover-killed", "recover-undone", "recover-recorded"}) {
    ASSERT_OK(os::DeleteFile({AT_FDCWD}, box_.dir() / "data/journal"));
    MakeShellPlan("sleep 1000");
    ASSERT_OK(Launch());
    ASSERT_OK(os::SendSignal(spawned_->process.pidfd(), SIGKILL));
    ASSERT_OK(MonitorEnds());
    monitorapi::Recover recover;
    recover.failpoint = step;
    EXPECT_FALSE(Drive(recover).ok());
    ASSERT_OK(MonitorEnds());
    ASSERT_OK(Recover());
    EXPECT_FALSE(CgroupIsThere());
    EXPECT_THAT(RecordTypes(), ElementsAre(RecordType::kLaunched, RecordType::kCreated, RecordType::kStarted,
                                           RecordType::kExited, RecordType::kFinished))
        << step;
  }
}

}  // namespace
}  // namespace estiba::monitor
