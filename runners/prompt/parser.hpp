#pragma once
// Tokens to tree. All that can be known without a context is refused here: syntax, unknown filters and tests, tags
// that are not in the language, private names, calls outside the table of methods (specs/prompts.md section 6).

#include <string>
#include <vector>

#include "runners/prompt/ast.hpp"
#include "runners/prompt/lexer.hpp"
#include "runners/prompt/limits.hpp"

namespace assay::prompt {

/// Throws Fault with an offset into ParsedTemplate::source (the normalized text, already in `parsed.source`).
void parse_template(ParsedTemplate& parsed, const LexerOptions& options, const PromptLimits& limits);

/// Names that a rendering looks up in its context: used somewhere where the template itself has not bound them, and
/// no function. In the order of their first use.
std::vector<std::string> find_free_names(const ParsedTemplate& parsed);

}  // namespace assay::prompt
