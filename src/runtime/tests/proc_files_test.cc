// Files of the host's /proc that labels are written to, and who would have them be others: the child's own code, run
// in a mount namespace where something lies over them.

#include <gmock/gmock.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child/step.h"
#include "os/file.h"
#include "tests/support.h"

namespace estiba::runtime {
namespace {

// Every machine's, and root may write it: here it is never written.
constexpr const char* kFile = "sys/kernel/hostname";
constexpr const char* kPath = "/proc/sys/kernel/hostname";
constexpr int kFine = 0;

struct Bind {
  std::string from;
  std::string over;
};

// The error of opening a file below /proc and writing `value` to it; -1 when that was not reached.
int OpenAndWrite(const char* file, const char* value, const std::vector<Bind>& binds) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(1);
    for (const Bind& bind : binds) {
      if (::mount(bind.from.c_str(), bind.over.c_str(), nullptr, MS_BIND, nullptr) != 0) ::_exit(1);
    }
    child::Step steps[2]{};
    for (child::Step& step : steps) {
      step.out = -1;
      for (std::int32_t& in : step.in) in = -1;
    }
    steps[0].op = child::Op::kOpenProc;
    steps[0].s[0] = file;
    steps[0].n[0] = O_WRONLY;
    steps[0].out = 0;
    steps[1].op = child::Op::kWriteSlot;
    steps[1].s[0] = value;
    steps[1].in[0] = 0;
    std::int32_t slots[1] = {-1};
    child::Program program{};
    program.steps = steps;
    program.count = 2;
    program.slot_count = 1;
    program.slots = slots;
    program.sync_fd = ends[1];
    program.parent_fd = ends[0];
    program.gate_fd = program.gate_report_fd = -1;
    child::Run(program);
  }
  ::close(ends[1]);
  child::Report report{};
  const ssize_t got = ::recv(ends[0], &report, sizeof report, 0);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 126) return -1;
  return got == sizeof report ? report.error : kFine;
}

class ProcFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, dir_ / "fake", "untouched", 0666));
    for (const char* folder : {"/sys", "/sys/kernel"})
      ASSERT_OK(os::EnsureDirectory(std::string(dir_ / "proc") + folder, 0755));
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, dir_ / "proc/sys/kernel/hostname", "untouched", 0666));
    ASSERT_OK_AND_ASSIGN(hostname_, os::ReadFile(kPath));
  }
  void TearDown() override {
    for (const std::string& path : {dir_ / "fake", dir_ / "proc/sys/kernel/hostname"})
      EXPECT_EQ(os::ReadFile(path).value(), "untouched") << path;
    EXPECT_EQ(os::ReadFile(kPath).value(), hostname_);
  }
  testing::TempDir dir_;
  std::string hostname_;
};

TEST_F(ProcFiles, TheKernelsOwnIsWritten) {
  EXPECT_EQ(OpenAndWrite("self/oom_score_adj", "500", {}), kFine);
  EXPECT_EQ(OpenAndWrite("self/oom_score_adj", "what", {}), EINVAL);  // it was the kernel that answered
}

TEST_F(ProcFiles, AFileOverItIsRefused) { EXPECT_EQ(OpenAndWrite(kFile, "evil", {{dir_ / "fake", kPath}}), EXDEV); }

// CVE-2019-16884 and its like: a file of /proc that takes what is written to it and does nothing.
TEST_F(ProcFiles, AnotherFileOfProcOverItIsRefused) {
  EXPECT_EQ(OpenAndWrite(kFile, "0", {{"/proc/self/oom_score_adj", kPath}}), EXDEV);
}

TEST_F(ProcFiles, AFolderOverTheWayToItIsRefused) {
  EXPECT_EQ(OpenAndWrite(kFile, "evil", {{dir_ / "proc/sys", "/proc/sys"}}), EXDEV);
}

TEST_F(ProcFiles, AProcOfSomebodysMakingIsRefused) {
  EXPECT_EQ(OpenAndWrite(kFile, "evil", {{dir_ / "proc", "/proc"}}), ENODEV);
}

TEST_F(ProcFiles, ThereIsNoWayOutOfProc) {
  EXPECT_EQ(OpenAndWrite(("../" + (dir_ / "fake")).c_str(), "evil", {}), EXDEV);
  EXPECT_EQ(OpenAndWrite(("self/root" + (dir_ / "fake")).c_str(), "evil", {}), ELOOP);
}

}  // namespace
}  // namespace estiba::runtime
