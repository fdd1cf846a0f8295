#pragma once
// From a row to an item: where each field stands (formats and map.FIELD=PATH), and how the gold answer is written.
// Specs: qa.md 1.1, 1.2. A ItemReader belongs to one load: one thread.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/text/error.hpp"
#include "experiments/qa/item.hpp"
#include "experiments/qa/json_path.hpp"
#include "experiments/qa/rows.hpp"

namespace assay {

struct MappingOptions {
  std::string format = "auto";               ///< mmlu_pro, csqa, csqa_orig, gsm8k, generic
  std::map<std::string, std::string> paths;  ///< FIELD -> PATH, or A+B+C
  std::string answer_is = "auto";            ///< letter, index0, index1, text, number
  std::size_t n_options = 0;                 ///< of all items, where no column has it
};

/// A row that bad_rows=skip may leave out.
class BadRow : public Error {
 public:
  using Error::Error;
};

class ItemReader {
 public:
  /// Throws Error "usage" for a field that can't be mapped (with the nearest).
  explicit ItemReader(MappingOptions options);

  /// The item of a row; its id may repeat. Throws BadRow for a row that is no object or misses a needed column, Error
  /// "data" for everything else that is wrong with it, both with place, row, column, what was found and expected.
  Item read(Row&& row);

  /// The format in use, "" before the first row.
  const std::string& format() const { return format_; }
  /// Counted over the rows so far.
  std::size_t dropped_options() const { return dropped_options_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Choices;  // options of a row, before and after "N/A" is dropped
  struct Candidate {
    JsonPath path;
    bool given;  // by the user: must exist in every row
  };
  void choose_format(const Json& row);
  std::string detect(const Json& row) const;
  const Json* find(const Row& row, const std::string& field);
  void name_classes(Row& row) const;
  std::optional<std::string> class_name(const Row& row, const Json& value) const;
  void check_whole(const Row& row);
  std::string read_id(const Row& row);
  void read_question(const Row& row, Item& item);
  void read_replies(const Row& row, Item& item);
  Choices read_choices(const Row& row);
  std::string read_text(const Row& row, const std::string& field);
  Json read_gold(const Row& row, const Choices& choices, Item& item);
  Json gold_of(const Row& row, const Json& value, const Choices& choices, Item& item) const;
  Json worked_gold(const Row& row, const std::string& text, Item& item) const;

  MappingOptions options_;
  std::string format_;
  std::map<std::string, std::vector<Candidate>> fields_;  // the first candidate that exists counts
  std::set<std::string> consumed_;                        // columns of the row at hand that became fields
  std::set<std::string> used_;                            // columns of it that fields were read from
  std::set<std::string> cut_;                             // columns that the hub cut, of which no field was read
  Extractor worked_solution_{"gsm8k"};
  std::size_t dropped_options_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace assay
