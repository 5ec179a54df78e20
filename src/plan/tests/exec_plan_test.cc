#include <gmock/gmock.h>

#include "builder.h"
#include "input.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ExecInput Input(oci::StringMap below) {
  ExecInput input;
  input.id = "web";
  input.spec = DockerInput().spec;
  input.process = *input.spec.process;
  input.cgroup_path = "/estiba/web";
  input.sub_cgroups = std::move(below);
  return input;
}

// "hierarchy path" of every step that opens a cgroup to join.
std::vector<std::string> Joined(const Plan& plan) {
  std::vector<std::string> joined;
  for (const Step& step : plan.steps) {
    if (step.op == Op::kOpenUnified) joined.push_back("unified " + (step.text.empty() ? "" : step.text[0]));
    if (step.op == Op::kOpenTasks) joined.push_back(step.text[0] + " " + (step.text.size() < 2 ? "" : step.text[1]));
  }
  return joined;
}

TEST(BuildExec, JoinsTheContainersCgroupsOrThoseBelowThem) {
  ASSERT_OK_AND_ASSIGN(const Plan plain, BuildExec(Input({}), HybridHost()));
  EXPECT_THAT(Joined(plain), ElementsAre("unified ", "cpu ", "memory ", "pids "));
  ASSERT_OK_AND_ASSIGN(const Plan all, BuildExec(Input({{"", "a/b"}}), HybridHost()));
  EXPECT_THAT(Joined(all), ElementsAre("unified a/b", "cpu a/b", "memory a/b", "pids a/b"));
  ASSERT_OK_AND_ASSIGN(const Plan one, BuildExec(Input({{"cpu", "a"}, {"unified", "b"}}), HybridHost()));
  EXPECT_THAT(Joined(one), ElementsAre("unified b", "cpu a", "memory ", "pids "));
}

TEST(BuildExec, ASubCgroupThatCannotBeJoinedIsRefused) {
  const auto message = [](const ExecInput& input) {
    const auto plan = BuildExec(input, HybridHost());
    return plan.ok() ? std::string() : plan.error().Message();
  };
  EXPECT_THAT(message(Input({{"nosuch", "a"}})), HasSubstr("unknown controller 'nosuch'"));
  EXPECT_THAT(message(Input({{"", "../a"}})), HasSubstr("'..' is not allowed"));
  ExecInput without = Input({{"", "a"}});
  without.cgroup_path.clear();
  EXPECT_THAT(message(without), HasSubstr("no cgroup of its own"));
}

TEST(MountOptionNames, EachIsUnderstoodAndNotHandedToTheFileSystem) {
  for (const std::string& name : MountOptionNames()) {
    const auto parsed = ParseMountOptions({name}, "mounts[0]");
    EXPECT_TRUE(parsed.ok() && parsed->data.empty()) << name;
  }
}

// The lists of the runtime specification (config.md, "Linux mount options").
TEST(MountOptionNames, AreThoseOfTheSpecification) {
  const std::vector<std::string> names = MountOptionNames();
  for (const char* name :
       {"async",      "atime",     "bind",        "defaults",     "dev",         "diratime",      "dirsync",
        "exec",       "iversion",  "lazytime",    "loud",         "noatime",     "nodev",         "nodiratime",
        "noexec",     "noiversion", "nolazytime", "norelatime",   "nostrictatime", "nosuid",      "private",
        "rbind",      "relatime",  "remount",     "ro",           "rprivate",    "rshared",       "rslave",
        "runbindable", "rw",       "shared",      "silent",       "slave",       "strictatime",   "suid",
        "sync",       "unbindable", "nosymfollow", "symfollow",   "rro",         "rrw",           "rnosuid",
        "rsuid",      "rnodev",    "rdev",        "rnoexec",      "rexec",       "rrelatime",     "rnorelatime",
        "rnoatime",   "ratime",    "rstrictatime", "rnostrictatime", "rdiratime", "rnodiratime",  "rsymfollow",
        "rnosymfollow", "mand",    "nomand",      "tmpcopyup"})
    EXPECT_THAT(names, ::testing::Contains(name));
  EXPECT_TRUE(std::ranges::is_sorted(names));
}

}  // namespace
}  // namespace estiba::plan
