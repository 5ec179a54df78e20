#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "fixture.h"

#include <gmock/gmock.h>
#include "plan/explain.h"

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What comes from a terminal's master until the other side is gone.
std::string ReadTerminal(int master) {
  std::string text;
  char buffer[4096];
  for (;;) {
    pollfd watched{master, POLLIN, 0};
    if (::poll(&watched, 1, 10000) <= 0) return text + "(nothing for ten seconds)";
    const ssize_t size = ::read(master, buffer, sizeof buffer);
    if (size <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

class Running : public ::testing::Test {
 protected:
  void SetUp() override { REQUIRE(Capable(), "root and busybox"); }
  void Start(oci::RuntimeSpec spec) {
    spec_ = spec;
    ASSERT_OK_AND_ASSIGN(plan::Plan plan, plan::BuildContainer(box_.Input(std::move(spec)), Facts()));
    box_.Keep(plan);
    ASSERT_OK_AND_ASSIGN(Container container, Container::Create(plan, LaunchOptions()));
    terminal_ = container.TakeTerminal();
    ASSERT_OK(container.Start());
    process_ = container.Detach();
  }
  plan::ExecInput ExecInputOf(std::vector<std::string> args) const {
    plan::ExecInput input;
    input.id = box_.id();
    input.name = "web";
    input.spec = spec_;
    input.process = *spec_.process;
    input.process.args = std::move(args);
    input.cgroup_path = box_.CgroupPath();
    return input;
  }
  std::string Exec(const plan::ExecInput& input, int* code = nullptr) {
    const auto plan = plan::BuildExec(input, Facts());
    if (!plan.ok()) return "error: " + plan.error().ToString();
    auto pipe = os::MakePipe().value();
    LaunchOptions options;
    options.stdio.out = options.stdio.err = pipe.write.get();
    auto result = runtime::Exec(*plan, process_.pid(), process_.pidfd(), options);
    pipe.write.Reset();
    if (!result.ok()) return "error: " + result.error().ToString();
    std::string output = os::ReadAll(pipe.read.get()).value();
    const auto status = result->process.Wait();
    if (code != nullptr) *code = status->ToShell();
    return output;
  }
  std::string ExecArgs(std::vector<std::string> args) { return Exec(ExecInputOf(std::move(args))); }

  Box box_;
  oci::RuntimeSpec spec_;
  os::UniqueFd terminal_;
  os::Process process_;
};

TEST_F(Running, ExecIsInsideInEveryWay) {
  Start(DockerSpec({"sleep", "1000"}));
  int code = 0;
  const std::string out =
      Exec(ExecInputOf(
               {"sh", "-c",
                "hostname; cat /proc/1/comm; grep -E 'Cap(Eff|Bnd)' /proc/self/status; cat /proc/self/cgroup;"
                "for n in mnt pid net uts ipc cgroup; do [ $(readlink /proc/self/ns/$n) = $(readlink "
                "/proc/1/ns/$n) ]"
                " || echo other $n; done; exit 3"}),
           &code);
  EXPECT_EQ(code, 3);
  EXPECT_THAT(out, ::testing::StartsWith("box\nsleep\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n"));
  EXPECT_THAT(out, Not(HasSubstr("other")));
  EXPECT_THAT(out, HasSubstr("memory:/\n"));
  EXPECT_THAT(out, HasSubstr("0::/\n"));
}

TEST_F(Running, ExecHasItsOwnUserDirectoryAndEnvironment) {
  Start(DockerSpec({"sleep", "1000"}));
  plan::ExecInput input = ExecInputOf({"sh", "-c", "id -un; pwd; echo $HOME $X; ls /proc/self/fd | wc -l"});
  input.process.user.username = "ada";
  input.process.cwd = "/tmp";
  input.process.env.push_back("X=y");
  EXPECT_EQ(Exec(input), "ada\n/tmp\n/home/ada y\n4\n");
}

TEST_F(Running, ExecOfWhatIsNotThereSaysSoAsDockerDoes) {
  Start(DockerSpec({"sleep", "1000"}));
  EXPECT_THAT(ExecArgs({"nope"}),
              HasSubstr("exec in container 'web': exec: \"nope\": executable file not found in $PATH"));
}

TEST_F(Running, ExecWithATerminalIsASessionOnIt) {
  Start(DockerSpec({"sleep", "1000"}));
  plan::ExecInput input = ExecInputOf({"sh", "-c", "tty; stty size; echo out; echo err >&2"});
  input.process.terminal = true;
  input.process.console_size = oci::ConsoleSize{33, 101};
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildExec(input, Facts()));
  ASSERT_OK_AND_ASSIGN(ExecResult result, runtime::Exec(plan, process_.pid(), process_.pidfd(), LaunchOptions()));
  ASSERT_TRUE(result.terminal.valid());
  EXPECT_EQ(ReadTerminal(result.terminal.get()), "/dev/pts/0\r\n33 101\r\nout\r\nerr\r\n");
  ASSERT_OK_AND_ASSIGN(const os::ExitStatus status, result.process.Wait());
  EXPECT_EQ(status.ToShell(), 0);
}

TEST_F(Running, ATerminalIsTheConsole) {
  oci::RuntimeSpec spec =
      DockerSpec({"sh", "-c", "tty; stty size; ls -l /dev/console | head -c 1; echo hello > /dev/console"});
  spec.process->terminal = true;
  spec.process->console_size = oci::ConsoleSize{24, 80};
  Start(spec);
  ASSERT_TRUE(terminal_.valid());
  EXPECT_EQ(ReadTerminal(terminal_.get()), "/dev/pts/0\r\n24 80\r\nchello\r\n");
}

TEST_F(Running, ExecAfterTheEndOfPidOneIsRefused) {
  Start(DockerSpec({"true"}));
  ASSERT_OK(process_.Wait());
  EXPECT_THAT(ExecArgs({"true"}), HasSubstr("error: exec in container 'web'"));
}

TEST_F(Running, UndoByAnotherProcessEndsEverything) {
  Start(DockerSpec({"sleep", "1000"}));
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(spec_), Facts()));
  ASSERT_OK(Undo(plan));
  ASSERT_OK(Undo(plan));
  ASSERT_OK_AND_ASSIGN(const os::ExitStatus status, process_.Wait());
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_FALSE(cgroup::Cgroup::Open(Facts().cgroups, box_.CgroupPath()).ok());
}

TEST_F(Running, AnotherProcessLetsAGatedContainerGo) {
  const testing::TempDir folder;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd gate, os::OpenAt({AT_FDCWD}, folder.path(), O_PATH | O_DIRECTORY));
  box_.Write("witness", "", 0644);
  oci::RuntimeSpec spec = DockerSpec({"sh", "-c", "echo ran > /witness"});
  spec.mounts.push_back(MakeMount("/witness", "bind", box_.dir() / "witness", {"bind"}));
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(spec), Facts()));
  box_.Keep(plan);
  LaunchOptions options;
  options.gate.fd = gate.get();
  ASSERT_OK_AND_ASSIGN(Container container, Container::Create(plan, options));
  os::Process process = container.Detach();
  EXPECT_EQ(*os::ReadFile(box_.dir() / "witness"), "");
  ASSERT_OK(ReleaseAt(plan, {gate.get()}));
  ASSERT_OK(process.Wait());
  EXPECT_EQ(*os::ReadFile(box_.dir() / "witness"), "ran\n");
  const auto again = ReleaseAt(plan, {gate.get()});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code(), Code::kFailedPrecondition);
}

TEST_F(Running, AGatedProgramThatCannotBeExecutedIsReportedToWhoLetItGo) {
  const testing::TempDir folder;
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd gate, os::OpenAt({AT_FDCWD}, folder.path(), O_PATH | O_DIRECTORY));
  box_.Write("lower/bin/garbage", "not a program", 0755);
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(DockerSpec({"garbage"})), Facts()));
  box_.Keep(plan);
  LaunchOptions options;
  options.gate.fd = gate.get();
  ASSERT_OK_AND_ASSIGN(Container container, Container::Create(plan, options));
  os::Process process = container.Detach();
  const auto released = ReleaseAt(plan, {gate.get()});
  ASSERT_FALSE(released.ok());
  EXPECT_THAT(released.error().Message(), HasSubstr("exec garbage: exec format error"));
}

}  // namespace
}  // namespace estiba::runtime
