#include "codec/crc32.h"

#include "tests/support.h"

namespace estiba::codec {
namespace {

TEST(Crc32c, HasTheCheckValueOfItsPolynomial) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(Crc32c(""), 0U);
}

TEST(Crc32c, Chains) { EXPECT_EQ(Crc32c("6789", Crc32c("12345")), Crc32c("123456789")); }

}  // namespace
}  // namespace estiba::codec
