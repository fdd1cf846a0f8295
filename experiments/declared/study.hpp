#pragma once
// An experiment declared in one file, parsed: what is asked in which steps, what is read from the replies, how it is
// scored. Its reference for people is README.md here. Immutable: any thread.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/declared/answer_rule.hpp"
#include "experiments/declared/reply_rule.hpp"
#include "experiments/declared/study_template.hpp"

namespace assay {

struct StudyStep {
  std::string name;
  StudyTemplate ask;
  StudyTemplate when;  ///< none: always
  bool fresh = false;  ///< the model sees nothing of what was said before
  std::string model;   ///< "" : the batch's
  ChatParams params;   ///< under nothing: what the step itself says
  std::size_t line = 0;
};

/// A figure beside the score: what a template comes to, or what a rule finds in a reply.
struct StudyMetric {
  std::string name;
  StudyTemplate value;
  std::optional<ReplyRule> rule;
};

struct StudyParameter {
  Parameter row;
  bool needed = false;  ///< it has no default
  std::size_t line = 0;
};

/// Where the rows are. Exactly one of `file` and `rows` is there.
struct StudyData {
  std::string file;  ///< as written
  std::size_t line = 0;
  Json rows;  ///< inline ones, each with the line at the same place of `row_lines`
  std::vector<std::size_t> row_lines;
  std::string id;  ///< column; "" : `id`, else the position
  std::size_t id_line = 0;
  struct Renamed {
    std::string name, path;
    std::size_t line = 0;
  };
  std::vector<Renamed> columns;
  std::string array, delimiter, split, config;  ///< as qa's rows=, delimiter=, split=, config=
  bool header = true;
};

struct Study {
  std::string name, description, model;
  std::vector<StudyParameter> parameters;
  std::size_t model_line = 0;
  ParameterTexts shared;  ///< limit, epochs, shuffle
  ChatParams params;
  StudyTemplate system;
  std::vector<StudyStep> steps;
  ReplyRule extract;
  AnswerRule score;
  std::vector<StudyMetric> metrics;
  std::vector<std::string> by;  ///< columns that the report groups by
  std::size_t by_line = 0;
  std::vector<std::string> warnings;

  /// All of it but its data, for a batch to keep: read_study reads it back.
  Json written;

  const StudyStep* step(const std::string& named) const;
};

/// `data` gets where the rows are; null: there needn't be any (what a batch has kept). Throws Error, one line at
/// FILE:LINE with the key and what to do.
Study read_study(std::string text, const std::string& file, const PromptLimits& limits, StudyData* data);
/// What a batch has kept.
Study kept_study(const Json& written, const PromptLimits& limits);

/// Whether a text is, or is meant as, a study: a line `assay: NUMBER` at its outermost level.
bool is_study(std::string_view text);

/// Refuses a variable of a template, a column of `score` or `report` that there is not. `columns`: of the rows.
void check_study_names(const Study& study, const std::set<std::string>& columns, const std::string& file);

/// Names that templates have a use for themselves: reply, steps, answer, correct, id, parameters.
const std::vector<std::string>& study_names();

}  // namespace assay
