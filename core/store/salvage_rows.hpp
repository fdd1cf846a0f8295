#pragma once
// Records of an experiment file found in raw bytes: decoded by SQLite's record format (fileformat2 2.1), taken for a
// row of a table only when the row's own checksum (row.hpp) holds. The sum proves that a row is as it was written; it
// is no signature. Internal to core/store. One thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/salvage_pages.hpp"
#include "core/store/sqlite.hpp"

namespace assay {

/// A table with checksums, as far as its rows' bytes go.
struct TableShape {
  enum class Column : std::uint8_t { integer, real, text, blob, any };
  std::string name;
  std::vector<std::string> names;
  std::vector<Column> columns;  // the last is `sum`
  std::size_t keys = 1;         // columns of the primary key; they come first
  bool rowid = false;           // its key is the row's number, which stands before the record
  int ver = -1;                 // column of the commit that wrote the row; -1: rows don't change
};
/// Of all tables, from the schema itself. At most 32.
const std::vector<TableShape>& table_shapes();

struct RawValue {
  enum class Kind : std::uint8_t { null, integer, real, bytes, text };
  Kind kind = Kind::null;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view view;  // into the page, or the finder's buffer
};

/// A row whose sum holds. Valid until the finder looks again.
struct FoundRow {
  std::size_t table = 0;  // of table_shapes()
  std::vector<RawValue> values;
  std::size_t begin = 0, end = 0;    // of the page's bytes that are its own
  std::vector<std::uint32_t> chain;  // overflow pages
};

/// What stands where a record could begin.
struct RecordHead {
  std::uint32_t tables = 0;  // bit i: the shape fits table_shapes()[i]; 0: no record of ours
  std::size_t columns = 0, header_bytes = 0;
  std::uint64_t payload_bytes = 0;
  std::array<std::uint64_t, 40> types{};
};

enum class CellKind : std::uint8_t { table, index, index_interior };

/// Where the record of a cell begins, and the numbers in front of it.
struct CellStart {
  std::size_t record = 0;  // 0: there is none
  std::uint64_t payload_bytes = 0;
  std::optional<std::int64_t> rowid;
};
CellStart read_cell(std::string_view page, std::size_t at, CellKind kind);

class RowFinder {
 public:
  explicit RowFinder(const PageFile& file) : file_(file) {}

  /// Reads a record's header at `at`; false when no table has such records.
  bool head(std::string_view page, std::size_t at, RecordHead& head) const;
  /// The row whose record begins at `at`. `rowid`: tried before what stands in front of it. `local`: no overflow pages
  /// are read.
  const FoundRow* row(const PageImage& image, std::size_t at, const RecordHead& head,
                      std::optional<std::int64_t> rowid = {}, bool local = false);
  /// The row of the cell that stands in bytes `begin` to `end`, if one flipped bit is all that is wrong with them: its
  /// checksum says so. Only whole cells within a page.
  const FoundRow* row_but_a_bit(const PageImage& image, CellKind kind, std::size_t begin, std::size_t end);
  /// Bytes of a payload that stand in the page itself (fileformat2 1.6).
  std::size_t local_bytes(std::uint64_t payload, bool table_leaf) const;

 private:
  bool decode(std::string_view payload, const RecordHead& head);
  bool sum_holds(const TableShape& shape, std::optional<std::int64_t> rowid);
  bool try_payload(std::string_view page, std::size_t at, const RecordHead& head, bool table_leaf,
                   std::string_view payload, std::optional<std::int64_t> rowid);

  const PageFile& file_;
  FoundRow found_;
  std::string payload_;
  PageImage flipped_;
};

/// Reads a variable-length integer that ends before `bytes` does: its length, 0 when there is none.
std::size_t read_varint(std::string_view bytes, std::size_t at, std::uint64_t& value);

}  // namespace assay
