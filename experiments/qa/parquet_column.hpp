#pragma once
// The values of one column of one row group, from its pages. One thread. Source: apache/parquet-format, README.md
// ("Data Pages") and Encodings.md.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"
#include "experiments/qa/parquet_file.hpp"

namespace assay {

/// What a file may still unpack to. A small file that says it holds much is no reason to take the machine's memory.
class ParquetBudget {
 public:
  explicit ParquetBudget(std::uint64_t file_bytes);
  /// Throws ParquetFault when it is more than is left.
  void take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes) { left_ += bytes; }
  std::uint64_t left() const { return left_; }

 private:
  std::uint64_t left_, all_;
};

class ParquetColumn {
 public:
  /// Reads all pages; `bytes` is the whole file and must outlive the column. Throws ParquetFault naming page and
  /// encoding.
  ParquetColumn(std::string_view bytes, std::size_t data_end, const ParquetLeaf& leaf, const ParquetChunk& chunk,
                std::uint64_t rows, ParquetBudget& budget);

  // Entries: a value, or the place where there is none. Of a row: first(row) .. first(row + 1) - 1.
  std::size_t first(std::uint64_t row) const { return starts_.empty() ? static_cast<std::size_t>(row) : starts_[row]; }
  std::uint8_t definition(std::size_t entry) const {
    return definitions_.empty() ? std::uint8_t{0} : definitions_[entry];
  }
  /// The value of an entry whose definition is the leaf's maximum. Throws ParquetFault for bytes that are no UTF-8.
  Json value(std::size_t entry) const;
  const ParquetLeaf& leaf() const { return leaf_; }

 private:
  struct Slot {
    const char* data = nullptr;
    std::int64_t number = 0;  // or the length, or the bits of a double
  };
  void read_page(const ParquetPage& page, std::string_view body, std::int64_t codec);
  void read_dictionary(const ParquetPage& page, std::string_view plain);
  void read_values(std::int64_t encoding, std::string_view bytes, std::size_t begin);
  std::size_t read_plain(std::string_view bytes, std::vector<Slot>& slots, std::size_t begin, bool dictionary);
  std::string_view keep(std::int64_t codec, std::string_view packed, std::size_t plain_bytes);
  void read_levels(std::string_view bytes, std::uint8_t most, std::vector<std::uint8_t>& into, std::size_t count);
  void take(std::uint64_t bytes);

  const ParquetLeaf& leaf_;
  ParquetBudget& budget_;
  std::uint64_t taken_ = 0;
  std::deque<std::string> pages_;  // what the slots point into
  std::vector<Slot> dictionary_, slots_;
  bool has_dictionary_ = false;
  std::vector<std::uint8_t> definitions_, repetitions_;
  std::vector<std::size_t> starts_;  // only of a column with lists; one more than rows

 public:
  ~ParquetColumn() { budget_.give_back(taken_); }
  ParquetColumn(const ParquetColumn&) = delete;
  ParquetColumn& operator=(const ParquetColumn&) = delete;
};

}  // namespace assay
