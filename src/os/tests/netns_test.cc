#include "os/netns.h"

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/process.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

ino_t Here() {
  struct stat info {};
  return ::stat("/proc/thread-self/ns/net", &info) == 0 ? info.st_ino : 0;
}

class VisitNetworkNamespaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    REQUIRE(::geteuid() == 0, "root");
    ASSERT_OK_AND_ASSIGN(other_, CreateNetworkNamespace());
    struct stat info {};
    ASSERT_EQ(::fstat(other_.get(), &info), 0);
    there_ = info.st_ino;
  }
  UniqueFd other_;
  ino_t there_ = 0;
};

TEST_F(VisitNetworkNamespaceTest, TheWorkIsDoneThereWhileWeStay) {
  const ino_t home = Here();
  ino_t seen = 0;
  ASSERT_OK(VisitNetworkNamespace(other_.get(), [&]() -> Status {
    seen = Here();
    return Ok();
  }));
  EXPECT_EQ(seen, there_);
  EXPECT_EQ(Here(), home);
}

TEST_F(VisitNetworkNamespaceTest, ThereMayBeOtherThreads) {
  Status done = Error(Code::kUnknown, "not done");
  std::thread([&] { done = VisitNetworkNamespace(other_.get(), [] { return Ok(); }); }).join();
  EXPECT_TRUE(done.ok());
}

TEST_F(VisitNetworkNamespaceTest, AVisitorMayGoFurtherAndComeBack) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd home, OpenAt({AT_FDCWD}, "/proc/self/ns/net", O_RDONLY));
  ino_t seen = 0;
  const auto look = [&]() -> Status {
    seen = Here();
    return Ok();
  };
  ASSERT_OK(VisitNetworkNamespace(other_.get(), [&] { return InNetworkNamespace(home.get(), look); }));
  EXPECT_EQ(seen, Here());
}

TEST_F(VisitNetworkNamespaceTest, AnErrorComesBack) {
  const Status refused = VisitNetworkNamespace(other_.get(), []() -> Status { return Error(Code::kNotFound, "no"); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kNotFound);
  EXPECT_FALSE(VisitNetworkNamespace(-1, [] { return Ok(); }).ok());
}

TEST_F(VisitNetworkNamespaceTest, WhoeverKillsAVisitorKillsUs) {
  const auto visit = [&] {
    (void)VisitNetworkNamespace(other_.get(), []() -> Status {
      ::kill(::getpid(), SIGKILL);
      return Ok();
    }).ok();
  };
  EXPECT_EXIT(visit(), ::testing::KilledBySignal(SIGKILL), "");
}

}  // namespace
}  // namespace estiba::os
