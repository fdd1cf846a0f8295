#pragma once
// SQLite with owners: a connection that keeps its prepared statements, and the error it throws. Internal to core/store.
//
// Thread rule: one thread at a time for each connection and what came from it.

#include <sqlite3.h>

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace assay {

/// What SQLite answered. Not shown to people as it is: the store turns it into an Error, or acts on it.
class SqliteFailure : public std::runtime_error {
 public:
  SqliteFailure(int code, int system_errno, const std::string& message)
      : std::runtime_error(message), code_(code), errno_(system_errno) {}
  /// The extended result code; its low byte is the primary one.
  int code() const { return code_; }
  int primary() const { return code_ & 0xFF; }
  int system_errno() const { return errno_; }
  /// SQLITE_FULL, or an I/O error whose cause is ENOSPC, EDQUOT or EFBIG.
  bool disk_full() const;
  /// The bytes of the file are not what SQLite can read.
  bool corrupt() const { return primary() == SQLITE_CORRUPT || primary() == SQLITE_NOTADB; }

 private:
  int code_, errno_;
};

class Connection {
 public:
  Connection() = default;
  /// Opens with sqlite3_open_v2 `flags`. Throws SqliteFailure.
  Connection(const std::string& path, int flags);
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* get() const { return db_; }
  explicit operator bool() const { return db_ != nullptr; }
  void close();
  /// Runs statements that give no rows.
  void run(const char* sql);
  void run(const std::string& sql) { run(sql.c_str()); }
  /// The first column of the first row; 0 or "" when there is none.
  std::int64_t number(const std::string& sql);
  std::string text(const std::string& sql);
  [[noreturn]] void fail(int code) const;

  /// A prepared statement in use: reset and given back when it goes. `sql` must be a literal or kept (it is known by
  /// its address).
  class Use {
   public:
    Use(Connection& connection, const char* sql, sqlite3_stmt* statement)
        : connection_(&connection), sql_(sql), statement_(statement) {}
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    sqlite3_stmt* get() const { return statement_; }
    Use& bind(int index, std::int64_t value);
    Use& bind(int index, std::string_view text);
    Use& bind_blob(int index, std::string_view bytes);
    /// True when there is a row. Throws SqliteFailure.
    bool step();
    std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
    bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    /// Valid until the next step.
    std::string_view text(int column) const;

   private:
    Connection* connection_;
    const char* sql_;
    sqlite3_stmt* statement_;
  };
  Use use(const char* sql);
  /// A text to use() that was put together: the same address for the same text, for the connection's life.
  const char* keep(const std::string& sql) { return kept_.insert(sql).first->c_str(); }

 private:
  friend class Use;
  sqlite3* db_ = nullptr;
  std::set<std::string> kept_;
  std::unordered_map<const char*, std::vector<sqlite3_stmt*>> idle_;
};

}  // namespace assay
