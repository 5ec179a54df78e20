// Runs the program itself, as PID 1 of a pid namespace where root allows it.

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/support.h"

namespace {

struct Running {
  pid_t pid = -1;
  int out = -1;  // its stdout and stderr

  std::string ReadUntil(char end) const {
    std::string text;
    char c = 0;
    pollfd poll{.fd = out, .events = POLLIN, .revents = 0};
    while (::poll(&poll, 1, 10000) == 1 && ::read(out, &c, 1) == 1) {
      text += c;
      if (c == end) break;
    }
    return text;
  }
  int Wait() {
    int status = -1;
    ::waitpid(pid, &status, 0);
    ::close(out);
    return status;
  }
};

Running Start(std::vector<std::string> args, bool own_namespace) {
  int pipe[2] = {-1, -1};
  if (::pipe2(pipe, O_CLOEXEC) != 0) std::abort();
  std::vector<char*> argv;
  std::string program = ESTIBA_INIT;
  argv.push_back(program.data());
  for (auto& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  const std::uint64_t flags = SIGCHLD | (own_namespace ? std::uint64_t{CLONE_NEWPID} : 0);
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, flags, 0, 0, 0, 0));
  if (pid == 0) {
    ::dup2(pipe[1], 1);
    ::dup2(pipe[1], 2);
    ::execv(ESTIBA_INIT, argv.data());
    ::_exit(99);
  }
  ::close(pipe[1]);
  return {.pid = pid, .out = pipe[0]};
}

int ExitCode(std::vector<std::string> args) {
  const int status = Start(std::move(args), false).Wait();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Init, EndsWithTheProgramsExitCode) {
  EXPECT_EQ(ExitCode({"--", "sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(ExitCode({"true"}), 0);
  EXPECT_EQ(ExitCode({"--", "sh", "-c", "kill -9 $$"}), 128 + 9);
}

TEST(Init, AProgramThatCannotRunIs127Or126) {
  EXPECT_EQ(ExitCode({"--", "no-such-program"}), 127);
  EXPECT_EQ(ExitCode({"--", "/etc"}), 126);
  Running running = Start({"--", "no-such-program"}, false);
  EXPECT_THAT(running.ReadUntil('\n'),
              ::testing::HasSubstr("exec no-such-program failed: No such file or directory"));
  running.Wait();
}

TEST(Init, AScriptWithoutAnInterpreterGoesToTheShell) {
  const estiba::testing::TempDir dir;
  const std::string script = dir / "script";
  const int fd = ::open(script.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
  ASSERT_EQ(::write(fd, "exit $1\n", 8), 8);
  ::close(fd);
  EXPECT_EQ(ExitCode({"--", script, "9"}), 9);
}

TEST(Init, HandsSignalsToTheProgram) {
  Running running =
      Start({"--", "sh", "-c", "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.05; done"}, false);
  EXPECT_EQ(running.ReadUntil('\n'), "up\n");
  ::kill(running.pid, SIGTERM);
  EXPECT_EQ(running.ReadUntil('\n'), "got\n");
  EXPECT_EQ(WEXITSTATUS(running.Wait()), 5);
}

// State letters of a process's children ("S", "Z"…).
std::string ChildStates(pid_t pid) {
  const std::string number = std::to_string(pid);
  std::ifstream children("/proc/" + number + "/task/" + number + "/children");
  std::string states;
  std::string child;
  while (children >> child) {
    std::ifstream stat("/proc/" + child + "/stat");
    std::string line;
    std::getline(stat, line);
    states += line.substr(line.rfind(')') + 2, 1);
  }
  return states;
}

TEST(Init, ReapsOrphansAsPidOne) {
  REQUIRE(::geteuid() == 0, "root");
  // The subshell ends at once; its child becomes PID 1's, and ends when it finds that file.
  const estiba::testing::TempDir dir;
  const std::string end = dir / "end";
  Running running = Start(
      {"--", "sh", "-c", "(while [ ! -e " + end + " ]; do sleep 0.01; done &); echo now; exec sleep 1000"}, true);
  EXPECT_EQ(running.ReadUntil('\n'), "now\n");
  const auto children = [&](std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (ChildStates(running.pid).size() != count && std::chrono::steady_clock::now() < deadline) ::sched_yield();
    return ChildStates(running.pid).size();
  };
  EXPECT_EQ(children(2), 2U);
  std::ofstream(end) << "now";
  EXPECT_EQ(children(1), 1U);  // the program alone, no zombie
  ::kill(running.pid, SIGKILL);
  running.Wait();
}

TEST(Init, StartsTheProgramWithTheSignalsItWasGiven) {
  Running running =
      Start({"--", "sh", "-c", "grep -E 'SigBlk|SigIgn' /proc/self/status | tr -d '\\n\\t'; echo"}, false);
  EXPECT_THAT(running.ReadUntil('\n'), ::testing::HasSubstr("SigBlk:0000000000000000"));
  running.Wait();
}

TEST(Init, IsSmallAndAlone) {
  struct stat info{};
  ASSERT_EQ(::stat(ESTIBA_INIT, &info), 0);
  EXPECT_LE(info.st_size, 100 * 1000);
}

}  // namespace
