#include "codec/base64.h"

#include "tests/support.h"

namespace estiba::codec {
namespace {

TEST(Base64, GoesBothWays) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    EXPECT_EQ(DecodeBase64(EncodeBase64(text)).value(), text);
  EXPECT_EQ(EncodeBase64("foob"), "Zm9vYg==");
  EXPECT_EQ(EncodeBase64(std::string("\xFB\xFF\0", 3)), "+/8A");
}

TEST(Base64, TakesUnpaddedAndUrlForms) {
  EXPECT_EQ(DecodeBase64("Zm9vYg").value(), "foob");
  EXPECT_EQ(DecodeBase64("-_8A").value(), std::string("\xFB\xFF\0", 3));
}

TEST(Base64, RefusesOtherText) {
  for (const std::string_view text : {"Zm9v!", "Z", "Zg=", "Zg===", "Z=g=", "Zm 9"})
    EXPECT_EQ(DecodeBase64(text).error().code(), Code::kInvalidArgument) << text;
}

}  // namespace
}  // namespace estiba::codec
