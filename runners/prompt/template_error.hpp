#pragma once
// What went wrong in a prompt template, and where (specs/prompts.md section 6). Any thread.

#include <cstddef>
#include <string>

#include "core/text/error.hpp"

namespace assay {

/// kind(): syntax, unknown, unsupported, undefined, type, security or limit. message(): one line. place():
/// "PROMPT:LINE:COLUMN". hint(): the line with a caret, and under it what to do if there is a way out.
class TemplateError : public Error {
 public:
  TemplateError(std::string kind, std::string message, std::string prompt, std::size_t line, std::size_t column,
                std::string excerpt, const std::string& advice)
      : Error(std::move(kind), std::move(message), prompt + ":" + std::to_string(line) + ":" + std::to_string(column),
              advice.empty() ? excerpt : excerpt + "\n" + advice),
        prompt_(std::move(prompt)),
        excerpt_(std::move(excerpt)),
        line_(line),
        column_(column) {}

  const std::string& prompt() const { return prompt_; }
  /// The line and a caret below the column; two lines.
  const std::string& excerpt() const { return excerpt_; }
  /// From 1, in the template text with line ends as \n; the column in code points.
  std::size_t line() const { return line_; }
  std::size_t column() const { return column_; }

 private:
  std::string prompt_, excerpt_;
  std::size_t line_, column_;
};

}  // namespace assay
