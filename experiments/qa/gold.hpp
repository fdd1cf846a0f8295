#pragma once
// How a source writes the right answer: as a letter, a position, the option's text, a number. Specs: qa.md 1.2.
// Pure functions: any thread.

#include <string>
#include <vector>

#include "core/text/json.hpp"
#include "experiments/qa/extract.hpp"

namespace assay {

/// The options of a row as its source has them.
struct GoldChoices {
  const std::vector<std::string>& texts;    ///< may be empty when only their number is known
  const std::vector<std::string>& names;    ///< the source's own labels; may be empty
  const std::vector<std::size_t>& letters;  ///< source position -> position of its letter, or `gone`
  std::size_t count = 0;                    ///< letters in use; 0: an open question
  std::size_t gone = 0;                     ///< marks an option that was dropped
};

struct Gold {
  Json value;               ///< a letter, a text or a number
  bool worked = false;      ///< the number was read from a worked solution
  std::string error, hint;  ///< not empty: what was expected instead
};

/// `value`: a text, number or boolean as it stands in the source, not blank. `answer_is`: auto, letter, index0, index1,
/// text, number. `worked_solution`: the rule `gsm8k`.
Gold read_gold_value(const Json& value, const GoldChoices& choices, const std::string& answer_is,
                     const Extractor& worked_solution);

}  // namespace assay
