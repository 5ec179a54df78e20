#include "store/content.h"

#include <gmock/gmock.h>

#include <fcntl.h>

#include "codec/sha256.h"
#include "os/file.h"
#include "tests/support.h"

namespace estiba::store {
namespace {

std::size_t Files(const testing::TempDir& dir, const char* folder) {
  return os::ListDirectory({AT_FDCWD}, dir / folder)->size();
}

TEST(ContentStore, ABlobAppearsWhenItIsWholeAndVerified) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(ContentStore store, ContentStore::Open(std::string(dir.path())));
  const std::string digest = codec::DigestOf("hello");
  {
    ASSERT_OK_AND_ASSIGN(Ingest ingest, store.CreateIngest("pull1"));
    ASSERT_OK(ingest.Write("hel"));
    EXPECT_FALSE(store.Has(digest));
    ASSERT_OK(ingest.Write("lo"));
    ASSERT_OK(ingest.Commit(digest, 5));
  }
  EXPECT_EQ(store.Read(digest).value(), "hello");
  EXPECT_EQ(store.Size(digest).value(), 5U);
  EXPECT_THAT(store.List().value(), ::testing::ElementsAre(digest));
  EXPECT_EQ(Files(dir, "ingest"), 0U);
}

TEST(ContentStore, AWrongDigestOrSizeLeavesNothing) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(ContentStore store, ContentStore::Open(std::string(dir.path())));
  for (const std::uint64_t size : {5U, 6U}) {
    ASSERT_OK_AND_ASSIGN(Ingest ingest, store.CreateIngest("pull1"));
    ASSERT_OK(ingest.Write("hello"));
    const auto committed = ingest.Commit(codec::DigestOf("other"), size);
    ASSERT_FALSE(committed.ok());
    EXPECT_EQ(committed.error().code(), Code::kDataLoss);
  }
  EXPECT_EQ(Files(dir, "ingest"), 0U);
  EXPECT_EQ(Files(dir, "sha256"), 0U);
}

TEST(ContentStore, TheFirstOfTwoEqualBlobsStays) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(ContentStore store, ContentStore::Open(std::string(dir.path())));
  EXPECT_EQ(store.Write("a", "same").value(), store.Write("b", "same").value());
  EXPECT_EQ(Files(dir, "sha256"), 1U);
  EXPECT_EQ(Files(dir, "ingest"), 0U);
}

TEST(ContentStore, LeftoversAreClearedByLease) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(ContentStore store, ContentStore::Open(std::string(dir.path())));
  for (const char* name : {"a-1", "a-2", "ab-1"})
    ASSERT_OK(os::ReplaceFile({AT_FDCWD}, dir / "ingest/" + name, "x", 0600));
  ASSERT_OK(store.DeleteLeftovers("a"));
  EXPECT_THAT(os::ListDirectory({AT_FDCWD}, dir / "ingest").value(), ::testing::ElementsAre("ab-1"));
  ASSERT_OK(store.DeleteLeftovers(""));
  EXPECT_EQ(Files(dir, "ingest"), 0U);
}

TEST(ContentStore, TakesNoPathForADigestOrLease) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(ContentStore store, ContentStore::Open(std::string(dir.path())));
  EXPECT_FALSE(store.OpenBlob("sha256:../../../etc/passwd").ok());
  EXPECT_FALSE(store.Delete("../x").ok());
  for (const char* lease : {"", "../a", "a/b", "a-b", ".a"}) EXPECT_FALSE(store.CreateIngest(lease).ok()) << lease;
}

TEST(ContentStore, MissingIsNotFound) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(ContentStore store, ContentStore::Open(std::string(dir.path())));
  EXPECT_EQ(store.OpenBlob(codec::DigestOf("x")).error().code(), Code::kNotFound);
  ASSERT_OK(store.Delete(codec::DigestOf("x")));
}

}  // namespace
}  // namespace estiba::store
