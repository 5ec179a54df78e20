#include "codec/sha256.h"

#include "tests/support.h"

namespace estiba::codec {
namespace {

TEST(Sha256, HasTheVectorsOfFips180) {
  EXPECT_EQ(DigestOf(""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(DigestOf("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, TakesPieces) {
  Sha256 hash;
  hash.Update("a");
  Sha256 moved = std::move(hash);
  moved.Update("bc");
  EXPECT_EQ(moved.Digest(), DigestOf("abc"));
}

}  // namespace
}  // namespace estiba::codec
