#include "os/sandbox.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

// Each in a process of its own: restrictions are for ever. 0 when `probe` holds.
class SandboxDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  // The process is forked from the test and has its folder; it makes none that it would leave behind.
  static void KeepFolder() { GTEST_FLAG_SET(death_test_style, "fast"); }
};

template <typename F>
[[noreturn]] void Exit(F probe) {
  if (!SetNoNewPrivileges().ok()) ::_exit(2);
  ::_exit(probe() ? 0 : 1);
}

bool Fails(long result, int errnum) { return result < 0 && errno == errnum; }

TEST_F(SandboxDeathTest, DeniedCallsFailAndOthersWork) {
  const auto probe = [] {
    return DenyCalls({SYS_kill, SYS_execve}).ok() && Fails(::kill(::getpid(), 0), EPERM) &&
           Fails(::execl("/bin/true", "true", nullptr), EPERM) && ::getppid() > 0;
  };
  EXPECT_EXIT(Exit(probe), ::testing::ExitedWithCode(0), "");
}

TEST_F(SandboxDeathTest, NoProcessIsMade) {
  const auto probe = [] { return DenyCalls({}).ok() && Fails(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM); };
  EXPECT_EXIT(Exit(probe), ::testing::ExitedWithCode(0), "");
}

TEST_F(SandboxDeathTest, SocketsReachTheNetworkButNoServiceOfTheHost) {
  const auto probe = [] {
    return DenyCalls({}).ok() && Fails(::socket(AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT) &&
           ::socket(AF_INET, SOCK_STREAM, 0) >= 0;
  };
  EXPECT_EXIT(Exit(probe), ::testing::ExitedWithCode(0), "");
}

TEST_F(SandboxDeathTest, FilesOfOtherPathsAreOutOfReach) {
  REQUIRE(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 2,
          "Landlock with ABI 2");
  KeepFolder();
  const testing::TempDir dir;
  ASSERT_OK(EnsureDirectory(dir / "in/a", 0700));
  ASSERT_OK(EnsureDirectory(dir / "in/b", 0700));
  ASSERT_OK(ReplaceFile({AT_FDCWD}, dir / "out", "x", 0600));
  const std::string in = dir / "in";
  const std::string out = dir / "out";
  const auto probe = [&] {
    const auto folder = OpenAt({AT_FDCWD}, in, O_RDONLY | O_DIRECTORY);
    FileAccess access;
    access.writable = {folder->get()};
    const auto confined = RestrictFiles(access);
    if (!confined.ok() || !*confined) return false;
    return ReplaceFile({folder->get()}, "a/file", "x", 0600).ok() &&
           ::renameat(folder->get(), "a/file", folder->get(), "b/file") == 0 &&
           Fails(::open(out.c_str(), O_RDONLY | O_CLOEXEC), EACCES) && Fails(::unlink(out.c_str()), EACCES);
  };
  EXPECT_EXIT(Exit(probe), ::testing::ExitedWithCode(0), "");
}

TEST_F(SandboxDeathTest, WhatIsListedIsReadAndNotChanged) {
  REQUIRE(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 2,
          "Landlock with ABI 2");
  KeepFolder();
  const testing::TempDir dir;
  ASSERT_OK(EnsureDirectory(dir / "in/a", 0700));
  ASSERT_OK(ReplaceFile({AT_FDCWD}, dir / "in/a/file", "x", 0600));
  const std::string in = dir / "in";
  const auto probe = [&] {
    const auto folder = OpenAt({AT_FDCWD}, in, O_RDONLY | O_DIRECTORY);
    FileAccess access;
    access.listed = {folder->get()};
    const auto confined = RestrictFiles(access);
    if (!confined.ok() || !*confined) return false;
    return ListDirectory({folder->get()}, "a").ok() && OpenAt({folder->get()}, "a/file", O_RDONLY).ok() &&
           Fails(::openat(folder->get(), "a/file", O_WRONLY | O_CLOEXEC), EACCES) &&
           Fails(::unlinkat(folder->get(), "a/file", 0), EACCES);
  };
  EXPECT_EXIT(Exit(probe), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace estiba::os
