// What is written where, so that a program gets its profile or its label.

#include <algorithm>

#include <gmock/gmock.h>

#include <fcntl.h>

#include "builder.h"
#include "input.h"
#include "tests/support.h"

namespace estiba::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kLabel = "system_u:system_r:container_t:s0:c1,c2";

HostFacts HostWith(bool apparmor, bool selinux) {
  HostFacts facts = HybridHost();
  facts.kernel.apparmor = apparmor;
  facts.kernel.selinux = selinux;
  return facts;
}

struct Written {
  std::string file;
  std::string value;
  std::string why;
  bool operator==(const Written&) const = default;
};

// Every label, and the file of the host's procfs it goes to. That file is opened before the container's own namespaces,
// mounts and root are there.
std::vector<Written> LabelsOf(const Plan& plan) {
  std::vector<Written> labels;
  bool inside = false;
  std::vector<const Step*> opened;
  for (const Step& step : plan.steps) {
    inside = inside || step.op == ChildOp(child::Op::kUnshare) || step.op == ChildOp(child::Op::kMount) ||
             step.op == ChildOp(child::Op::kSetNamespace) || step.op == ChildOp(child::Op::kPivot);
    if (step.op == ChildOp(child::Op::kOpenProc)) {
      EXPECT_FALSE(inside) << step.text[0];
      EXPECT_EQ(step.numbers, std::vector<std::uint64_t>{O_WRONLY});
      opened.push_back(&step);
    }
    if (step.op != ChildOp(child::Op::kWriteSlot)) continue;
    const auto file = std::ranges::find(opened, step.in.at(0), [](const Step* open) { return open->out; });
    if (file == opened.end()) {
      ADD_FAILURE() << step.text[0];
      continue;
    }
    labels.push_back({(*file)->text[0], step.text[0], step.why});
  }
  return labels;
}

ExecInput ExecOf(const ContainerInput& container) {
  ExecInput input;
  input.id = container.id;
  input.spec = container.spec;
  input.process = *container.spec.process;
  input.cgroup_path = "/estiba/web";
  return input;
}

template <typename Built>
std::string MessageOf(const Built& plan) {
  return plan.ok() ? "" : plan.error().Message();
}

TEST(Labels, AnAppArmorProfileIsSetForTheNextExec) {
  ContainerInput input = DockerInput();
  input.spec.process->apparmor_profile = "estiba-default";
  const Written wanted = {"self/attr/apparmor/exec", "exec estiba-default", "process.apparmorProfile"};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HostWith(true, false)));
  EXPECT_EQ(LabelsOf(plan), std::vector{wanted});
  ASSERT_OK_AND_ASSIGN(const Plan exec, BuildExec(ExecOf(input), HostWith(true, false)));
  EXPECT_EQ(LabelsOf(exec), std::vector{wanted});
}

TEST(Labels, AnSelinuxLabelIsTheProgramsAndItsKeyringsBeforeThatIsMade) {
  ContainerInput input = DockerInput();
  input.spec.process->selinux_label = kLabel;
  const std::vector<Written> wanted = {{"self/attr/exec", kLabel, "process.selinuxLabel"},
                                       {"self/attr/keycreate", kLabel, "process.selinuxLabel"}};
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HostWith(false, true)));
  EXPECT_EQ(LabelsOf(plan), wanted);
  const auto at = [&](child::Op op) {
    return std::ranges::find(plan.steps, ChildOp(op), &Step::op) - plan.steps.begin();
  };
  EXPECT_LT(at(child::Op::kWriteSlot), at(child::Op::kSessionKeyring));
  ASSERT_OK_AND_ASSIGN(const Plan exec, BuildExec(ExecOf(input), HostWith(false, true)));
  EXPECT_EQ(LabelsOf(exec), wanted);
  input.new_session_keyring = false;
  ASSERT_OK_AND_ASSIGN(const Plan without, BuildContainer(input, HostWith(false, true)));
  EXPECT_THAT(LabelsOf(without), ElementsAre(wanted[0]));
}

TEST(Labels, WhatNoModuleOfTheHostCanSetIsRefused) {
  ContainerInput input = DockerInput();
  input.spec.process->apparmor_profile = "p";
  for (const HostFacts& facts : {HostWith(false, false), HostWith(false, true)}) {
    const char* refused = "process.apparmorProfile: 'p' cannot be set: AppArmor is not on here";
    EXPECT_THAT(MessageOf(BuildContainer(input, facts)), HasSubstr(refused));
    EXPECT_THAT(MessageOf(BuildExec(ExecOf(input), facts)), HasSubstr(refused));
  }
  input.spec.process->apparmor_profile.clear();
  input.spec.process->selinux_label = kLabel;
  for (const HostFacts& facts : {HostWith(false, false), HostWith(true, false)}) {
    const char* refused = "process.selinuxLabel: 'system_u:system_r:container_t:s0:c1,c2' cannot be set: SELinux is";
    EXPECT_THAT(MessageOf(BuildContainer(input, facts)), HasSubstr(refused));
    EXPECT_THAT(MessageOf(BuildExec(ExecOf(input), facts)), HasSubstr(refused));
  }
}

TEST(Labels, NothingIsAskedOfAModuleThatIsOffToBeUnconfined) {
  ContainerInput input = DockerInput();
  input.spec.process->apparmor_profile = "unconfined";
  ASSERT_OK_AND_ASSIGN(const Plan off, BuildContainer(input, HostWith(false, false)));
  EXPECT_THAT(LabelsOf(off), IsEmpty());
  ASSERT_OK_AND_ASSIGN(const Plan on, BuildContainer(input, HostWith(true, false)));
  const Written wanted = {"self/attr/apparmor/exec", "exec unconfined", "process.apparmorProfile"};
  EXPECT_EQ(LabelsOf(on), std::vector{wanted});
}

TEST(Labels, AMountLabelIsTheContextOfFileSystemsThatAreMade) {
  ContainerInput input = DockerInput();
  const std::string label = "system_u:object_r:container_file_t:s0:c1,c2";
  input.spec.linux_config.mount_label = label;
  EXPECT_THAT(MessageOf(BuildContainer(input, HostWith(true, false))),
              HasSubstr("linux.mountLabel: '" + label + "' cannot be set: SELinux is not on here"));
  ASSERT_OK_AND_ASSIGN(const Plan plan, BuildContainer(input, HostWith(false, true)));
  const std::string option = std::string("scontext") + '\0' + label + '\0';
  for (const Step& step : plan.steps) {
    const bool cgroups = step.text.size() > 2 && step.text[2] == "/sys/fs/cgroup";
    if (step.op != ChildOp(child::Op::kMount) || cgroups) continue;
    const bool labelled = step.blob.find(option) != std::string::npos;
    EXPECT_EQ(labelled, step.text[0] == "tmpfs") << step.text[2];
  }
}

}  // namespace
}  // namespace estiba::plan
