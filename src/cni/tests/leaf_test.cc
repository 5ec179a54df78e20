#include "cni/leaf.h"

#include "tests/support.h"

namespace estiba::cni {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Status Shell(const char* script, std::chrono::milliseconds patience = 20s) {
  return RunLeaf("/bin/sh", {"-c", script}, "the request", patience);
}

TEST(RunLeaf, IsGivenTheRequestAndTold) {
  ASSERT_OK(Shell("read -r it; [ \"$it\" = \"the request\" ]"));
  ASSERT_OK(Shell("echo ignored"));
  EXPECT_EQ(Shell("echo; echo no luck; exit 1").error().Message(), "no luck");
  EXPECT_EQ(Shell("exit 3").error().Message(), "estiba-cni: exit status 3");
  EXPECT_EQ(Shell("kill -9 $$").error().Message(), "estiba-cni was ended by signal 9");
  EXPECT_FALSE(RunLeaf("/nonexistent", {}, "", 20s).ok());
}

TEST(RunLeaf, EndsWhatDoesNotEnd) {
  const Status done = Shell("exec sleep 1000", 50ms);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::kDeadlineExceeded);
  EXPECT_THAT(done.error().Message(), HasSubstr("did not end within"));
}

}  // namespace
}  // namespace estiba::cni
