// On the real kernel, in cgroups of unique names that go away with the test.

#include "cgroup/cgroup.h"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <poll.h>
#include <csignal>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

#include "tests/support.h"

namespace estiba::cgroup {
namespace {

// A process that runs `work` once told to, and waits to be killed when that returns nothing.
class Child {
 public:
  explicit Child(const std::function<int()>& work) {
    int go[2] = {-1, -1};
    if (::pipe(go) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(go[1]);
      char byte = 0;
      if (::read(go[0], &byte, 1) != 1) ::_exit(100);
      ::_exit(work());
    }
    ::close(go[0]);
    go_ = go[1];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      Wait();
    }
    ::close(go_);
  }
  pid_t pid() const { return pid_; }
  void Go() const { ASSERT_EQ(::write(go_, "x", 1), 1); }
  int Wait() {
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  int go_ = -1;
};

int Sleeper() {
  for (;;) ::pause();
}

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    auto probed = Probe();
    ASSERT_OK(probed);
    hierarchies_ = std::move(probed).value();
    REQUIRE(hierarchies_.mode != Mode::kNone, "cgroups");
    static int count = 0;
    path_ = "/estiba-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++) + "/inner";
  }
  void TearDown() override {
    if (path_.empty()) return;
    if (auto cgroup = Cgroup::Open(hierarchies_, path_); cgroup.ok()) (void)!cgroup->Kill().ok();
    std::vector<std::string> all;
    for (const Hierarchy& hierarchy : hierarchies_.hierarchies)
      all.insert(all.end(), hierarchy.controllers.begin(), hierarchy.controllers.end());
    EXPECT_TRUE(Delete(hierarchies_, path_.substr(0, path_.rfind('/')), all).ok());
  }
  Cgroup MustCreate(const oci::Resources& resources = {}) {
    auto cgroup = Cgroup::Create(hierarchies_, path_, {.controllers = NeededControllers(resources)});
    if (!cgroup.ok()) ADD_FAILURE() << cgroup.error().ToString();
    auto writes = Settings(resources, hierarchies_);
    EXPECT_TRUE(writes.ok());
    const Status applied = cgroup->Apply(*writes);
    EXPECT_TRUE(applied.ok()) << applied.error().ToString();
    return std::move(cgroup).value();
  }
  std::string Read(const Cgroup& cgroup, const char* controller, const std::string& file) {
    std::ifstream in("/proc/self/fd/" + std::to_string(cgroup.controller_fd(controller)) + "/" + file);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  Hierarchies hierarchies_;
  std::string path_;
};

TEST_F(CgroupTest, IsEmptyWhenMadeAndGoneWhenDeleted) {
  const Cgroup cgroup = MustCreate();
  ASSERT_OK_AND_ASSIGN(const bool populated, cgroup.Populated());
  EXPECT_FALSE(populated);
  ASSERT_OK(Delete(hierarchies_, path_, {}));
  ASSERT_OK(Delete(hierarchies_, path_, {}));  // gone already: fine
  EXPECT_EQ(Cgroup::Open(hierarchies_, path_).error().code(), Code::kNotFound);
}

TEST_F(CgroupTest, AttachMovesAProcessInEveryHierarchy) {
  const Cgroup cgroup = MustCreate();
  const Child child(Sleeper);
  ASSERT_OK(cgroup.Attach(child.pid()));
  ASSERT_OK_AND_ASSIGN(const auto pids, cgroup.Processes());
  EXPECT_THAT(pids, ::testing::ElementsAre(child.pid()));
  std::ifstream in("/proc/" + std::to_string(child.pid()) + "/cgroup");
  std::string line;
  int inside = 0;
  while (std::getline(in, line)) inside += line.ends_with(path_) ? 1 : 0;
  EXPECT_GE(inside, hierarchies_.mode == Mode::kUnified ? 1 : 5);
}

TEST_F(CgroupTest, KillEndsEverythingBelowToo) {
  const Cgroup cgroup = MustCreate();
  Child first(Sleeper);
  ASSERT_OK(cgroup.Attach(first.pid()));
  ASSERT_OK_AND_ASSIGN(const Cgroup below, Cgroup::Create(hierarchies_, path_ + "/deep", {}));
  Child second(Sleeper);
  ASSERT_OK(below.Attach(second.pid()));
  ASSERT_OK(cgroup.Kill());
  EXPECT_EQ(WTERMSIG(first.Wait()), SIGKILL);
  EXPECT_EQ(WTERMSIG(second.Wait()), SIGKILL);
  ASSERT_OK(Delete(hierarchies_, path_, {}));
}

// As on a v1 host, and before 5.14: frozen, signalled, thawed, until nobody is left.
TEST_F(CgroupTest, KillWithoutCgroupKillEndsEverythingToo) {
  REQUIRE(hierarchies_.Find("freezer") != nullptr && !hierarchies_.Find("freezer")->unified, "a v1 freezer");
  Hierarchies legacy = hierarchies_;
  std::erase_if(legacy.hierarchies, [](const Hierarchy& hierarchy) { return hierarchy.unified; });
  legacy.mode = Mode::kLegacy;
  ASSERT_OK_AND_ASSIGN(const Cgroup cgroup, Cgroup::Create(legacy, path_, {}));
  ASSERT_EQ(cgroup.unified_fd(), -1);
  Child one(Sleeper);
  Child other(Sleeper);
  ASSERT_OK(cgroup.Attach(one.pid()));
  ASSERT_OK(cgroup.Attach(other.pid()));
  ASSERT_OK(cgroup.Freeze());  // a paused container can be killed as well
  ASSERT_OK(cgroup.Kill());
  EXPECT_EQ(WTERMSIG(one.Wait()), SIGKILL);
  EXPECT_EQ(WTERMSIG(other.Wait()), SIGKILL);
}

TEST_F(CgroupTest, AFrozenProcessDoesNotRunAndCanBeKilled) {
  const Cgroup cgroup = MustCreate();
  Child child([] { return 7; });
  ASSERT_OK(cgroup.Attach(child.pid()));
  ASSERT_OK(cgroup.Freeze());
  ASSERT_OK_AND_ASSIGN(const bool frozen, cgroup.Frozen());
  EXPECT_TRUE(frozen);
  child.Go();
  int status = 0;
  EXPECT_EQ(::waitpid(child.pid(), &status, WNOHANG), 0);
  ASSERT_OK(cgroup.Thaw());
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 7);

  Child other(Sleeper);
  ASSERT_OK(cgroup.Attach(other.pid()));
  ASSERT_OK(cgroup.Freeze());
  ASSERT_OK(cgroup.Kill());
  EXPECT_EQ(WTERMSIG(other.Wait()), SIGKILL);
}

TEST_F(CgroupTest, TheEventsFileTellsWhenItBecomesEmpty) {
  REQUIRE(hierarchies_.Unified() != nullptr, "a cgroup2 mount");
  const Cgroup cgroup = MustCreate();
  Child child([] { return 0; });
  ASSERT_OK(cgroup.Attach(child.pid()));
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd events, cgroup.OpenEvents());
  char buffer[128];
  ASSERT_GT(::read(events.get(), buffer, sizeof buffer), 0);
  child.Go();
  child.Wait();
  pollfd poll{.fd = events.get(), .events = POLLPRI, .revents = 0};
  ASSERT_OK_AND_ASSIGN(bool populated, cgroup.Populated());
  if (populated) {
    ASSERT_EQ(::poll(&poll, 1, 5000), 1);
    ASSERT_OK_AND_ASSIGN(populated, cgroup.Populated());
  }
  EXPECT_FALSE(populated);
}

TEST_F(CgroupTest, LimitsAreTheKernels) {
  oci::Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 64 << 20;
  resources.cpu.quota = 50000;
  resources.cpu.shares = 512;
  resources.pids_limit = 5;
  const Cgroup cgroup = MustCreate(resources);
  ASSERT_OK_AND_ASSIGN(const Stats stats, ReadStats(cgroup));
  EXPECT_EQ(stats.memory_limit, 64U << 20);
  EXPECT_EQ(stats.pids_limit, 5U);
  const bool v1 = !hierarchies_.Find("cpu")->unified;
  EXPECT_EQ(Read(cgroup, "cpu", v1 ? "cpu.cfs_quota_us" : "cpu.max"), v1 ? "50000\n" : "50000 100000\n");
  EXPECT_EQ(Read(cgroup, "cpu", v1 ? "cpu.shares" : "cpu.weight"), v1 ? "512\n" : "59\n");
}

TEST_F(CgroupTest, LimitsCanBeRaisedAndLoweredInAnyOrder) {
  oci::Resources resources;
  resources.memory.limit = 64 << 20;
  resources.memory.swap = 64 << 20;
  const Cgroup cgroup = MustCreate(resources);
  for (const std::int64_t limit : {256 << 20, 32 << 20}) {
    resources.memory.limit = resources.memory.swap = limit;
    ASSERT_OK_AND_ASSIGN(const auto writes, Settings(resources, hierarchies_));
    ASSERT_OK(cgroup.Apply(writes));
    ASSERT_OK_AND_ASSIGN(const Stats stats, ReadStats(cgroup));
    EXPECT_EQ(stats.memory_limit, static_cast<std::uint64_t>(limit));
  }
}

TEST_F(CgroupTest, AMemoryHogIsKilledAndCounted) {
  oci::Resources resources;
  resources.memory.limit = 16 << 20;
  resources.memory.swap = 16 << 20;
  const Cgroup cgroup = MustCreate(resources);
  Child child([] {
    for (int i = 0; i < 64; ++i) {
      auto* block = new char[1 << 20];
      for (int at = 0; at < 1 << 20; at += 4096) const_cast<volatile char*>(block)[at] = 1;
    }
    return 0;
  });
  ASSERT_OK(cgroup.Attach(child.pid()));
  child.Go();
  const int status = child.Wait();
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
  ASSERT_OK_AND_ASSIGN(const auto kills, cgroup.OomKills());
  EXPECT_GE(kills, 1U);
}

TEST_F(CgroupTest, ForksStopAtThePidsLimit) {
  oci::Resources resources;
  resources.pids_limit = 3;
  const Cgroup cgroup = MustCreate(resources);
  Child child([] {
    int forked = 0;
    for (int i = 0; i < 10; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) Sleeper();
      forked += pid > 0 ? 1 : 0;
    }
    return forked;
  });
  ASSERT_OK(cgroup.Attach(child.pid()));
  child.Go();
  EXPECT_EQ(WEXITSTATUS(child.Wait()), 2);
  ASSERT_OK(cgroup.Kill());
}

TEST_F(CgroupTest, ADeviceRuleShutsADevice) {
  const Cgroup cgroup = MustCreate();
  std::vector<oci::DeviceRule> rules{{.allow = false}, {.allow = true, .type = 'c', .major = 1, .minor = 3}};
  const auto try_devices = [] {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const int zero = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
    return (null >= 0 ? 1 : 0) | (zero >= 0 ? 2 : 0);
  };
  ASSERT_OK(cgroup.ApplyDevices(rules));
  Child first(try_devices);
  ASSERT_OK(cgroup.Attach(first.pid()));
  first.Go();
  EXPECT_EQ(WEXITSTATUS(first.Wait()), 1);

  rules.push_back({.allow = true, .type = 'c', .major = 1, .minor = 5});
  ASSERT_OK(cgroup.ApplyDevices(rules));  // replaces
  Child second(try_devices);
  ASSERT_OK(cgroup.Attach(second.pid()));
  second.Go();
  EXPECT_EQ(WEXITSTATUS(second.Wait()), 3);
}

TEST_F(CgroupTest, ACgroupInUseIsNotTakenOver) {
  const Cgroup cgroup = MustCreate();
  const Child child(Sleeper);
  ASSERT_OK(cgroup.Attach(child.pid()));
  const auto again = Cgroup::Create(hierarchies_, path_, {});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), Code::kAlreadyExists);
  EXPECT_TRUE(Cgroup::Create(hierarchies_, path_, {.exist_ok = true}).ok());
}

// Descriptors run out at every possible place.
TEST_F(CgroupTest, ACreationThatFailsHalfWayLeavesNothing) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const std::string top = path_.substr(0, path_.rfind('/'));
  bool made = false;
  for (rlim_t most = 3; !made && most < 200; ++most) {
    rlimit few = before;
    few.rlim_cur = most;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    made = Cgroup::Create(hierarchies_, path_, {}).ok();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    for (const Hierarchy& hierarchy : hierarchies_.hierarchies) {
      const std::string folder = hierarchy.mountpoint + top;
      ASSERT_TRUE(made || ::access(folder.c_str(), F_OK) != 0) << folder << " with " << most << " descriptors";
    }
  }
  EXPECT_TRUE(made);
}

TEST_F(CgroupTest, APathCannotClimb) {
  for (const char* path : {"/../x", "/", "", "a/../../b", "/x/./y"})
    EXPECT_EQ(Cgroup::Create(hierarchies_, path, {}).error().code(), Code::kInvalidArgument) << path;
}

TEST_F(CgroupTest, ARefusedValueNamesTheSetting) {
  oci::Resources resources;
  const Cgroup cgroup = MustCreate();
  resources.cpu.cpus = "4000-4001";
  ASSERT_OK_AND_ASSIGN(const auto writes, Settings(resources, hierarchies_));
  const Status applied = cgroup.Apply(writes);
  ASSERT_FALSE(applied.ok());
  EXPECT_THAT(applied.error().Message(), ::testing::HasSubstr("linux.resources.cpu.cpus"));
}

}  // namespace
}  // namespace estiba::cgroup
