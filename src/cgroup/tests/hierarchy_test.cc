#include "cgroup/hierarchy.h"

#include "tests/support.h"

namespace estiba::cgroup {
namespace {

constexpr const char* kHybridMounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    "50 23 0:32 / /mnt/again rw - cgroup cgroup rw,memory\n";

TEST(Probe, AHybridHostHasItsControllersOnV1) {
  const auto probed =
      ProbeFrom(kHybridMounts, "2:cpu,cpuacct:/\n4:memory:/a/b\n1:name=systemd:/x\n0::/u\n", "hugetlb\n");
  EXPECT_EQ(probed.mode, Mode::kHybrid);
  ASSERT_NE(probed.Find("memory"), nullptr);
  EXPECT_EQ(probed.Find("memory")->mountpoint,
            "/sys/fs/cgroup/mem ory");  // the first mount, its blank unescaped
  EXPECT_EQ(probed.Find("memory")->own_path, "/a/b");
  EXPECT_EQ(probed.Find("cpuacct"), probed.Find("cpu"));
  ASSERT_NE(probed.Unified(), nullptr);
  EXPECT_EQ(probed.Find("hugetlb"), probed.Unified());
  EXPECT_EQ(probed.Unified()->own_path, "/u");
  EXPECT_EQ(probed.Find("io"), nullptr);
  EXPECT_EQ(probed.hierarchies.size(), 4U);
}

TEST(Probe, AUnifiedHostKnowsWhatTheRootOffers) {
  const auto probed = ProbeFrom("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
                                "0::/user.slice/user-1000.slice\n", "cpuset cpu io memory pids\n");
  EXPECT_EQ(probed.mode, Mode::kUnified);
  EXPECT_TRUE(probed.Has("io"));
  EXPECT_FALSE(probed.Has("blkio"));
  EXPECT_EQ(probed.Unified()->own_path, "/user.slice/user-1000.slice");
}

TEST(Probe, ASystemdNamedHierarchyAloneIsStillUnified) {
  const auto probed = ProbeFrom(
      "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
      "31 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n",
      "1:name=systemd:/\n0::/\n", "memory");
  EXPECT_EQ(probed.mode, Mode::kUnified);
}

TEST(Probe, WhatTheMountsRootHidesIsTakenOffTheOwnPath) {
  const auto probed = ProbeFrom("32 31 0:29 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                                "4:memory:/docker/abc/inner\n", "");
  EXPECT_EQ(probed.mode, Mode::kLegacy);
  EXPECT_EQ(probed.Find("memory")->own_path, "/inner");
}

// A unified hierarchy mounted over the whole of a hybrid host's: what is below cannot be reached any more.
TEST(Probe, AMountThatAnotherCoversDoesNotCount) {
  const std::string root = "23 1 0:1 / / rw - ext4 /dev/vda rw\n";
  const auto covered = ProbeFrom(root + kHybridMounts + "60 31 0:38 / /sys/fs/cgroup rw - cgroup2 none rw\n",
                                 "4:memory:/\n0::/u\n", "");
  ASSERT_EQ(covered.hierarchies.size(), 2U);
  EXPECT_EQ(covered.Find("memory")->mountpoint, "/mnt/again");  // the second of memory's mounts is in sight
  EXPECT_EQ(covered.Unified()->mountpoint, "/sys/fs/cgroup");
  const auto above = ProbeFrom(root + kHybridMounts + "60 23 0:40 / /sys rw - tmpfs none rw\n", "", "");
  ASSERT_EQ(above.hierarchies.size(), 1U);
  const auto beside = ProbeFrom(root + kHybridMounts + "60 23 0:40 / /sys/fs/cgro rw - tmpfs none rw\n", "", "");
  EXPECT_EQ(beside.hierarchies.size(), 4U);
}

TEST(Probe, RubbishIsNoHierarchy) {
  const auto probed = ProbeFrom("nonsense\n1 2 3\n- - - - - - - -\n32 31 0:29 / /x rw -\n", ":::\n\n9\n", "");
  EXPECT_EQ(probed.mode, Mode::kNone);
  EXPECT_TRUE(probed.hierarchies.empty());
}

TEST(Resolve, ARelativePathStartsBelowTheUnifiedBase) {
  Hierarchies probed = ProbeFrom(
      "30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
      "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
      "2:memory:/a\n0::/user.slice/b\n", "");
  EXPECT_EQ(probed.Resolve("/x/y"), "/x/y");
  EXPECT_EQ(probed.Resolve("x/y"), "/x/y");  // bases are "/" until the mounts are asked
  for (Hierarchy& hierarchy : probed.hierarchies) hierarchy.base = hierarchy.own_path;
  EXPECT_EQ(probed.Resolve("x/y"), "/user.slice/b/x/y");
  probed.hierarchies[0].delegated = false;
  EXPECT_EQ(probed.Resolve("x"), "/a/x");
  probed.hierarchies[1].delegated = false;
  EXPECT_EQ(probed.Resolve("x"), "/x");
}

TEST(Probe, TheHostItselfCanBeRead) {
  ASSERT_OK_AND_ASSIGN(const Hierarchies probed, Probe());
  REQUIRE(probed.mode != Mode::kNone, "a host with cgroups");
  for (const auto& hierarchy : probed.hierarchies) EXPECT_TRUE(hierarchy.own_path.starts_with("/"));
}

}  // namespace
}  // namespace estiba::cgroup
