#include "cgroup/details.h"

#include <gmock/gmock.h>

#include <poll.h>
#include <unistd.h>

#include "tests/support.h"

namespace estiba::cgroup {
namespace {

TEST(ParsePressure, ReadsBothLines) {
  const auto pressure = ParsePressure("some avg10=12.34 avg60=0.05 avg300=0.00 total=17\n"
                                      "full avg10=100.00 avg60=0.00 avg300=1.00 total=18446744073709551615\n");
  ASSERT_TRUE(pressure.has_value());
  EXPECT_EQ(pressure->some, (PressureLine{.avg10 = 1234, .avg60 = 5, .avg300 = 0, .total_us = 17}));
  ASSERT_TRUE(pressure->full.has_value());
  EXPECT_EQ(*pressure->full, (PressureLine{.avg10 = 10000, .avg60 = 0, .avg300 = 100, .total_us = UINT64_MAX}));
}

TEST(ParsePressure, TheCpuHasNoFullLineOnOldKernels) {
  const auto pressure = ParsePressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
  ASSERT_TRUE(pressure.has_value());
  EXPECT_FALSE(pressure->full.has_value());
}

TEST(ParsePressure, WhatCannotBeReadIsNoPressure) {
  for (const char* text : {"", "\n", "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n", "some avg10=1\n",
                           "some avg10=0.00 total=x\n", "some avg10=0.123 total=1\n"})
    EXPECT_FALSE(ParsePressure(text).has_value()) << text;
}

class DetailsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    ASSERT_OK_AND_ASSIGN(hierarchies_, Probe());
    REQUIRE(hierarchies_.mode != Mode::kNone, "cgroups");
    path_ = "/estiba-details-" + std::to_string(::getpid());
  }
  void TearDown() override {
    if (path_.empty()) return;
    EXPECT_TRUE(Delete(hierarchies_, path_, {"hugetlb"}).ok());
  }
  Hierarchies hierarchies_;
  std::string path_;
};

TEST_F(DetailsTest, ShowWhatTheHostAccounts) {
  ASSERT_OK_AND_ASSIGN(const Cgroup cgroup, Cgroup::Create(hierarchies_, path_, {.controllers = {"hugetlb"}}));
  const Details details = ReadDetails(cgroup);
  EXPECT_EQ(details.cpu_pressure.has_value(), cgroup.unified_fd() >= 0);
  EXPECT_EQ(details.cpuset.cpus.empty(), !hierarchies_.Has("cpuset"));
  if (!details.cpuset.cpus.empty()) {
    EXPECT_LT(details.cpuset.cpus.back(), ::sysconf(_SC_NPROCESSORS_CONF));
  }
  EXPECT_EQ(details.hugetlb.empty(), cgroup.controller_fd("hugetlb") < 0);
  for (const HugetlbUsage& pages : details.hugetlb) EXPECT_THAT(pages.page_size, ::testing::EndsWith("B"));
  if (hierarchies_.Has("memory") && hierarchies_.swap_accounting) {
    EXPECT_EQ(details.swap.limit, UINT64_MAX);
  }
}

TEST_F(DetailsTest, AWatchForTheOomKillerIsQuietUntilItStrikes) {
  ASSERT_OK_AND_ASSIGN(const Cgroup cgroup, Cgroup::Create(hierarchies_, path_, {}));
  ASSERT_OK_AND_ASSIGN(const OomWatch watch, cgroup.WatchOom());
  EXPECT_EQ(watch.fd.valid(), cgroup.controller_fd("memory") >= 0);
  if (!watch.fd.valid()) return;
  char text[256];
  (void)!::read(watch.fd.get(), text, sizeof text);  // v2 is ready until it has been read once
  pollfd watched{.fd = watch.fd.get(), .events = watch.events, .revents = 0};
  EXPECT_EQ(::poll(&watched, 1, 0), 0);
}

}  // namespace
}  // namespace estiba::cgroup
