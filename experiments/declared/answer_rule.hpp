#pragma once
// Whether what was read is right: the key `score` of a study. Immutable: any thread.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/score.hpp"
#include "core/text/pattern.hpp"
#include "experiments/declared/study_template.hpp"
#include "runners/llm/request.hpp"

namespace assay {

/// A name of a variable, or a template.
struct StudyGold {
  std::string name;
  StudyTemplate text;
  std::size_t line = 0;
  std::string key;

  /// The values that count as right: of a list each; none for null and "".
  std::vector<std::string> values(const Json& variables, RandomSource& random) const;
};

class AnswerRule {
 public:
  /// Nothing is scored.
  AnswerRule() = default;
  /// `none`, or one of equals, number, contains, choice, pattern, test with what belongs to it. Throws Error "yaml".
  AnswerRule(const StudyValue& value, const StudyDocument& document);

  bool scores() const { return way_ != Way::none; }
  /// Whether a run with these variables can be scored at all: it has a right answer, or none is needed.
  bool can_score(const Json& variables, RandomSource& random) const;
  /// `value`: what was read; nullopt: nothing. `variables` hold it as `answer`.
  Verdict judge(const std::optional<std::string>& value, const Json& variables, RandomSource& random) const;
  /// What is known of the answer, for the built-in model alone. `values`: those that can be found at all.
  std::optional<Hint> hint(const Json& variables, const std::vector<std::string>& values, RandomSource& random) const;

  /// Whose variables are to be there; null: none.
  const StudyGold* gold() const { return gold_ ? &*gold_ : nullptr; }
  const StudyTemplate* test() const { return test_ ? &test_ : nullptr; }
  /// The column of the options; "" : none, or they stand in the file.
  const StudyGold* options() const { return options_name_ ? &*options_name_ : nullptr; }

 private:
  enum class Way { none, equals, number, contains, choice, pattern, test };
  std::string folded(std::string_view text) const;
  std::vector<std::string> options_of(const Json& variables, RandomSource& random) const;
  bool is_right(const std::string& value, const std::string& gold, const std::vector<std::string>& options) const;

  Way way_ = Way::none;
  std::optional<StudyGold> gold_;
  StudyTemplate test_;
  std::optional<Pattern> pattern_;
  std::set<std::string> ignored_;
  double tolerance_ = 0;
  std::vector<std::string> options_;
  std::optional<StudyGold> options_name_;
  bool unextracted_is_null_ = false;
};

}  // namespace assay
