#pragma once
// Writes small Parquet files from JSON rows, in the forms that writers out there use: pages v1 and v2, plain and
// dictionary, each codec, nulls, structs, lists in their several spellings, several row groups and pages.

#include <cstdint>
#include <string>
#include <vector>

#include "core/text/json.hpp"

namespace assay::test {

struct ParquetField {
  /// boolean b, int32 i, int64 l, float f, double d, text s; struct g; list L (three layers), 2 (two), r (repeated)
  char kind = 's';
  std::string name;
  bool optional = true;
  std::vector<ParquetField> children = {};  // g: fields; L, 2, r: the element
  std::string layer = "list";               // L, 2: the name of the repeated layer
  int converted = -1;
};

struct ParquetForm {
  int codec = 0;
  bool v2 = false, dictionary = false, checksum = false, bare_lists = false;
  std::size_t rows_per_group = 1000, entries_per_page = 1000;
  int encoding = -1;  // written into the data pages' headers instead of the true one
};

std::string write_parquet(const std::vector<ParquetField>& fields, const std::vector<Json>& rows,
                          const ParquetForm& form);

/// Snappy's raw format with literals and all three kinds of copies.
std::string snap(const std::string& plain);

}  // namespace assay::test
