#include "os/event.h"

#include <unistd.h>

#include "os/file.h"
#include "os/process.h"
#include "tests/support.h"

namespace estiba::os {
namespace {

using namespace std::chrono_literals;

TEST(WaitReadable, TellsWhatCanBeReadFromWhatCannot) {
  ASSERT_OK_AND_ASSIGN(Pipe pipe, MakePipe());
  ASSERT_OK_AND_ASSIGN(const bool empty, WaitReadable(pipe.read.get(), 0ms));
  EXPECT_FALSE(empty);
  ASSERT_OK(WriteAll(pipe.write.get(), "x"));
  ASSERT_OK_AND_ASSIGN(const bool full, WaitReadable(pipe.read.get(), std::nullopt));
  EXPECT_TRUE(full);
}

TEST(WaitReadable, AnEndThatHungUpIsReadable) {
  ASSERT_OK_AND_ASSIGN(Pipe pipe, MakePipe());
  pipe.write.Reset();
  ASSERT_OK_AND_ASSIGN(const bool over, WaitReadable(pipe.read.get(), std::nullopt));
  EXPECT_TRUE(over);
}

}  // namespace
}  // namespace estiba::os
