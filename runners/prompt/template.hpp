#pragma once
// A parsed prompt template: a subset of Jinja2 3.1 (specs/prompts.md). Parsing refuses what can be known without a
// context; rendering gives a text or throws. Texts that come in as values are never parsed.
//
// A Template never changes: any number of threads may render it at the same time.

#include <memory>
#include <string>
#include <vector>

#include "runners/prompt/limits.hpp"
#include "runners/prompt/random_source.hpp"
#include "runners/prompt/template_error.hpp"
#include "runners/prompt/value.hpp"

namespace assay {

namespace prompt {
struct ParsedTemplate;
}

struct TemplateOptions {
  std::string name = "template";  ///< of the prompt, for errors
  bool autoescape = false;        ///< HTML-escape every printed value
  bool strict = true;             ///< using an undefined value is an error (StrictUndefined); else Jinja2's default
  bool trim_blocks = false;
  bool lstrip_blocks = false;
  bool keep_trailing_newline = false;
  PromptLimits limits;
};

class Template {
 public:
  /// `text`: UTF-8 (ill-formed parts become U+FFFD), any line ends. Throws TemplateError: syntax, unknown,
  /// unsupported, security, limit.
  static std::shared_ptr<const Template> parse(std::string text, TemplateOptions options = {});
  ~Template();
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;

  /// `context`: a map (prompt::from_json). `random` feeds the filter of that name. Throws TemplateError: undefined,
  /// type, security, unknown, limit. The calling thread needs little stack: deep templates get a thread of their own.
  std::string render(const prompt::Value& context, RandomSource& random) const;
  /// The same with the values of `fallbacks` (a map) for names that the context lacks.
  std::string render(const prompt::Value& context, const prompt::Value& fallbacks, RandomSource& random) const;

  /// Names that a rendering takes from its context, in the order of their first use.
  const std::vector<std::string>& variables() const { return variables_; }
  const TemplateOptions& options() const { return options_; }
  /// The template text with line ends as \n (and without the last one unless kept).
  const std::string& source() const;

 private:
  Template(std::unique_ptr<prompt::ParsedTemplate> parsed, TemplateOptions options);

  std::unique_ptr<const prompt::ParsedTemplate> parsed_;
  TemplateOptions options_;
  std::vector<std::string> variables_;
};

}  // namespace assay
