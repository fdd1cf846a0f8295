#pragma once
// A question with what is known of its answer: what every source becomes, and what run.data holds. Specs: qa.md 1.
// Values; pure functions.

#include <optional>
#include <string>
#include <vector>

#include "core/text/json.hpp"
#include "experiments/qa/extract.hpp"

namespace assay {

struct Item {
  std::string id;
  std::optional<std::string> question;  ///< stem without options; absent only when a recorded reply is given
  std::vector<std::string> options;     ///< texts, without those that are "N/A"
  std::size_t n_options = 0;            ///< options.size(), or as given without texts; 0: an open question
  Json answer;                          ///< gold: a letter, a text or a number; null when the source has none
  std::string category;
  std::string format, source;   ///< loader; file and row
  std::string cot;              ///< worked solution, for few-shot examples
  Json extra = Json::object();  ///< other columns, under their own names
  /// Recorded replies; nullopt: none.
  std::optional<std::vector<std::string>> replies;
};

/// run.data of an item. `params`: the batch's parameters that differ from the defaults; empty: left out.
Json to_data(const Item& item, const Json& params);
/// Back, from run.data of any origin: what is missing stays empty.
Item from_data(const Json& data);

/// "A", "B", .. of an item's options.
std::vector<std::string> labels_of(std::size_t n_options);
/// How its answer is read: its letters, a number, or a text.
AnswerForm answer_form(const Item& item);

/// The question block: stem, then the lettered options, each on a line; for open questions the stem alone.
std::string question_block(const Item& item);

}  // namespace assay
