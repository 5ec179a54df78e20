#pragma once
// The engine's documents: tables of key → JSON text in one SQLite file. WAL with synchronous=NORMAL: what was
// acknowledged survives kill -9 of anything; a power failure may lose the last moments but what was applied durably,
// never consistency.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace estiba::store {

struct Document {
  std::string key;
  std::string value;
};

// Changes that happen together or not at all.
class Batch {
 public:
  void Put(std::string table, std::string key, std::string value) {
    changes_.push_back({std::move(table), std::move(key), std::move(value)});
  }
  // Deleting what is not there is fine.
  void Delete(std::string table, std::string key) {
    changes_.push_back({std::move(table), std::move(key), std::nullopt});
  }
  bool empty() const { return changes_.empty(); }

  struct Change {
    std::string table;
    std::string key;
    std::optional<std::string> value;  // nothing: delete
  };
  const std::vector<Change>& changes() const { return changes_; }

 private:
  std::vector<Change> changes_;
};

// What a migration may do: runs in one transaction with all the others that are due.
class Migrator {
 public:
  virtual ~Migrator() = default;
  virtual Status CreateTable(const std::string& table) = 0;
  virtual Status DropTable(const std::string& table) = 0;
  // Every document of `table` through `rewrite`; nothing returned deletes it.
  using Rewrite = std::function<Result<std::optional<std::string>>(const Document&)>;
  virtual Status RewriteTable(const std::string& table, const Rewrite& rewrite) = 0;
};
using Migration = std::function<Status(Migrator&)>;
// The usual first migration: these tables.
Migration CreateTables(std::vector<std::string> tables);

// One connection, serialised inside: any thread may call, nobody else may write the file. Calls take some
// microseconds; do not hold another lock across them.
class Database {
 public:
  // Opens or makes the file (mode 0600) and brings it to version migrations.size(); migration i leads to version i+1.
  // A file of a newer version is refused (kFailedPrecondition), a damaged one is kDataLoss.
  static Result<Database> Open(const std::string& path, const std::vector<Migration>& migrations);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  Result<std::optional<std::string>> Find(const std::string& table, const std::string& key) const;
  // All of a table, by key.
  Result<std::vector<Document>> List(const std::string& table) const;
  Status Put(const std::string& table, const std::string& key, std::string_view value);
  Status Delete(const std::string& table, const std::string& key);
  Status Apply(const Batch& batch);
  // The same, and on disk before it answers: what must not be lost to a power failure. Some milliseconds.
  Status ApplyDurably(const Batch& batch);
  // Moves the write-ahead log into the file (before a copy, or when idle).
  Status Checkpoint();
  unsigned version() const;

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace estiba::store
