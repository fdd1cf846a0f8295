#pragma once
// What is judged: run.data of the kind. Specs: judge.md 1. Values; pure functions: any thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/statistics/figure.hpp"
#include "core/text/json.hpp"

namespace assay {

struct JudgeItem {
  std::string id;
  std::string question;
  std::optional<std::string> reference, prediction, response1, response2;
  std::string model, model_a, model_b;  ///< whose answers; "" unknown
  std::string context;
  std::vector<std::string> options;
  /// Of several turns: the questions, and per turn the answers and references (empty: none).
  std::vector<std::string> turns, predictions, responses1, responses2, references;
  std::string category;
  Json cluster;            ///< text or number; null: its question id, else none
  std::uint32_t turn = 0;  ///< the one that is judged; 0: there are no turns
  std::vector<std::string> images;
  std::vector<std::pair<std::string, std::string>> rubric;  ///< of its own: criterion, description
  Json gold;                                                ///< in the item's own order, as the source has it
  double len_a = kUndefined, len_b = kUndefined;            ///< code points; NaN: unknown
  Json messages;                                            ///< sent as it is; null
  Json source;                        ///< {"batch","id","attempt","answer_hash"} of the run it was made from; null
  std::string probe;                  ///< same, null, spoof; "" : a real item
  std::map<std::string, Json> human;  ///< rater -> verdict or number
  Json extra = Json::object();        ///< other columns under their own names
  /// Recorded judgements, a line each as judge.md 9 writes them, without item-wide fields; empty: to be judged.
  std::vector<Json> recorded;
};
/// {"id", "question", .. under the names of judge.md 1, what is empty left out, "mode", .. extra columns ..,
/// "recorded"}.
Json to_data(const JudgeItem& item);
/// Back, from run.data of any origin: what is missing stays empty. Throws Error "file" for fields of a wrong type.
JudgeItem judge_item(const Json& data);

}  // namespace assay
