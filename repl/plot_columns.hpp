#pragma once
// A field of many runs, as numbers or as texts: what `plot` draws. From the table in memory where it stands there, else
// from the values that are kept of it (value_columns.hpp), which are read from the store the first time. Any thread.

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/experiment.hpp"
#include "repl/payload_reader.hpp"

namespace assay {

/// What a number is: how it is written, and what stands at its axis.
enum class PlotUnit { number, count, seconds, usd, share };

struct PlotColumn {
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  std::string field;
  PlotUnit unit = PlotUnit::number;
  bool is_number = false;
  bool is_score = false;             // 1 CORRECT, 0 INCORRECT
  std::vector<double> numbers;       // by position among the runs; NaN: none
  std::vector<std::uint32_t> texts;  // index into names, kNone: none; of numbers empty
  std::vector<std::string> names;    // in order of first appearance
  std::uint64_t not_numbers = 0;     // of numbers: runs that have something else there
};

/// `as_score`: score as 1 and 0 instead of as texts. A field is one of numbers when most of the runs that have it have
/// a number there; a text that is one counts as one.
struct PlotField {
  std::string name;
  bool as_score = false;
};
/// The columns of `fields` in their order. `advance` is told how far the reading from the store is. Throws Error
/// "usage" for a field that no run has, with the fields there are.
std::vector<PlotColumn> read_columns(Experiment& experiment, const std::vector<RunId>& runs,
                                     const std::vector<PlotField>& fields, const Advance& advance);

/// The fields that runs of this experiment have in the table, for completion and hints.
std::vector<std::string> plot_fields(Experiment& experiment);

}  // namespace assay
