#include "store/database.h"

#include <csignal>
#include <fstream>

#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support.h"

namespace estiba::store {
namespace {

const std::vector<Migration> kFirst{CreateTables({"containers", "images"})};

TEST(Database, KeepsDocumentsByKey) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Database db, Database::Open(dir / "db", kFirst));
  ASSERT_OK(db.Put("containers", "b", "{}"));
  ASSERT_OK(db.Put("containers", "a", "{\"n\":1}"));
  ASSERT_OK(db.Put("containers", "a", "{\"n\":2}"));
  EXPECT_EQ(db.Find("containers", "a")->value(), "{\"n\":2}");
  EXPECT_FALSE(db.Find("images", "a")->has_value());
  ASSERT_OK_AND_ASSIGN(const auto all, db.List("containers"));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].key, "a");
  ASSERT_OK(db.Delete("containers", "a"));
  ASSERT_OK(db.Delete("containers", "a"));
  EXPECT_FALSE(db.Find("containers", "a")->has_value());
}

TEST(Database, AppliesABatchWholeOrNotAtAll) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Database db, Database::Open(dir / "db", kFirst));
  Batch batch;
  batch.Put("containers", "a", "1");
  batch.Put("no_such_table", "b", "2");
  EXPECT_FALSE(db.Apply(batch).ok());
  EXPECT_TRUE(db.List("containers")->empty());
  ASSERT_OK(db.Put("images", "c", "3"));  // the failed transaction is over
}

TEST(Database, KeepsWhatWasAcknowledgedWhenKilled) {
  const testing::TempDir dir;
  const std::string path = dir / "db";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto db = Database::Open(path, kFirst);
    if (!db.ok() || !db->Put("containers", "a", "1").ok()) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_OK_AND_ASSIGN(Database db, Database::Open(path, kFirst));
  EXPECT_EQ(db.Find("containers", "a")->value(), "1");
}

TEST(Database, MigratesStepByStep) {
  const testing::TempDir dir;
  {
    ASSERT_OK_AND_ASSIGN(Database db, Database::Open(dir / "db", kFirst));
    ASSERT_OK(db.Put("containers", "a", "old"));
    ASSERT_OK(db.Put("containers", "b", "drop"));
  }
  std::vector<Migration> second = kFirst;
  second.push_back([](Migrator& migrator) -> Status {
    TRY(migrator.CreateTable("volumes"));
    return migrator.RewriteTable("containers", [](const Document& document) -> Result<std::optional<std::string>> {
      if (document.value == "drop") return std::optional<std::string>();
      return std::optional<std::string>("new " + document.value);
    });
  });
  ASSERT_OK_AND_ASSIGN(Database db, Database::Open(dir / "db", second));
  EXPECT_EQ(db.version(), 2U);
  EXPECT_EQ(db.Find("containers", "a")->value(), "new old");
  EXPECT_FALSE(db.Find("containers", "b")->has_value());
  ASSERT_OK(db.Put("volumes", "v", "{}"));
}

TEST(Database, ChangesNothingWhenAMigrationFails) {
  const testing::TempDir dir;
  ASSERT_OK(Database::Open(dir / "db", kFirst));
  std::vector<Migration> bad = kFirst;
  bad.push_back([](Migrator& migrator) -> Status {
    TRY(migrator.CreateTable("volumes"));
    return Error(Code::kInternal, "no");
  });
  EXPECT_FALSE(Database::Open(dir / "db", bad).ok());
  ASSERT_OK_AND_ASSIGN(Database db, Database::Open(dir / "db", kFirst));
  EXPECT_FALSE(db.List("volumes").ok());
}

TEST(Database, RefusesANewerFile) {
  const testing::TempDir dir;
  ASSERT_OK(Database::Open(dir / "db", {CreateTables({"a"}), CreateTables({"b"})}));
  const auto old = Database::Open(dir / "db", kFirst);
  ASSERT_FALSE(old.ok());
  EXPECT_EQ(old.error().code(), Code::kFailedPrecondition);
}

TEST(Database, ReportsAFileThatIsNone) {
  const testing::TempDir dir;
  std::ofstream(dir / "db") << std::string(10'000, 'x');
  const auto damaged = Database::Open(dir / "db", kFirst);
  ASSERT_FALSE(damaged.ok());
  EXPECT_EQ(damaged.error().code(), Code::kDataLoss);
}

TEST(Database, IsForItsOwnerOnly) {
  const testing::TempDir dir;
  ASSERT_OK_AND_ASSIGN(Database db, Database::Open(dir / "db", kFirst));
  for (const char* name : {"db", "db-wal", "db-shm"}) {
    struct stat info {};
    ASSERT_EQ(::stat((dir / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
}

}  // namespace
}  // namespace estiba::store
