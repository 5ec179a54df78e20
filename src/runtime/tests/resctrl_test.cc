// No machine of ours has resctrl: a folder with files stands for it.

#include <gmock/gmock.h>

#include "fixture.h"

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;

class Resctrl : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(Capable(), "root and busybox");
    ::mkdir((tree_ / "mon_groups").c_str(), 0755);
    for (const char* path : {"gold", "gold/mon_groups"}) ::mkdir((tree_ / path).c_str(), 0755);
  }
  plan::HostFacts WithTree() {
    plan::HostFacts facts = Facts();
    facts.resctrl = tree_.path();
    facts.resctrl_classes = {"gold"};
    return facts;
  }
  // Creates the container and answers what its process was told to join, by file; the container is gone then.
  Result<std::string> Create(const oci::IntelRdt& rdt, const std::vector<std::string>& files) {
    oci::RuntimeSpec spec = DockerSpec({"true"});
    spec.linux_config.intel_rdt = rdt;
    const plan::Plan plan = TRY(plan::BuildContainer(box_.Input(spec), WithTree()));
    box_.Keep(plan);
    const Container container = TRY(Container::Create(plan, {}));
    std::string said;
    for (const std::string& file : files) {
      const std::string path = tree_.path() + ("/" + file);
      const std::string content = TRY(os::ReadFile(path));
      said += content == std::to_string(container.pid()) ? "pid;" : content + ";";
      ::unlink(path.c_str());  // resctrl's own go with their folder
    }
    return said;
  }
  testing::TempDir tree_;
  Box box_;
};

TEST_F(Resctrl, AClassOfTheContainersOwnIsMadeAndDeleted) {
  oci::IntelRdt rdt;
  rdt.l3_cache_schema = "L3:0=f";
  rdt.mem_bw_schema = "MB:0=50";
  rdt.schemata = {"L2:0=3"};
  ASSERT_OK_AND_ASSIGN(const std::string said, Create(rdt, {box_.id() + "/schemata", box_.id() + "/tasks"}));
  EXPECT_EQ(said, "L3:0=f\nMB:0=50\nL2:0=3\n;pid;");
  EXPECT_NE(::access((tree_ / box_.id().c_str()).c_str(), F_OK), 0);
}

TEST_F(Resctrl, TheLimitsOfARunningContainerAreReplaced) {
  oci::RuntimeSpec spec = DockerSpec({"true"});
  spec.linux_config.intel_rdt.emplace().l3_cache_schema = "L3:0=f";
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(spec), WithTree()));
  const std::string group = tree_ / box_.id().c_str();
  ASSERT_OK(os::EnsureDirectory(group, 0755));
  ASSERT_OK(UpdateResctrl(plan, {"L3:0=3", "MB:0=50"}));
  EXPECT_EQ(*os::ReadFile(group + "/schemata"), "L3:0=3\nMB:0=50\n");
}

TEST_F(Resctrl, AContainerWithoutAClassIsNotUpdated) {
  ASSERT_OK_AND_ASSIGN(const plan::Plan plan, plan::BuildContainer(box_.Input(DockerSpec({"true"})), WithTree()));
  EXPECT_THAT(UpdateResctrl(plan, {"L3:0=3"}).error().Message(), ::testing::HasSubstr("non-existent Intel RDT"));
}

TEST_F(Resctrl, AClassThatWasThereIsJoinedAndStays) {
  oci::IntelRdt rdt;
  rdt.clos_id = "gold";
  ASSERT_OK_AND_ASSIGN(const std::string said, Create(rdt, {"gold/tasks"}));
  EXPECT_EQ(said, "pid;");
  EXPECT_EQ(::access((tree_ / "gold").c_str(), F_OK), 0);
}

TEST_F(Resctrl, AMonitoringGroupIsTheContainersEvenInAClassThatIsNot) {
  oci::IntelRdt rdt;
  rdt.clos_id = "gold";
  rdt.enable_monitoring = true;
  const std::string group = "gold/mon_groups/" + box_.id();
  ASSERT_OK_AND_ASSIGN(const std::string said, Create(rdt, {"gold/tasks", group + "/tasks"}));
  EXPECT_EQ(said, "pid;pid;");
  EXPECT_NE(::access((tree_ / group.c_str()).c_str(), F_OK), 0);
}

TEST_F(Resctrl, TheRootClassIsNamedBySlash) {
  oci::IntelRdt rdt;
  rdt.clos_id = "/";
  ASSERT_OK_AND_ASSIGN(const std::string said, Create(rdt, {"tasks"}));
  EXPECT_EQ(said, "pid;");
}

TEST_F(Resctrl, WhatCannotBeHadIsRefused) {
  oci::IntelRdt rdt;
  rdt.clos_id = "silver";
  auto created = Create(rdt, {});
  ASSERT_FALSE(created.ok());
  EXPECT_THAT(created.error().Message(), HasSubstr("linux.intelRdt.closID: there is no class 'silver'"));
  oci::RuntimeSpec spec = DockerSpec({"true"});
  spec.linux_config.intel_rdt = rdt;
  const auto plan = plan::BuildContainer(box_.Input(spec), Facts());
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().Message(), HasSubstr("linux.intelRdt: resctrl is not mounted"));
}

}  // namespace
}  // namespace estiba::runtime
