#include "fixture.h"

#include <gmock/gmock.h>

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;

class Hooks : public ::testing::Test {
 protected:
  void SetUp() override { REQUIRE(Capable(), "root and busybox"); }
  oci::Hook MakeHook(const std::string& script) {
    oci::Hook hook;
    hook.path = kBusybox;
    hook.args = {"sh", "-c", script};
    hook.env = std::vector<std::string>{"PATH=/usr/bin:/bin"};
    return hook;
  }
  std::string Log() { return *os::ReadFile(box_.dir() / "log"); }
  Box box_;
};

TEST_F(Hooks, RunInTheirOrderWithTheStateOnStdin) {
  box_.Write("log", "", 0666);
  const std::string log = box_.dir() / "log";
  oci::RuntimeSpec spec = DockerSpec({"sh", "-c", "echo process >> /log"});
  spec.mounts.push_back(MakeMount("/log", "bind", log, {"bind"}));
  const std::string state = "busybox grep -o '\"status\":\"[a-z]*\"'";
  spec.hooks.prestart = {MakeHook("(echo prestart; " + state + ") >> " + log)};
  spec.hooks.create_runtime = {MakeHook("(echo createRuntime; " + state + ") >> " + log)};
  spec.hooks.create_container = {MakeHook("(echo createContainer; " + state + ") >> " + log)};
  oci::Hook inside = MakeHook("");
  inside.path = "/bin/busybox";
  inside.args = {"sh", "-c", "(echo startContainer; cat) | grep -o -E '^startC.*|\"status\":\"[a-z]*\"' >> /log"};
  inside.env = std::vector<std::string>{"PATH=/bin"};
  spec.hooks.start_container = {inside};
  spec.hooks.poststop = {MakeHook("(echo poststop; " + state + ") >> " + log)};
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(spec), Facts()));
  ASSERT_OK(box_.Run(box_.Input(spec)));
  EXPECT_TRUE(RunPoststopHooks(plan).empty());
  EXPECT_EQ(Log(),
            "prestart\n\"status\":\"creating\"\ncreateRuntime\n\"status\":\"creating\"\n"
            "createContainer\n\"status\":\"creating\"\nstartContainer\n\"status\":\"created\"\nprocess\n"
            "poststop\n\"status\":\"stopped\"\n");
}

// The descriptors passed on take the numbers from 3 on, where the state document would otherwise be.
TEST_F(Hooks, OneInsideReadsTheStateBesideDescriptorsThatArePassedOn) {
  box_.Write("log", "", 0666);
  oci::RuntimeSpec spec = DockerSpec({"true"});
  spec.mounts.push_back(MakeMount("/log", "bind", box_.dir() / "log", {"bind"}));
  oci::Hook inside = MakeHook("");
  inside.path = "/bin/busybox";
  inside.args = {"sh", "-c", "grep -o '\"status\":\"[a-z]*\"' > /log"};
  inside.env = std::vector<std::string>{"PATH=/bin"};
  spec.hooks.start_container = {inside};
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(spec), Facts()));
  box_.Keep(plan);
  ASSERT_OK_AND_ASSIGN(const os::UniqueFd null, os::OpenAt({AT_FDCWD}, "/dev/null", O_RDWR));
  LaunchOptions options;
  options.extra_fds.assign(40, null.get());
  ASSERT_OK_AND_ASSIGN(Container container, Container::Create(plan, options));
  ASSERT_OK(container.Start());
  os::Process process = container.Detach();
  ASSERT_OK(process.Wait());
  EXPECT_EQ(Log(), "\"status\":\"created\"\n");
}

TEST_F(Hooks, AFailingOneStopsTheStartAndIsNamed) {
  oci::RuntimeSpec spec = DockerSpec({"true"});
  spec.hooks.create_runtime = {MakeHook("exit 3")};
  auto ran = box_.Run(box_.Input(spec));
  ASSERT_FALSE(ran.ok());
  EXPECT_THAT(ran.error().Message(),
              HasSubstr("hooks.createRuntime[0]: error running createRuntime hook #0: "
                        "'/usr/bin/busybox': exit status 3"));
  spec.hooks.create_runtime.clear();
  spec.hooks.create_container = {MakeHook("exit 4")};
  ran = box_.Run(box_.Input(spec));
  ASSERT_FALSE(ran.ok());
  EXPECT_THAT(ran.error().Message(),
              HasSubstr("hooks.createContainer[0]: error running createContainer hook #0: "
                        "'/usr/bin/busybox': exit status 4"));
}

TEST_F(Hooks, OneThatTakesTooLongIsKilled) {
  oci::RuntimeSpec spec = DockerSpec({"true"});
  spec.hooks.create_container = {MakeHook("busybox sleep 100")};
  spec.hooks.create_container[0].timeout = 1;
  const auto ran = box_.Run(box_.Input(spec));
  ASSERT_FALSE(ran.ok());
  EXPECT_THAT(ran.error().Message(), HasSubstr("hooks.createContainer[0]"));
}

}  // namespace
}  // namespace estiba::runtime
