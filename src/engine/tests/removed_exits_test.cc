#include "containers/removed_exits.h"

#include "tests/support.h"

namespace estiba::engine {
namespace {

class RemovedExitsTest : public ::testing::Test {
 protected:
  store::Database OpenDatabase() {
    return std::move(store::Database::Open(dir_ / "db", {store::CreateTables({RemovedExits::kTable})})).value();
  }
  static void Remember(RemovedExits& exits, store::Database& database, const std::string& id, int code,
                       std::int64_t now) {
    store::Batch batch;
    exits.Remember(id, code, now, batch);
    ASSERT_OK(database.Apply(batch));
  }
  const testing::TempDir dir_;
};

TEST_F(RemovedExitsTest, TheNextEngineKnowsTheCode) {
  store::Database database = OpenDatabase();
  RemovedExits before;
  Remember(before, database, "a", 23, 1000);
  RemovedExits after;
  ASSERT_OK(after.Load(database));
  EXPECT_EQ(after.Find("a", 1001), 23);
  EXPECT_EQ(after.Find("b", 1001), std::nullopt);
}

TEST_F(RemovedExitsTest, AnOldOneIsForgotten) {
  store::Database database = OpenDatabase();
  RemovedExits exits;
  Remember(exits, database, "old", 1, 0);
  EXPECT_EQ(exits.Find("old", RemovedExits::kKeepNs), 1);
  EXPECT_EQ(exits.Find("old", RemovedExits::kKeepNs + 1), std::nullopt);
  Remember(exits, database, "new", 2, RemovedExits::kKeepNs + 1);
  ASSERT_OK_AND_ASSIGN(const auto kept, database.List(RemovedExits::kTable));
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].key, "new");
}

TEST_F(RemovedExitsTest, NoMoreThanSoManyAreKeptAlsoAcrossEngines) {
  store::Database database = OpenDatabase();
  RemovedExits first;
  // The store lists them by name, which is not the order in which they went.
  for (std::size_t i = 0; i < RemovedExits::kMost; ++i) {
    Remember(first, database, std::to_string(RemovedExits::kMost - i), 1, static_cast<std::int64_t>(i));
  }
  RemovedExits second;
  ASSERT_OK(second.Load(database));
  Remember(second, database, "newest", 2, static_cast<std::int64_t>(RemovedExits::kMost));
  ASSERT_OK_AND_ASSIGN(const auto kept, database.List(RemovedExits::kTable));
  EXPECT_EQ(kept.size(), RemovedExits::kMost);
  EXPECT_EQ(second.Find(std::to_string(RemovedExits::kMost), 300), std::nullopt);  // the first to go
  EXPECT_EQ(second.Find("newest", 300), 2);
}

}  // namespace
}  // namespace estiba::engine
