#pragma once
// A template of a study with the place it stands at, and the values that templates see. Specs: prompts.md. Immutable:
// any thread.

#include <memory>
#include <string>
#include <vector>

#include "experiments/declared/study_map.hpp"
#include "runners/prompt/random_source.hpp"
#include "runners/prompt/template.hpp"

namespace assay {

/// What a document is read with: its text, for the lines of templates, and the bounds of these.
struct StudyDocument {
  std::string text, file;
  PromptLimits limits;
};

class StudyTemplate {
 public:
  StudyTemplate() = default;
  /// Throws Error of the template's kind ("syntax", "unknown", ..) at FILE:LINE.
  StudyTemplate(const StudyValue& value, const StudyDocument& document);
  /// A condition: a template that says true or false, or an expression without braces.
  static StudyTemplate condition(const StudyValue& value, const StudyDocument& document);

  /// What an expression without braces comes to.
  static StudyTemplate expression(const StudyValue& value, const StudyDocument& document);

  explicit operator bool() const { return text_ != nullptr; }
  /// Throws RunFailure with the template's error kind.
  std::string render(const Json& variables, RandomSource& random) const;
  /// Of a condition. Throws RunFailure "condition" for a text that is neither.
  bool holds(const Json& variables, RandomSource& random) const;

  const std::vector<std::string>& variables() const { return text_->variables(); }
  const std::string& key() const { return key_; }
  std::size_t line() const { return line_; }
  bool operator==(const StudyTemplate& other) const;

 private:
  StudyTemplate(const StudyValue& value, std::string text, const StudyDocument& document);

  std::shared_ptr<const Template> text_;
  std::string key_;
  std::size_t line_ = 0;
};

/// Where a template is looked at without a run: what it draws is always the same.
class NoRandom final : public RandomSource {
 public:
  std::uint64_t next() override { return 0; }
};

/// Whether a text is a template rather than a name.
bool has_template(const std::string& text);

}  // namespace assay
