#pragma once
// The checksum of a row, computed while the row is bound or read. Internal to core/store.
//
// sum = XXH3-64 (seed 0, as a signed integer) of: the table's name, a zero byte, then every other column in table
// order: one type byte (0 null, 1 integer, 2 real, 3 text, 4 blob), then 8 bytes little-endian, or a u64 length and the
// bytes. Key columns are columns too: a payload that turns up under another key fails (reliability.md 1.3).
//
// A record type has `fields(visitor)`, which names its columns in table order; RowWriter and RowReader are visitors.
// Text is a view: of the caller's bytes while writing, of the statement's row (until its next step) while reading.

#include <sqlite3.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "core/store/sqlite.hpp"
#include "core/text/hash.hpp"

namespace assay {

static_assert(std::endian::native == std::endian::little, "the checksum is defined over little-endian bytes");

/// A value of a payload column: nothing, the text itself, or the 16 bytes that name a blob.
struct Cell {
  enum class Kind : std::uint8_t { null, text, blob };
  Kind kind = Kind::null;
  std::string_view bytes;
};

class RowSum {
 public:
  explicit RowSum(std::string_view table) : bytes_(512, '\0') { start(table); }
  void start(std::string_view table) {
    std::memcpy(bytes_.data(), table.data(), table.size());
    bytes_[table.size()] = '\0';
    size_ = table.size() + 1;
  }
  void null() {
    reserve(1);
    bytes_[size_++] = '\0';
  }
  void integer(std::int64_t value) { word('\1', value, 0); }
  void real(double value) { word('\2', std::bit_cast<std::int64_t>(value), 0); }
  void bytes(char type, std::string_view value) {
    word(type, static_cast<std::int64_t>(value.size()), value.size());
    if (!value.empty()) std::memcpy(bytes_.data() + size_, value.data(), value.size());
    size_ += value.size();
  }
  std::int64_t digest() const { return std::bit_cast<std::int64_t>(xxh3_64({bytes_.data(), size_})); }

 private:
  void reserve(std::size_t more) {
    if (size_ + more > bytes_.size()) bytes_.resize(2 * (size_ + more));
  }
  void word(char type, std::int64_t value, std::size_t more) {
    reserve(9 + more);
    char* to = bytes_.data() + size_;
    *to = type;
    std::memcpy(to + 1, &value, 8);
    size_ += 9;
  }
  std::string bytes_;
  std::size_t size_ = 0;
};

class RowWriter {
 public:
  RowWriter(std::string_view table, sqlite3_stmt* statement) : sum_(table), statement_(statement) {}

  template <typename Record>
  std::int64_t bind(const Record& record) {
    const_cast<Record&>(record).fields(*this);  // fields() is one template for reading and writing; this visitor reads
    const std::int64_t sum = sum_.digest();
    check(sqlite3_bind_int64(statement_, ++index_, sum));
    return sum;
  }
  void operator()(std::int64_t value) {
    sum_.integer(value);
    check(sqlite3_bind_int64(statement_, ++index_, value));
  }
  void operator()(double value) {
    sum_.real(value);
    check(sqlite3_bind_double(statement_, ++index_, value));
  }
  void operator()(const std::optional<std::int64_t>& value) {
    if (value) return (*this)(*value);
    sum_.null();
    check(sqlite3_bind_null(statement_, ++index_));
  }
  void operator()(std::string_view text) {
    sum_.bytes('\3', text);
    check(sqlite3_bind_text64(statement_, ++index_, text.data() ? text.data() : "", text.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
  }
  void operator()(const Cell& cell) {
    if (cell.kind == Cell::Kind::text) return (*this)(cell.bytes);
    if (cell.kind == Cell::Kind::null) {
      sum_.null();
      check(sqlite3_bind_null(statement_, ++index_));
      return;
    }
    blob(cell.bytes);
  }
  void blob(std::string_view bytes) {
    sum_.bytes('\4', bytes);
    check(sqlite3_bind_blob64(statement_, ++index_, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC));
  }

 private:
  void check(int code) {
    if (code != SQLITE_OK) throw SqliteFailure(code, 0, sqlite3_errstr(code));
  }
  RowSum sum_;
  sqlite3_stmt* statement_;
  int index_ = 0;
};

class RowReader {
 public:
  explicit RowReader(std::string_view table) : table_(table), sum_(table) {}

  /// True when the row's sum holds. The record's views live until the statement's next step.
  template <typename Record>
  bool read(sqlite3_stmt* statement, Record& record) {
    sum_.start(table_);
    statement_ = statement;
    index_ = -1;
    record.fields(*this);
    const int last = index_ + 1;
    found_ = sqlite3_column_int64(statement, last);
    return last + 1 == sqlite3_column_count(statement) && sqlite3_column_type(statement, last) == SQLITE_INTEGER &&
           found_ == sum_.digest();
  }
  std::int64_t sum() const { return found_; }

  void operator()(std::int64_t& value) {
    next();
    value = integer_;
  }
  void operator()(double& value) {
    next();
    value = real_;
  }
  void operator()(std::optional<std::int64_t>& value) {
    const bool known = next() != SQLITE_NULL;
    value = known ? std::optional<std::int64_t>(integer_) : std::nullopt;
  }
  void operator()(std::string_view& text) {
    next();
    text = text_;
  }
  void operator()(Cell& cell) {
    const int type = next();
    cell.kind = type == SQLITE_NULL ? Cell::Kind::null : type == SQLITE_TEXT ? Cell::Kind::text : Cell::Kind::blob;
    cell.bytes = text_;
  }
  void blob(std::string_view& bytes) {
    next();
    bytes = text_;
  }

 private:
  /// Adds the next column, as the type it has, to the sum.
  int next() {
    ++index_;
    // One call for the value, then its parts: half the time of sqlite3_column_type and sqlite3_column_int64.
    sqlite3_value* value = sqlite3_column_value(statement_, index_);
    const int type = sqlite3_value_type(value);
    text_ = {};
    switch (type) {
      case SQLITE_INTEGER:
        integer_ = sqlite3_value_int64(value);
        sum_.integer(integer_);
        break;
      case SQLITE_FLOAT:
        real_ = sqlite3_value_double(value);
        sum_.real(real_);
        break;
      case SQLITE_TEXT:
      case SQLITE_BLOB: {
        const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
        if (bytes) text_ = {bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))};
        sum_.bytes(type == SQLITE_TEXT ? '\3' : '\4', text_);
        break;
      }
      default:
        sum_.null();
    }
    return type;
  }
  std::string table_;
  RowSum sum_;
  sqlite3_stmt* statement_ = nullptr;
  int index_ = -1;
  std::int64_t found_ = 0, integer_ = 0;
  double real_ = 0;
  std::string_view text_;
};

}  // namespace assay
