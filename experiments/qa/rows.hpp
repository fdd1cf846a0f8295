#pragma once
// The rows of a source as JSON objects, whatever it is: JSON, JSON lines, CSV, TSV, Parquet, each also packed, or a
// data set of the hub. One thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/qa/hub.hpp"

namespace assay {

struct RowOptions {
  std::string rows;                    ///< path of the array inside a JSON document; "" the usual places
  bool header = true;                  ///< CSV; without: columns "0", "1", ..
  std::string delimiter;               ///< CSV: one character or "tab"; "": by the file's name
  std::string config, split;           ///< hf: which; "": hub.hpp
  std::optional<std::uint64_t> limit;  ///< hf: more rows need not be read
  HubReading* hub = nullptr;           ///< reads hf:
};

/// A row and where it stands.
struct Row {
  Json value;
  std::uint64_t number = 0;             ///< from 1, headers not counted
  std::string place;                    ///< "FILE:LINE"; Parquet and the hub: the row
  std::vector<std::string> cut = {};    ///< columns that the hub did not send whole
  const ClassNames* classes = nullptr;  ///< columns that hold positions in a list of names; while the row is read
};

/// Calls `each` per row, in order. Throws Error with file, line and column for what can't be read. An element of a save
/// file gives its `data`. Repeated column names get ".2", ..; `warnings` says so.
void read_rows(const Source& source, const RowOptions& options, std::vector<std::string>& warnings,
               const std::function<void(Row&&)>& each);

}  // namespace assay
