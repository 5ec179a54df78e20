#include "store/database.h"

#include <algorithm>
#include <limits>
#include <mutex>

#include <fcntl.h>
#include <sqlite3.h>

#include "os/fd.h"

namespace estiba::store {
namespace {

struct CloseConnection {
  void operator()(sqlite3* connection) const noexcept { ::sqlite3_close_v2(connection); }
};
struct FinishStatement {
  void operator()(sqlite3_stmt* statement) const noexcept { ::sqlite3_finalize(statement); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;

Code CodeOf(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Code::kDataLoss;
    case SQLITE_FULL: return Code::kResourceExhausted;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH: return Code::kPermissionDenied;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Code::kUnavailable;
    default: return Code::kInternal;
  }
}

Error Failure(sqlite3* connection, const std::string& what) {
  const int code = ::sqlite3_extended_errcode(connection);
  return Error(CodeOf(code), what + ": " + ::sqlite3_errmsg(connection));
}

// Table names are ours, never a client's; they become part of SQL text.
bool IsTable(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

class Statement {
 public:
  static Result<Statement> Prepare(sqlite3* connection, const std::string& sql) {
    sqlite3_stmt* raw = nullptr;
    if (::sqlite3_prepare_v2(connection, sql.c_str(), static_cast<int>(sql.size()), &raw, nullptr) != SQLITE_OK)
      return Failure(connection, "prepare '" + sql + "'");
    return Statement(connection, raw);
  }

  void Bind(int index, std::string_view text) {
    // Copied by SQLite: the text may go before the statement does.
    ::sqlite3_bind_text64(handle_.get(), index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
  // True for a row, false at the end.
  Result<bool> Step() {
    const int code = ::sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return Failure(connection_, "run '" + std::string(::sqlite3_sql(handle_.get())) + "'");
  }
  std::string Text(int column) const {
    const auto* text = reinterpret_cast<const char*>(::sqlite3_column_text(handle_.get(), column));
    return text == nullptr ? std::string()
                           : std::string(text, static_cast<std::size_t>(::sqlite3_column_bytes(handle_.get(), column)));
  }
  std::int64_t Number(int column) const { return ::sqlite3_column_int64(handle_.get(), column); }

 private:
  Statement(sqlite3* connection, sqlite3_stmt* handle) : connection_(connection), handle_(handle) {}
  sqlite3* connection_;
  std::unique_ptr<sqlite3_stmt, FinishStatement> handle_;
};

Status Execute(sqlite3* connection, const std::string& sql) {
  if (::sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return Failure(connection, "run '" + sql + "'");
  return Ok();
}

// Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(sqlite3* connection) : connection_(connection) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    // Fails harmlessly when SQLite rolled back by itself (a full disk).
    if (open_) ::sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Status Begin() {
    TRY(Execute(connection_, "BEGIN IMMEDIATE"));
    open_ = true;
    return Ok();
  }
  Status Commit() {
    TRY(Execute(connection_, "COMMIT"));
    open_ = false;
    return Ok();
  }

 private:
  sqlite3* connection_;
  bool open_ = false;
};

Status CheckTable(const std::string& table) {
  if (!IsTable(table)) return Error(Code::kInternal, "'" + table + "' is not a table's name");
  return Ok();
}

Result<std::vector<Document>> ReadTable(sqlite3* connection, const std::string& table) {
  TRY(CheckTable(table));
  Statement statement = TRY(Statement::Prepare(connection, "SELECT key, value FROM doc_" + table + " ORDER BY key"));
  std::vector<Document> out;
  while (true) {
    const bool found = TRY(statement.Step());
    if (!found) return out;
    out.push_back({statement.Text(0), statement.Text(1)});
  }
}

Status Change(sqlite3* connection, const Batch::Change& change) {
  TRY(CheckTable(change.table));
  const std::string sql = change.value ? "INSERT INTO doc_" + change.table +
                                             " (key, value) VALUES (?1, ?2)"
                                             " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
                                       : "DELETE FROM doc_" + change.table + " WHERE key = ?1";
  Statement statement = TRY(Statement::Prepare(connection, sql));
  statement.Bind(1, change.key);
  if (change.value) statement.Bind(2, *change.value);
  TRY(statement.Step());
  return Ok();
}

class SqlMigrator final : public Migrator {
 public:
  explicit SqlMigrator(sqlite3* connection) : connection_(connection) {}

  Status CreateTable(const std::string& table) override {
    TRY(CheckTable(table));
    return Execute(connection_, "CREATE TABLE doc_" + table +
                                    " (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID");
  }
  Status DropTable(const std::string& table) override {
    TRY(CheckTable(table));
    return Execute(connection_, "DROP TABLE doc_" + table);
  }
  Status RewriteTable(const std::string& table, const Rewrite& rewrite) override {
    const std::vector<Document> documents = TRY(ReadTable(connection_, table));
    for (const Document& document : documents) {
      std::optional<std::string> value = TRY_CTX(rewrite(document), "migrate '" + document.key + "' of " + table);
      TRY(Change(connection_, {table, document.key, std::move(value)}));
    }
    return Ok();
  }

 private:
  sqlite3* connection_;
};

Result<unsigned> ReadVersion(sqlite3* connection) {
  Statement statement = TRY(Statement::Prepare(connection, "PRAGMA user_version"));
  TRY(statement.Step());
  return static_cast<unsigned>(statement.Number(0));
}

Status Migrate(sqlite3* connection, const std::vector<Migration>& migrations) {
  const unsigned version = TRY(ReadVersion(connection));
  const auto newest = static_cast<unsigned>(migrations.size());
  if (version > newest)
    return Error(Code::kFailedPrecondition, "the database is of version " + std::to_string(version) +
                                                ", this program knows " + std::to_string(newest))
        .Hint("a newer release wrote it; run that one, or start with another data root");
  if (version == newest) return Ok();
  Transaction transaction(connection);
  TRY(transaction.Begin());
  SqlMigrator migrator(connection);
  for (unsigned i = version; i < newest; ++i)
    TRY_CTX(migrations[i](migrator), "migrate the database to version " + std::to_string(i + 1));
  TRY(Execute(connection, "PRAGMA user_version = " + std::to_string(newest)));
  return transaction.Commit();
}

Status ApplyAll(sqlite3* connection, const Batch& batch) {
  Transaction transaction(connection);
  TRY(transaction.Begin());
  for (const Batch::Change& change : batch.changes()) TRY(Change(connection, change));
  return transaction.Commit();
}

Status Configure(sqlite3* connection) {
  // A moment's patience for a backup that reads; nobody else writes.
  ::sqlite3_busy_timeout(connection, 2000);
  ::sqlite3_extended_result_codes(connection, 1);
  return Execute(connection,
                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF;"
                 "PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
                 "PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576; PRAGMA trusted_schema = OFF");
}

}  // namespace

struct Database::Impl {
  explicit Impl(Connection opened, unsigned at) : connection(std::move(opened)), version(at) {}
  std::mutex mutex;
  Connection connection;
  unsigned version;
};

Migration CreateTables(std::vector<std::string> tables) {
  return [tables = std::move(tables)](Migrator& migrator) -> Status {
    for (const std::string& table : tables) TRY(migrator.CreateTable(table));
    return Ok();
  };
}

Result<Database> Database::Open(const std::string& path, const std::vector<Migration>& migrations) {
  // Made by us first: SQLite would give it the umask's mode, and its log and index files take the mode of this one.
  TRY_CTX(os::OpenAt({AT_FDCWD}, path, O_RDWR | O_CREAT, 0600), "open database");
  sqlite3* raw = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = ::sqlite3_open_v2(path.c_str(), &raw, kFlags, nullptr);
  Connection connection(raw);
  const std::string context = "open database '" + path + "'";
  if (code != SQLITE_OK) return Failure(raw, context);
  TRY_CTX(Configure(raw), context);
  TRY_CTX(Migrate(raw, migrations), context);
  return Database(std::make_unique<Impl>(std::move(connection), static_cast<unsigned>(migrations.size())));
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<std::optional<std::string>> Database::Find(const std::string& table, const std::string& key) const {
  TRY(CheckTable(table));
  const std::lock_guard lock(impl_->mutex);
  Statement statement =
      TRY(Statement::Prepare(impl_->connection.get(), "SELECT value FROM doc_" + table + " WHERE key = ?1"));
  statement.Bind(1, key);
  const bool found = TRY(statement.Step());
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(statement.Text(0));
}

Result<std::vector<Document>> Database::List(const std::string& table) const {
  const std::lock_guard lock(impl_->mutex);
  return ReadTable(impl_->connection.get(), table);
}

Status Database::Put(const std::string& table, const std::string& key, std::string_view value) {
  const std::lock_guard lock(impl_->mutex);
  return Change(impl_->connection.get(), {table, key, std::string(value)});
}

Status Database::Delete(const std::string& table, const std::string& key) {
  const std::lock_guard lock(impl_->mutex);
  return Change(impl_->connection.get(), {table, key, std::nullopt});
}

Status Database::Apply(const Batch& batch) {
  const std::lock_guard lock(impl_->mutex);
  return ApplyAll(impl_->connection.get(), batch);
}

Status Database::ApplyDurably(const Batch& batch) {
  const std::lock_guard lock(impl_->mutex);
  sqlite3* connection = impl_->connection.get();
  TRY(Execute(connection, "PRAGMA synchronous = FULL"));
  Status applied = ApplyAll(connection, batch);
  TRY(Execute(connection, "PRAGMA synchronous = NORMAL"));
  return applied;
}

Status Database::Checkpoint() {
  const std::lock_guard lock(impl_->mutex);
  return Execute(impl_->connection.get(), "PRAGMA wal_checkpoint(TRUNCATE)");
}

unsigned Database::version() const { return impl_->version; }

}  // namespace estiba::store
