#include "experiments/declared/study_template.hpp"

#include <array>

#include "core/model/step.hpp"
#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"

namespace assay {

bool has_template(const std::string& text) {
  return text.find("{{") != std::string::npos || text.find("{%") != std::string::npos;
}

StudyTemplate::StudyTemplate(const StudyValue& value, std::string text, const StudyDocument& document)
    : key_(value.key), line_(value.node->line) {
  TemplateOptions options;
  options.name = value.key;
  options.limits = document.limits;
  try {
    text_ = Template::parse(std::move(text), options);
  } catch (const TemplateError& error) {
    const auto block = line_before_block(document.text, *value.node);
    const std::size_t line = block ? *block + error.line() : line_;
    throw Error(error.kind(), value.key + ": " + error.message(),
                line == 0 ? document.file : document.file + ":" + std::to_string(line), error.hint());
  }
}

StudyTemplate::StudyTemplate(const StudyValue& value, const StudyDocument& document)
    : StudyTemplate(value, value.text(), document) {}

StudyTemplate StudyTemplate::condition(const StudyValue& value, const StudyDocument& document) {
  const std::string text = value.text();
  if (has_template(text)) return {value, document};
  return {value, "{{ true if (" + text + ") else false }}", document};
}

StudyTemplate StudyTemplate::expression(const StudyValue& value, const StudyDocument& document) {
  return {value, "{{ " + value.text() + " }}", document};
}

std::string StudyTemplate::render(const Json& variables, RandomSource& random) const {
  try {
    return text_->render(prompt::from_json(variables), random);
  } catch (const TemplateError& error) {
    throw RunFailure(error.kind(), key_ + ": " + error.message());
  }
}

bool StudyTemplate::holds(const Json& variables, RandomSource& random) const {
  constexpr std::array kYes{"true", "yes", "1"};
  constexpr std::array kNo{"false", "no", "0", "none", ""};
  const std::string said(trim(render(variables, random)));
  const std::string word = ascii_lower(said);
  for (const char* yes : kYes) {
    if (word == yes) return true;
  }
  for (const char* no : kNo) {
    if (word == no) return false;
  }
  constexpr std::size_t kShown = 60;
  throw RunFailure("condition",
                   key_ + ": it came to '" + truncate_to_width(said, kShown) + "', expected true or false");
}

bool StudyTemplate::operator==(const StudyTemplate& other) const {
  if (text_ == nullptr || other.text_ == nullptr) return text_ == other.text_;
  return text_->source() == other.text_->source();
}

}  // namespace assay
