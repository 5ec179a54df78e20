#include "criu/log.h"

#include <gtest/gtest.h>

namespace estiba::criu {
namespace {

constexpr const char* kLog =
    "(00.000001) Version: 4.1\n"
    "(00.000002) Error (criu/a.c:1): first\n"
    "(00.000003)     42: Error (criu/b.c:2): second\n"
    "(00.000004) fine\n"
    "Error without a time\n";

TEST(CriuLog, TheLastErrorsWithoutTheirTime) {
  EXPECT_EQ(LastErrors(kLog, 2), "42: Error (criu/b.c:2): second\nError without a time");
  EXPECT_EQ(LastErrors(kLog, 9), "Error (criu/a.c:1): first\n42: Error (criu/b.c:2): second\nError without a time");
}

TEST(CriuLog, NothingWhereThereIsNone) {
  EXPECT_EQ(LastErrors("", 5), "");
  EXPECT_EQ(LastErrors("(00.1) all is well", 5), "");
}

}  // namespace
}  // namespace estiba::criu
