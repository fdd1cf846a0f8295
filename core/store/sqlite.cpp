#include "core/store/sqlite.hpp"

#include <cerrno>

namespace assay {

bool SqliteFailure::disk_full() const {
  if (primary() == SQLITE_FULL) return true;
  return primary() == SQLITE_IOERR && (errno_ == ENOSPC || errno_ == EDQUOT || errno_ == EFBIG);
}

Connection::Connection(const std::string& path, int flags) {
  const int code = sqlite3_open_v2(path.c_str(), &db_, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code != SQLITE_OK) {
    const SqliteFailure failure(code, db_ ? sqlite3_system_errno(db_) : 0,
                                db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code));
    close();
    throw failure;
  }
}

void Connection::close() {
  for (auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  }
  idle_.clear();
  if (db_) sqlite3_close_v2(db_);
  db_ = nullptr;
}

void Connection::fail(int code) const { throw SqliteFailure(code, sqlite3_system_errno(db_), sqlite3_errmsg(db_)); }

void Connection::run(const char* sql) {
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::string Connection::text(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (const int code = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr); code != SQLITE_OK) fail(code);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(statement, sqlite3_finalize);
  const int code = sqlite3_step(statement);
  if (code != SQLITE_ROW && code != SQLITE_DONE) fail(code);
  if (code == SQLITE_DONE || sqlite3_column_type(statement, 0) == SQLITE_NULL) return {};
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, 0));
  return bytes ? std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, 0))) : std::string();
}

std::int64_t Connection::number(const std::string& sql) {
  const std::string value = text(sql);
  return value.empty() ? 0 : std::stoll(value);
}

Connection::Use Connection::use(const char* sql) {
  if (auto found = idle_.find(sql); found != idle_.end() && !found->second.empty()) {
    sqlite3_stmt* statement = found->second.back();
    found->second.pop_back();
    return {*this, sql, statement};
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) fail(code);
  return {*this, sql, statement};
}

Connection::Use::~Use() {
  sqlite3_reset(statement_);
  connection_->idle_[sql_].push_back(statement_);
}

Connection::Use& Connection::Use::bind(int index, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, index, value); code != SQLITE_OK) connection_->fail(code);
  return *this;
}

Connection::Use& Connection::Use::bind(int index, std::string_view text) {
  const int code =
      sqlite3_bind_text64(statement_, index, text.data() ? text.data() : "", text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) connection_->fail(code);
  return *this;
}

Connection::Use& Connection::Use::bind_blob(int index, std::string_view bytes) {
  const int code =
      sqlite3_bind_blob64(statement_, index, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) connection_->fail(code);
  return *this;
}

bool Connection::Use::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  connection_->fail(code);
}

std::string_view Connection::Use::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (!bytes) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

}  // namespace assay
