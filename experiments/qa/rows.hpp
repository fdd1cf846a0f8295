#pragma once
// The rows of a source as JSON objects, whatever the file: JSON, JSON lines, CSV, TSV, each also packed. One thread.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

struct RowOptions {
  std::string rows;       ///< path of the array inside a JSON document; "" the usual places
  bool header = true;     ///< CSV; without: columns "0", "1", ..
  std::string delimiter;  ///< CSV: one character or "tab"; "": by the file's name
};

/// A row and where it stands.
struct Row {
  Json value;
  std::uint64_t number = 0;  ///< from 1, headers not counted
  std::string place;         ///< "FILE:LINE"
};

/// Calls `each` per row, in order. Throws Error with file, line and column for what can't be read. An element of a save
/// file gives its `data`. Repeated column names get ".2", ..; `warnings` says so.
void read_rows(const Source& source, const RowOptions& options, std::vector<std::string>& warnings,
               const std::function<void(Row&&)>& each);

}  // namespace assay
