#pragma once
// The parts of recorded.cpp: items that are gathered from lines, and a reader per format. One thread.

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/text/input.hpp"
#include "core/text/json_values.hpp"
#include "experiments/judge/recorded.hpp"

namespace assay {

/// Items by id, in the order of their first line, with their judgements.
class RecordedItems {
 public:
  /// The item of that id, made at its first mention. `place`: FILE:LINE.
  JudgeItem& item(const std::string& id, const std::string& place, bool* is_new = nullptr);
  /// An id that is not taken: `id`, else `id`.2, ..
  std::string free_id(const std::string& id) const;
  /// Keeps a judgement. Throws Error "file" where the item has one of that judge, order and sample.
  void judgement(JudgeItem& item, Json line, const std::string& place);
  /// FILE:LINE of each judgement of an item, in their order.
  const std::vector<std::string>& places(const std::string& id) const { return places_.at(id); }

  std::vector<JudgeItem> items;

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
  std::unordered_map<std::string, std::vector<std::string>> places_;
  std::unordered_map<std::string, std::string> judgements_;
};

std::unique_ptr<InputBytes> open_source(const Source& source);
/// Calls `each` for the objects of a file of JSON values; FILE:LINE is their place. Throws Error for what is no object.
void each_object(InputBytes& input, const std::function<void(Json&&, const std::string& place)>& each);
/// A field as text: texts as they are, numbers as written; "" when it is absent or null. Throws Error "file" else.
std::string line_text(const Json& line, const char* name, const std::string& place);
/// A field that must be a number where it is there; NaN: absent, null.
double line_number(const Json& line, const char* name, const std::string& place);
[[noreturn]] void refuse_field(const Json& line, const char* name, const std::string& expected,
                               const std::string& place);

void read_judgement_lines(const std::vector<Source>& sources, const Json& params, RecordedItems& into,
                          RecordedSource& result);
void read_fastchat(const std::vector<Source>& sources, const Json& params, RecordedItems& into, RecordedSource& result);
/// Compares what the texts of FastChat's games say with the recorded winners.
void compare_with_winners(const JudgeSettings& settings, const RecordedItems& items, RecordedSource& result);
void read_alpaca(const std::vector<Source>& sources, RecordedItems& into, RecordedSource& result);

}  // namespace assay
