#pragma once
// CSV and TSV, RFC 4180: quotes, doubled quotes, newlines within quotes, LF or CRLF, a BOM. One reader, one thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/input.hpp"

namespace assay {

struct CsvOptions {
  char delimiter = ',';                                 ///< also ';' and TAB
  std::size_t max_field_bytes = std::size_t{16} << 20;  ///< limit.csv_field
  std::size_t max_columns = 4096;                       ///< limit.csv_columns
  bool replace_invalid_utf8 = false;                    ///< invalid_utf8=replace; else refused with the byte
};

/// Row by row. The first row read fixes the number of columns; a row with another count is refused with its number.
/// Errors: Error "csv" with "FILE:LINE" and the column; an open quote is reported at the line where it began.
/// Lines without any byte are skipped in files of more than one column. Text after a closing quote is refused.
class CsvReader {
 public:
  explicit CsvReader(InputBytes& input, CsvOptions options = {});

  /// Replaces `fields` by the next row (its strings are reused); false at the end.
  bool next(std::vector<std::string>& fields);

  std::uint64_t row() const { return row_; }    ///< rows read so far, the header included: 1 after the first
  std::uint64_t line() const { return line_; }  ///< line from 1 where the last row begins

 private:
  int peek();
  int take();
  bool fill();
  void read_quoted(std::string& field);
  void read_plain(std::string& field);
  [[noreturn]] void fail(std::uint64_t line, const std::string& message, const std::string& hint = {}) const;

  InputBytes& input_;
  const CsvOptions options_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::size_t columns_ = 0;
  std::uint64_t row_ = 0, line_ = 0;   // of the last row
  std::uint64_t here_ = 1;             // line of the next byte
  std::uint64_t consumed_before_ = 0;  // bytes before buffer_
  bool started_ = false;
};

/// A field as it stands in a file: quoted when it must be. `spreadsheet`: "'" goes before cells that begin with
/// = + - @ TAB or CR and are no numbers, so that a spreadsheet takes them for text (reliability.md 9.8).
std::string csv_field(std::string_view text, char delimiter = ',', bool spreadsheet = false);

/// A row: the fields joined by the delimiter, and "\n".
std::string csv_row(const std::vector<std::string>& fields, char delimiter = ',', bool spreadsheet = false);

}  // namespace assay
