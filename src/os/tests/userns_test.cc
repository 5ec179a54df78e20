#include "os/userns.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/process.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

TEST(MapFromSubordinateIds, PutsTheUserAtZeroAndTheRangesBehind) {
  const std::string_view text = "# comment\nother:1:2\nann:100000:65536\n1000:300000:10\nann:x:5\n";
  ASSERT_OK_AND_ASSIGN(const auto map, MapFromSubordinateIds(text, "ann", 1000, 1000));
  EXPECT_EQ(map, (std::vector<IdRange>{{0, 1000, 1}, {1, 100000, 65536}, {65537, 300000, 10}}));
}

TEST(MapFromSubordinateIds, SaysWhoHasNone) {
  const auto map = MapFromSubordinateIds("bob:100000:65536\n", "ann", 1000, 1000);
  ASSERT_FALSE(map.ok());
  EXPECT_EQ(map.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(map.error().Message(), "user 'ann' has no subordinate ids");
  EXPECT_FALSE(MapFromSubordinateIds("ann:100000:0\n", "ann", 1000, 1000).ok());
  EXPECT_FALSE(MapFromSubordinateIds("ann:4294967290:100\n", "ann", 1000, 1000).ok());
}

// Runs `body` in a forked child; 0 when it had no failure.
template <typename Body>
int InChild(Body body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

TEST(EnterNewUserNamespace, IsJoinedThroughAProcessInIt) {
  REQUIRE(::access("/usr/bin/newuidmap", X_OK) == 0, "newuidmap (package uidmap)");
  REQUIRE(::geteuid() == 0, "root, whose own id newuidmap maps without an entry in /etc/subuid");
  EXPECT_EQ(InChild([] {
    ASSERT_OK_AND_ASSIGN(const Pipe ready, MakePipe());
    ASSERT_OK_AND_ASSIGN(Pipe done, MakePipe());
    const pid_t holder = ::fork();
    if (holder == 0) {
      done.write.Reset();
      const Status entered = EnterNewUserNamespace({{0, 0, 1}}, {{0, 0, 1}});
      if (!entered.ok()) std::fprintf(stderr, "%s\n", entered.error().ToString().c_str());
      (void)!::write(ready.write.get(), entered.ok() ? "y" : "n", 1);
      char byte;
      (void)!::read(done.read.get(), &byte, 1);
      ::_exit(0);
    }
    char answer = 0;
    ASSERT_EQ(::read(ready.read.get(), &answer, 1), 1);
    ASSERT_EQ(answer, 'y');
    EXPECT_TRUE(InFirstUserNamespace().value());
    ASSERT_OK_AND_ASSIGN(const UniqueFd pidfd, OpenPidfd(holder));
    ASSERT_OK(JoinUserNamespace(pidfd.get()));
    EXPECT_FALSE(InFirstUserNamespace().value());
    EXPECT_EQ(UserNamespaceOf(::getpid()).value(), UserNamespaceOf(holder).value());
    ASSERT_OK(EnterNewMountNamespace());
    done.write.Reset();
    ::waitpid(holder, nullptr, 0);
  }), 0);
}

TEST(EnterNewUserNamespace, ARefusedMapIsToldInTheMappersWords) {
  REQUIRE(::access("/usr/bin/newuidmap", X_OK) == 0, "newuidmap (package uidmap)");
  EXPECT_EQ(InChild([] {
    const Status entered = EnterNewUserNamespace({{0, 4000000000U, 5}}, {{0, 4000000000U, 5}});
    ASSERT_FALSE(entered.ok());
    EXPECT_EQ(entered.error().code(), Code::kFailedPrecondition);
    EXPECT_NE(entered.error().Message().find("newuidmap"), std::string::npos) << entered.error().Message();
  }), 0);
}

// A process in a new user namespace without maps, until it is let go.
struct Holder {
  pid_t pid = -1;
  UniqueFd done;
};

Holder HoldNamespace() {
  auto ready = MakePipe();
  auto done = MakePipe();
  if (!ready.ok() || !done.ok()) return {};
  const pid_t pid = ::fork();
  if (pid == 0) {
    done->write.Reset();
    const char answer = ::unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
    (void)!::write(ready->write.get(), &answer, 1);
    char byte;
    (void)!::read(done->read.get(), &byte, 1);
    ::_exit(0);
  }
  char answer = 0;
  const bool made = ::read(ready->read.get(), &answer, 1) == 1 && answer == 'y';
  return {made ? pid : -1, std::move(done->write)};
}

// The numbers of a map, without the kernel's padding.
std::string Numbers(pid_t pid, const char* map) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/" + map);
  if (!text.ok()) return text.error().Message();
  std::string numbers;
  for (const char c : *text) {
    if (c != ' ') numbers += c;
    else if (!numbers.empty() && numbers.back() != ' ' && numbers.back() != '\n') numbers += ' ';
  }
  return numbers;
}

TEST(MapIds, WritesBothMapsOfAnotherProcess) {
  REQUIRE(::geteuid() == 0, "root, who maps any id");
  EXPECT_EQ(InChild([] {
    Holder holder = HoldNamespace();
    ASSERT_GT(holder.pid, 0);
    ASSERT_OK(MapIds(holder.pid, "0 100000 10\n10 200000 5\n", "0 300000 7\n"));
    EXPECT_EQ(Numbers(holder.pid, "uid_map"), "0 100000 10\n10 200000 5\n");
    EXPECT_EQ(Numbers(holder.pid, "gid_map"), "0 300000 7\n");
    // The kernel takes a map once.
    const Status again = MapIds(holder.pid, "0 100000 10\n", "0 300000 7\n");
    EXPECT_FALSE(again.ok());
    holder.done.Reset();
    ::waitpid(holder.pid, nullptr, 0);
  }), 0);
}

TEST(MapIds, APlainUsersOwnGroupGivesUpSetgroups) {
  REQUIRE(::geteuid() == 0, "root, who becomes another user");
  EXPECT_EQ(InChild([] {
    constexpr id_t kUser = 64321;
    ASSERT_EQ(::setresgid(kUser, kUser, kUser), 0);
    ASSERT_EQ(::setresuid(kUser, kUser, kUser), 0);
    ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);  // else our /proc is root's
    Holder holder = HoldNamespace();
    ASSERT_GT(holder.pid, 0);
    ASSERT_OK(MapIds(holder.pid, "0 64321 1\n", "0 64321 1\n"));
    EXPECT_EQ(Numbers(holder.pid, "gid_map"), "0 64321 1\n");
    EXPECT_EQ(Numbers(holder.pid, "setgroups"), "deny\n");
    holder.done.Reset();
    ::waitpid(holder.pid, nullptr, 0);
  }), 0);
}

TEST(MapIds, APlainUserGetsNoIdsOfOthers) {
  REQUIRE(::geteuid() == 0, "root, who becomes another user");
  EXPECT_EQ(InChild([] {
    constexpr id_t kUser = 64321;
    ASSERT_EQ(::setresgid(kUser, kUser, kUser), 0);
    ASSERT_EQ(::setresuid(kUser, kUser, kUser), 0);
    ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
    Holder holder = HoldNamespace();
    ASSERT_GT(holder.pid, 0);
    EXPECT_FALSE(MapIds(holder.pid, "0 0 1\n", "0 64321 1\n").ok());
    EXPECT_EQ(Numbers(holder.pid, "uid_map"), "");
    holder.done.Reset();
    ::waitpid(holder.pid, nullptr, 0);
  }), 0);
}

TEST(MapIds, WhoIsGoneCannotBeMapped) {
  EXPECT_EQ(MapIds(0x7ffffff0, "0 0 1\n", "0 0 1\n").error().code(), Code::kNotFound);
}

}  // namespace
}  // namespace estiba::os
