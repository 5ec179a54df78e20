#include "http/workers.h"

#include <atomic>
#include <future>

#include <sys/resource.h>
#include <unistd.h>

#include "tests/support.h"

namespace estiba::http {
namespace {

TEST(Workers, BlockedWorkDoesNotDelayOthersUpToTheLimit) {
  Workers workers({.threads = 3});
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  ASSERT_TRUE(workers.Submit([released] { released.wait(); }));
  ASSERT_TRUE(workers.Submit([released] { released.wait(); }));
  std::promise<void> ran;
  ASSERT_TRUE(workers.Submit([&] { ran.set_value(); }));
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  release.set_value();
}

TEST(Workers, AFullQueueRefuses) {
  Workers workers({.threads = 1, .queue = 1});
  std::promise<void> started;
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  ASSERT_TRUE(workers.Submit([&, released] {
    started.set_value();
    released.wait();
  }));
  started.get_future().wait();
  EXPECT_TRUE(workers.Submit([] {}));
  EXPECT_FALSE(workers.Submit([] {}));
  release.set_value();
}

// In a process of its own, as a user who may have no further process.
TEST(WorkersDeathTest, WithoutThreadsWorkIsRefused) {
  REQUIRE(::geteuid() == 0, "root");
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto refuse = [] {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_NPROC, &none) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    Workers workers({.threads = 2});
    ::_exit(workers.Submit([] {}) ? 1 : 0);
  };
  EXPECT_EXIT(refuse(), ::testing::ExitedWithCode(0), "");
}

TEST(Workers, StopWaitsForWhatRuns) {
  std::atomic<bool> done{false};
  {
    Workers workers({.threads = 2});
    std::promise<void> started;
    ASSERT_TRUE(workers.Submit([&] {
      started.set_value();
      done = true;
    }));
    started.get_future().wait();
  }
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace estiba::http
