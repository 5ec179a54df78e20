#include "oci/resources.h"

#include <gmock/gmock.h>

namespace estiba::oci {
namespace {

TEST(MergeResources, WhatIsNotSetStays) {
  Resources now;
  now.memory.limit = 1000;
  now.memory.swap = 2000;
  now.cpu.quota = 50000;
  now.cpu.cpus = "0";
  now.pids_limit = 7;
  Resources change;
  change.memory.swap = 3000;
  change.cpu.period = 100000;
  const Resources merged = MergeResources(now, change);
  EXPECT_EQ(merged.memory.limit, 1000);
  EXPECT_EQ(merged.memory.swap, 3000);
  EXPECT_EQ(merged.cpu.quota, 50000);
  EXPECT_EQ(merged.cpu.period, 100000U);
  EXPECT_EQ(merged.cpu.cpus, "0");
  EXPECT_EQ(merged.pids_limit, 7);
}

TEST(MergeResources, LiftingTheMemoryLimitForgetsThatOfSwap) {
  Resources now;
  now.memory.limit = 1000;
  now.memory.swap = 2000;
  Resources change;
  change.memory.limit = -1;
  EXPECT_FALSE(MergeResources(now, change).memory.swap.has_value());
  change.memory.swap = -1;
  EXPECT_EQ(MergeResources(now, change).memory.swap, -1);
}

TEST(MergeResources, AnIdleGroupForgetsItsShares) {
  Resources now;
  now.cpu.shares = 512;
  Resources change;
  change.cpu.idle = 1;
  EXPECT_FALSE(MergeResources(now, change).cpu.shares.has_value());
}

TEST(MergeResources, EntriesOfListsAreMatchedByWhatTheyName) {
  Resources now;
  now.block_io.throttle_read_bps = {{.major = 8, .minor = 0, .rate = 1}, {.major = 8, .minor = 16, .rate = 2}};
  now.hugepages = {{.page_size = "2MB", .limit = 1}};
  now.unified = {{"memory.high", "1"}};
  now.devices = {{.allow = false}};
  Resources change;
  change.block_io.throttle_read_bps = {{.major = 8, .minor = 16, .rate = 9}, {.major = 9, .minor = 0, .rate = 3}};
  change.hugepages = {{.page_size = "1GB", .limit = 2}};
  change.unified = {{"memory.high", "2"}};
  const Resources merged = MergeResources(now, change);
  ASSERT_EQ(merged.block_io.throttle_read_bps.size(), 3U);
  EXPECT_EQ(merged.block_io.throttle_read_bps[0].rate, 1U);
  EXPECT_EQ(merged.block_io.throttle_read_bps[1].rate, 9U);
  EXPECT_EQ(merged.hugepages.size(), 2U);
  EXPECT_EQ(merged.unified, (StringMap{{"memory.high", "2"}}));
  EXPECT_EQ(merged.devices.size(), 1U);
}

}  // namespace
}  // namespace estiba::oci
