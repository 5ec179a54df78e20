#include "store/claim.h"

#include <csignal>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "tests/support.h"

namespace estiba::store {
namespace {

class Claims : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(os::EnsureDirectoryAt(store(), "ingest", 0700).ok()); }
  os::DirFd store() const { return {fd_.get()}; }

 private:
  testing::TempDir dir_;
  os::UniqueFd fd_ = os::OpenAt({AT_FDCWD}, dir_.path(), O_RDONLY | O_DIRECTORY).value();
};

TEST_F(Claims, OneAtATimeAndEachThingForItself) {
  auto first = TryClaim(store(), "blob a");
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_FALSE(TryClaim(store(), "blob a").value().has_value());
  EXPECT_TRUE(TryClaim(store(), "blob b").value().has_value());
  first->reset();
  EXPECT_TRUE(TryClaim(store(), "blob a").value().has_value());
}

TEST_F(Claims, AHolderThatIsKilledHoldsNothing) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto claim = TryClaim(store(), "blob a");
    const char held = claim.ok() && claim->has_value() ? 'y' : 'n';
    (void)!::write(ready[1], &held, 1);
    ::pause();
    ::_exit(0);
  }
  char held = 0;
  ASSERT_EQ(::read(ready[0], &held, 1), 1);
  EXPECT_EQ(held, 'y');
  EXPECT_FALSE(TryClaim(store(), "blob a").value().has_value());
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(TryClaim(store(), "blob a").value().has_value());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(Claims, OnlyTheirFileStays) {
  EXPECT_TRUE(TryClaim(store(), "blob a").ok());
  EXPECT_EQ(os::ListDirectory(store(), "ingest").value(), std::vector<std::string>{});
  EXPECT_EQ(os::ListDirectory(store(), ".").value().size(), 2U);
}

TEST_F(Claims, ADamagedFileIsNamed) {
  ASSERT_TRUE(TryClaim(store(), "blob a").ok());
  ASSERT_TRUE(os::OpenAt(store(), "claims", O_WRONLY | O_TRUNC).ok());
  const auto claim = TryClaim(store(), "blob a");
  ASSERT_FALSE(claim.ok());
  EXPECT_EQ(claim.error().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace estiba::store
