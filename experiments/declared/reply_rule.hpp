#pragma once
// What is read from a reply: the key `extract` of a study, over qa's rules. Linear in the reply. Immutable: any thread.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/declared/study_map.hpp"
#include "experiments/qa/extract.hpp"

namespace assay {

class ReplyRule {
 public:
  /// The whole reply, trimmed.
  ReplyRule();
  /// A word (letter, number, last_line, .., or a rule of qa), or one of pattern, json, choice, letter, rule with what
  /// belongs to it. Throws Error "yaml".
  explicit ReplyRule(const StudyValue& value);

  Found find(std::string_view reply) const { return find_(reply); }
  /// The step whose reply is read; "" : the last that was asked.
  const std::string& from() const { return from_; }
  /// Where `from` stands.
  std::size_t line() const { return line_; }
  /// The values it can find; empty: any.
  const std::vector<std::string>& values() const { return values_; }

 private:
  using Rule = std::function<Found(std::string_view)>;
  void take_word(const StudyValue& value, const std::string& word);
  void take_pattern(const StudyMap& map);
  void take_choice(const StudyValue& value, bool first);

  Rule find_;
  std::string from_;
  std::size_t line_ = 0;
  std::vector<std::string> values_;
};

}  // namespace assay
