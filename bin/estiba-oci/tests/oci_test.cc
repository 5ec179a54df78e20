// The program itself, as its callers use it, on the real kernel: a bundle of busybox in a folder of its own.

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "codec/json.h"
#include "os/file.h"
#include "os/process.h"
#include "os/socket.h"
#include "tests/support.h"

namespace estiba {
namespace {

using ::testing::HasSubstr;

constexpr const char* kBusybox = "/bin/busybox";

struct Answer {
  int code = -1;
  std::string out;
  std::string err;
};

class OciTest : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    REQUIRE(::access(kBusybox, X_OK) == 0, "a static busybox");
    static int count = 0;
    id_ = "ocitest-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
    ASSERT_EQ(::mkdir((dir_ / "rootfs").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((dir_ / "rootfs/bin").c_str(), 0755), 0);
    ASSERT_OK_AND_ASSIGN(const std::string program, os::ReadFile(kBusybox));
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, dir_ / "rootfs/bin/busybox", program, 0755));
    for (const char* name : {"sh", "sleep", "id", "cat", "true", "ls", "tty", "echo"})
      ASSERT_EQ(::symlink("busybox", (dir_ / "rootfs/bin/").append(name).c_str()), 0);
    ASSERT_EQ(Run({"spec", "--bundle", dir_.path()}).code, 0);
  }
  // The folder all tests' cgroups are in.
  static void TearDownTestSuite() {
    const auto hierarchies = os::ListDirectory({AT_FDCWD}, "/sys/fs/cgroup");
    if (!hierarchies.ok()) return;
    for (const std::string& name : *hierarchies)
      ::rmdir(("/sys/fs/cgroup/" + name + "/estiba-oci-test").c_str());
    ::rmdir("/sys/fs/cgroup/estiba-oci-test");
  }
  void TearDown() override {
    if (id_.empty()) return;
    Run({"delete", "--force", id_});
    EXPECT_EQ(Leftovers(), "");
  }

  // Changes the bundle's configuration.
  void Configure(const std::vector<std::string>& args, void (*change)(codec::Json&) = nullptr) {
    ASSERT_OK_AND_ASSIGN(const std::string text, os::ReadFile(dir_ / "config.json"));
    ASSERT_OK_AND_ASSIGN(codec::Json config, codec::ParseJson(text));
    config.Find("process")->Set("args", args);
    config.Find("process")->Set("terminal", false);
    config.Find("linux")->Set("cgroupsPath", "/estiba-oci-test/" + id_);
    if (change != nullptr) change(config);
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, dir_ / "config.json", config.Dump(), 0644));
  }

  std::string File(const char* name) const {
    std::ifstream in(dir_ / name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  // Runs the program with its output in files: a container that stays must not hold a pipe of ours.
  Answer Run(std::vector<std::string> args) {
    args.insert(args.begin(), {ESTIBA_OCI, "--root", dir_ / "state"});
    auto out = os::OpenAt({AT_FDCWD}, dir_ / "out", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);
    auto err = os::OpenAt({AT_FDCWD}, dir_ / "err", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);
    os::SpawnOptions options;
    options.program = ESTIBA_OCI;
    options.argv = args;
    options.env = {"PATH=/usr/bin:/bin"};
    options.fds = {{out->get(), 1}, {err->get(), 2}};
    auto process = os::Spawn(options);
    if (!process.ok()) return {.code = -1, .out = "", .err = process.error().ToString()};
    const auto status = process->Wait();
    return {.code = status->ToShell(), .out = File("out"), .err = File("err")};
  }
  std::string Status() {
    const Answer answer = Run({"state", id_});
    const auto state = codec::ParseJson(answer.out);
    return state.ok() ? state->GetString("status") : answer.err;
  }
  // Waits, bounded, until `path` in the bundle holds `text`.
  bool WaitFor(const char* file, const std::string& text) {
    return testing::Eventually([&] { return File(file).find(text) != std::string::npos; });
  }
  std::string Leftovers() const {
    std::string left;
    if (::access((dir_ / "state/").append(id_).c_str(), F_OK) == 0) left += "state ";
    for (const char* hierarchy : {"memory", "pids", "unified", "cpu", ""})
      if (::access(("/sys/fs/cgroup/" + std::string(hierarchy) + "/estiba-oci-test/" + id_).c_str(), F_OK) ==
          0)
        left += std::string(hierarchy) + " ";
    return left;
  }

  testing::TempDir dir_;
  std::string id_;
};

TEST_F(OciTest, RunEndsWithTheProgramsCodeAndLeavesNothing) {
  Configure({"sh", "-c", "echo out; echo err >&2; exit 7"});
  const Answer answer = Run({"run", "--bundle", dir_.path(), id_});
  EXPECT_EQ(answer.code, 7);
  EXPECT_EQ(answer.out, "out\n");
  EXPECT_EQ(answer.err, "err\n");
  EXPECT_EQ(Leftovers(), "");
  Configure({"sh", "-c", "kill -9 $$"});
  EXPECT_EQ(Run({"run", "--bundle", dir_.path(), id_}).code, 0);  // PID 1 is immune to its own SIGKILL
}

TEST_F(OciTest, CreateStartKillDelete) {
  Configure({"sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"});
  ASSERT_EQ(Run({"create", "--bundle", dir_.path(), "--pid-file", dir_ / "pid", id_}).code, 0);
  EXPECT_EQ(Status(), "created");
  EXPECT_THAT(File("pid"), ::testing::MatchesRegex("[0-9]+"));  // no line end
  EXPECT_THAT(Run({"create", "--bundle", dir_.path(), id_}).err,
              HasSubstr("container with given ID already exists"));
  EXPECT_EQ(Run({"start", id_}).code, 0);
  EXPECT_EQ(Status(), "running");
  EXPECT_NE(Run({"start", id_}).code, 0);
  const Answer running = Run({"delete", id_});
  EXPECT_EQ(running.code, 1);
  EXPECT_THAT(running.err, HasSubstr("that is not stopped: running"));
  EXPECT_EQ(Run({"exec", id_, "sh", "-c", "exit 6"}).code, 6);
  EXPECT_EQ(Run({"kill", id_, "KILL"}).code, 0);
  testing::Eventually([&] { return Status() == "stopped"; });
  EXPECT_EQ(Status(), "stopped");
  const Answer dead = Run({"kill", id_, "TERM"});
  EXPECT_EQ(dead.code, 1);
  EXPECT_THAT(dead.err, HasSubstr("container not running"));
  EXPECT_THAT(Run({"exec", id_, "true"}).err, HasSubstr("cannot exec in a stopped container"));
  EXPECT_EQ(Run({"delete", id_}).code, 0);
  EXPECT_EQ(Leftovers(), "");
}

TEST_F(OciTest, WhatDoesNotExistIsAnErrorExceptForForcedDelete) {
  for (const char* command : {"state", "start", "kill", "delete", "pause", "resume"}) {
    const Answer answer = Run({command, id_});
    EXPECT_EQ(answer.code, 1) << command;
    EXPECT_THAT(answer.err, HasSubstr("container does not exist")) << command;
  }
  EXPECT_EQ(Run({"delete", "--force", id_}).code, 0);
  EXPECT_EQ(Run({"delete", "../x"}).code, 1);
}

TEST_F(OciTest, AProgramThatIsNotThereLeavesNothing) {
  Configure({"no-such-program"});
  const Answer answer = Run({"run", "--bundle", dir_.path(), id_});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("no-such-program"));
  EXPECT_THAT(answer.err, HasSubstr("executable file not found in $PATH"));
  EXPECT_EQ(Leftovers(), "");
}

TEST_F(OciTest, TheLastLineOfTheJsonLogIsTheReason) {
  Configure({"no-such-program"});
  const Answer answer =
      Run({"--log", dir_ / "log.json", "--log-format", "json", "run", "--bundle", dir_.path(), id_});
  EXPECT_EQ(answer.code, 1);
  ASSERT_OK_AND_ASSIGN(const auto line, codec::ParseJson(File("log.json")));
  EXPECT_EQ(line.GetString("level"), "error");
  EXPECT_THAT(line.GetString("msg"), HasSubstr("executable file not found"));
  EXPECT_THAT(line.GetString("time"), ::testing::MatchesRegex("[-0-9]+T[0-9:]+Z"));
}

TEST_F(OciTest, ConfigurationThatIsWrongIsNamedByField) {
  Configure({"true"}, [](codec::Json& config) { config.Find("process")->Set("cwd", "here"); });
  EXPECT_THAT(Run({"run", "--bundle", dir_.path(), id_}).err, HasSubstr("process.cwd"));
  Configure({"true"}, [](codec::Json& config) { config.Find("process")->Set("cwd", 7); });
  EXPECT_THAT(Run({"run", "--bundle", dir_.path(), id_}).err, HasSubstr("process.cwd"));
  EXPECT_THAT(Run({"run", "--bundle", "/nonexistent", id_}).err, HasSubstr("/nonexistent"));
}

TEST_F(OciTest, ExecReadsAProcessFileAndWritesAPidFile) {
  Configure({"sh", "-c", "while :; do sleep 0.05; done"});
  ASSERT_EQ(Run({"run", "--detach", "--bundle", dir_.path(), id_}).code, 0);
  std::ofstream(dir_ / "process.json")
      << R"({"terminal": false, "user": {"uid": 12, "gid": 34}, "cwd": "/bin",
      "args": ["sh", "-c", "id; echo $A"], "env": ["PATH=/bin", "A=b c"]})";
  const Answer answer =
      Run({"exec", "--process", dir_ / "process.json", "--pid-file", dir_ / "execpid", id_});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("uid=12 gid=34"));
  EXPECT_THAT(answer.out, HasSubstr("b c\n"));
  EXPECT_THAT(File("execpid"), ::testing::MatchesRegex("[0-9]+"));
  EXPECT_THAT(Run({"exec", "--user", "5:6", "--env", "X=1", "--cwd", "/bin", id_, "id"}).out,
              HasSubstr("uid=5 gid=6"));
  EXPECT_EQ(Run({"exec", "--user", "4294967296", id_, "id"}).code, 255);  // never wraps to root
  EXPECT_EQ(Run({"exec", id_, "no-such-program"}).code, 255);
}

TEST_F(OciTest, PauseAndResume) {
  Configure({"sh", "-c", "while :; do sleep 0.05; done"});
  ASSERT_EQ(Run({"run", "-d", "-b", dir_.path(), id_}).code, 0);
  EXPECT_THAT(Run({"resume", id_}).err, HasSubstr("container not paused"));
  ASSERT_EQ(Run({"pause", id_}).code, 0);
  EXPECT_EQ(Status(), "paused");
  EXPECT_THAT(Run({"exec", id_, "true"}).err, HasSubstr("paused"));
  ASSERT_EQ(Run({"resume", id_}).code, 0);
  EXPECT_EQ(Status(), "running");
  EXPECT_THAT(Run({"ps", "--format", "json", id_}).out, ::testing::MatchesRegex("\\[[0-9,]+\\]\n"));
}

TEST_F(OciTest, LimitsCanBeUpdated) {
  Configure({"sh", "-c", "while :; do sleep 0.05; done"});
  ASSERT_EQ(Run({"run", "-d", "-b", dir_.path(), id_}).code, 0);
  std::ofstream(dir_ / "resources.json") << R"({"pids": {"limit": 17}, "memory": {"limit": 33554432}})";
  EXPECT_EQ(Run({"update", "--resources", dir_ / "resources.json", id_}).code, 0);
  EXPECT_EQ(Run({"update", "--pids-limit", "19", id_}).code, 0);
  std::string limit;
  for (const char* where : {"/sys/fs/cgroup/pids", "/sys/fs/cgroup"})
    if (auto text = os::ReadFile(std::string(where) + "/estiba-oci-test/" + id_ + "/pids.max"); text.ok())
      limit = *text;
  EXPECT_EQ(limit, "19\n");
}

TEST_F(OciTest, TheConsoleGoesToTheSocket) {
  Configure({"sh", "-c", "tty; exit 0"},
            [](codec::Json& config) { config.Find("process")->Set("terminal", true); });
  EXPECT_THAT(Run({"create", "--bundle", dir_.path(), id_}).err, HasSubstr("console socket"));
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd listener, os::ListenUnix(dir_ / "console", SOCK_STREAM, 0600));
  ASSERT_EQ(Run({"create", "--bundle", dir_.path(), "--console-socket", dir_ / "console", id_}).code, 0);
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd connection, os::Accept(listener.get()));
  ASSERT_TRUE(connection.valid());
  ASSERT_OK_AND_ASSIGN(const os::Message message, os::ReceiveMessage(connection.get()));
  ASSERT_EQ(message.fds.size(), 1U);
  EXPECT_FALSE(message.bytes.empty());
  ASSERT_EQ(Run({"start", id_}).code, 0);
  std::string seen;
  char buffer[256];
  for (ssize_t n = 0; (n = ::read(message.fds[0].get(), buffer, sizeof buffer)) > 0;)
    seen.append(buffer, static_cast<std::size_t>(n));
  EXPECT_EQ(seen, "/dev/pts/0\r\n");
}

TEST_F(OciTest, HooksRunInOrderAndPoststopAfterDelete) {
  const std::string script = dir_ / "hook";
  std::ofstream(script) << "#!/bin/sh\ncat >> " << dir_ / "state-$1" << "\necho $1 >> " << dir_ / "order"
                        << "\n";
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  Configure({"true"});
  ASSERT_OK_AND_ASSIGN(const std::string text, os::ReadFile(dir_ / "config.json"));
  ASSERT_OK_AND_ASSIGN(codec::Json config, codec::ParseJson(text));
  codec::Json hooks = codec::Json::MakeObject();
  for (const char* kind : {"prestart", "createRuntime", "poststart", "poststop"}) {
    codec::Json hook = codec::Json::MakeObject({{"path", script}});
    hook.Set("args", std::vector<std::string>{"hook", kind});
    hook.Set("env", std::vector<std::string>{"PATH=/usr/bin:/bin"});
    codec::Json list = codec::Json::MakeArray();
    list.Append(std::move(hook));
    hooks.Set(kind, std::move(list));
  }
  config.Set("hooks", std::move(hooks));
  ASSERT_OK(os::ReplaceFile({AT_FDCWD}, dir_ / "config.json", config.Dump(), 0644));
  const Answer answer = Run({"run", "--bundle", dir_.path(), id_});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(File("order"), "prestart\ncreateRuntime\npoststart\npoststop\n");
  ASSERT_OK_AND_ASSIGN(const auto state, codec::ParseJson(File("state-createRuntime")));
  EXPECT_EQ(state.GetString("id"), id_);
  EXPECT_EQ(state.GetString("bundle"), dir_.path());
}

TEST_F(OciTest, ListShowsItAsTableAndJson) {
  EXPECT_EQ(Run({"list", "--format", "json"}).out, "null\n");
  Configure({"sh", "-c", "while :; do sleep 0.05; done"});
  ASSERT_EQ(Run({"run", "-d", "-b", dir_.path(), id_}).code, 0);
  EXPECT_THAT(Run({"list"}).out, HasSubstr("ID"));
  EXPECT_EQ(Run({"list", "-q"}).out, id_ + "\n");
  ASSERT_OK_AND_ASSIGN(const auto list, codec::ParseJson(Run({"list", "-f", "json"}).out));
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ((*list.IfArray())[0].GetString("status"), "running");
}

TEST_F(OciTest, CommandLinesAreReadAsRuncsAre) {
  EXPECT_THAT(Run({"run", "--no-such-flag", id_}).err,
              HasSubstr("flag provided but not defined: -no-such-flag"));
  EXPECT_THAT(Run({"run", "--bundle"}).err, HasSubstr("flag needs an argument: -bundle"));
  EXPECT_EQ(Run({"frobnicate"}).code, 1);
  EXPECT_EQ(Run({"--systemd-cgroup", "list"}).code, 0);
  EXPECT_EQ(Run({"--rootless=false", "list"}).code, 0);
  EXPECT_THAT(Run({"--version"}).out, HasSubstr("version"));
  Configure({"true"});
  EXPECT_EQ(Run({"run", "-no-subreaper", "-bundle=" + std::string(dir_.path()), id_}).code, 0);
}

TEST_F(OciTest, FeaturesNameTheVersions) {
  ASSERT_OK_AND_ASSIGN(const auto features, codec::ParseJson(Run({"features"}).out));
  EXPECT_EQ(features.GetString("ociVersionMin"), "1.0.0");
  EXPECT_NE(features.FindPath({"linux", "seccomp", "actions"}), nullptr);
}

TEST_F(OciTest, PreservedDescriptorsArriveOthersDoNot) {
  Configure({"sh", "-c", "ls /proc/self/fd"});
  // 3 is the folder ls reads.
  EXPECT_EQ(Run({"run", "--bundle", dir_.path(), id_}).out, "0\n1\n2\n3\n");
  EXPECT_THAT(Run({"run", "--preserve-fds", "2", "--bundle", dir_.path(), id_}).err,
              HasSubstr("preserved-fd 3"));
}

}  // namespace
}  // namespace estiba
