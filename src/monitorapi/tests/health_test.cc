#include "monitorapi/health.h"

#include <fcntl.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::monitorapi {
namespace {

class HealthLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = os::OpenAt({AT_FDCWD}, dir_.path(), O_RDONLY | O_DIRECTORY);
    ASSERT_OK(opened);
    fd_ = std::move(*opened);
  }
  os::DirFd Dir() const { return {fd_.get()}; }
  const testing::TempDir dir_;
  os::UniqueFd fd_;
};

TEST_F(HealthLogTest, ThereIsNoneAtFirst) {
  ASSERT_OK_AND_ASSIGN(const HealthLog log, ReadHealth(Dir()));
  EXPECT_TRUE(log.results.empty());
  EXPECT_EQ(log.failing_streak, 0U);
}

TEST_F(HealthLogTest, TheLastFiveResultsComeBack) {
  HealthLog log;
  log.failing_streak = 7;
  for (int i = 0; i < 9; ++i) log.Add({i, i + 1, i == 8 ? -1 : i, std::string(4200, static_cast<char>('a' + i))});
  ASSERT_OK(WriteHealth(Dir(), log));
  ASSERT_OK_AND_ASSIGN(const HealthLog back, ReadHealth(Dir()));
  EXPECT_EQ(back.failing_streak, 7U);
  ASSERT_EQ(back.results.size(), 5U);
  EXPECT_EQ(back.results[0].start, 4);
  EXPECT_EQ(back.results[4].end, 9);
  EXPECT_EQ(back.results[4].exit_code, -1);
  EXPECT_EQ(back.results[4].output, std::string(4200, 'i'));
}

TEST_F(HealthLogTest, WhatIsNoneIsAnError) {
  ASSERT_OK(os::ReplaceFile(Dir(), kHealthName, "rubbish", 0600));
  EXPECT_FALSE(ReadHealth(Dir()).ok());
}

}  // namespace
}  // namespace estiba::monitorapi
