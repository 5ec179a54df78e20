#include "signature_store.h"

#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support.h"

namespace estiba::image {
namespace {

void Put(const std::string& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

std::string ErrorOf(const testing::TempDir& dir) {
  const auto found = FetchLookaside("file://" + std::string(dir.path()));
  return found.ok() ? "" : found.error().Message();
}

TEST(Lookaside, IsNamedByTheDigest) {
  const std::string hex(64, 'a');
  ASSERT_OK_AND_ASSIGN(const std::string place, LookasideOf("https://s.io/x", "team/app", "sha256:" + hex));
  EXPECT_EQ(place, "https://s.io/x/team/app@sha256=" + hex);
  EXPECT_FALSE(LookasideOf("https://s.io/x", "team/app", "sha256:../..").ok());
}

TEST(Lookaside, EndsWithTheFirstThatIsMissing) {
  const testing::TempDir dir;
  for (const char* name : {"signature-1", "signature-2", "signature-4"}) Put(dir / name, name);
  ASSERT_OK_AND_ASSIGN(const auto found, FetchLookaside("file://" + std::string(dir.path())));
  EXPECT_THAT(found, ::testing::ElementsAre("signature-1", "signature-2"));
  ASSERT_OK_AND_ASSIGN(const auto none, FetchLookaside("file://" + (dir / "not/there")));
  EXPECT_TRUE(none.empty());
}

TEST(Lookaside, IsBounded) {
  const testing::TempDir dir;
  for (int i = 1; i <= 101; ++i) Put(dir / ("signature-" + std::to_string(i)).c_str(), "x");
  ASSERT_OK_AND_ASSIGN(const auto found, FetchLookaside("file://" + std::string(dir.path())));
  EXPECT_EQ(found.size(), 100U);
  Put(dir / "signature-2", std::string((1U << 20) + 1, 'x'));
  EXPECT_THAT(ErrorOf(dir), ::testing::HasSubstr("larger than 1 MiB"));
}

TEST(Lookaside, HasFilesAlone) {
  const testing::TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "signature-1").c_str(), 0644), 0);
  EXPECT_THAT(ErrorOf(dir), ::testing::HasSubstr("'signature-1' is no file"));
  ::unlink((dir / "signature-1").c_str());
  ASSERT_EQ(::symlink("/etc/passwd", (dir / "signature-1").c_str()), 0);
  EXPECT_THAT(ErrorOf(dir), ::testing::HasSubstr("signature-1"));
}

}  // namespace
}  // namespace estiba::image
