#include "os/process.h"

#include <csignal>

#include <unistd.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

TEST(Spawn, GivesTheChildOnlyWhatIsNamed) {
  ASSERT_OK_AND_ASSIGN(Pipe pipe, MakePipe());
  ASSERT_OK_AND_ASSIGN(UniqueFd stray, Duplicate(2));
  ASSERT_OK(SetCloseOnExec(stray.get(), false));
  SpawnOptions options;
  options.program = "/bin/sh";
  options.argv = {"sh", "-c", "ls /proc/self/fd; echo $A; pwd"};
  options.env = {"A=b", "PATH=/usr/bin:/bin"};
  options.fds = {{pipe.write.get(), 1}};
  ASSERT_OK_AND_ASSIGN(Process child, Spawn(options));
  pipe.write.Reset();
  // ls itself holds 3, the folder it lists.
  EXPECT_EQ(ReadAll(pipe.read.get()).value(), "0\n1\n2\n3\nb\n/\n");
  EXPECT_EQ(child.Wait().value().ToShell(), 0);
}

TEST(Process, DroppedUnreapedIsKilledAndReaped) {
  pid_t pid = -1;
  {
    SpawnOptions options;
    options.program = "/bin/sleep";
    options.argv = {"sleep", "1000"};
    ASSERT_OK_AND_ASSIGN(Process child, Spawn(options));
    pid = child.pid();
    ASSERT_OK_AND_ASSIGN(const auto start, StartTime(pid));
    ASSERT_OK(OpenProcess(pid, start));
    EXPECT_EQ(OpenProcess(pid, start + 1).error().code(), Code::kNotFound);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Process, ReportsTheSignal) {
  SpawnOptions options;
  options.program = "/bin/sh";
  options.argv = {"sh", "-c", "kill -9 $$"};
  ASSERT_OK_AND_ASSIGN(Process child, Spawn(options));
  const auto status = child.Wait();
  EXPECT_EQ(status->signal, SIGKILL);
  EXPECT_EQ(status->ToShell(), 137);
}

TEST(Spawn, NamesTheProgramThatIsNotThere) {
  SpawnOptions options;
  options.program = "/nonexistent/program";
  options.argv = {"program"};
  EXPECT_EQ(Spawn(options).error().ToString(), "start '/nonexistent/program': No such file or directory");
}

}  // namespace
}  // namespace estiba::os
