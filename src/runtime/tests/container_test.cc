#include <signal.h>

#include "fixture.h"

namespace estiba::runtime {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Container, RunsAProgramAsPidOneInItsOwnRoot) {
  REQUIRE(Capable(), "root and busybox");
  Box box;
  ASSERT_OK_AND_ASSIGN(const Box::Ran ran, box.Shell("echo $$ $(hostname) $(pwd); id; ls /; mount; exit 7"));
  EXPECT_EQ(ran.status.code, 7);
  EXPECT_THAT(ran.output, HasSubstr("1 box /\n"));
  EXPECT_THAT(ran.output, HasSubstr("overlay on / type overlay"));
}

}  // namespace
}  // namespace estiba::runtime
