#pragma once
// A template rendered in one line, and the error it ends with.

#include <string>

#include "core/text/json.hpp"
#include "runners/prompt/template.hpp"
#include "tests/runners/prompt/fixed_random.hpp"

inline std::string render(const std::string& text, const assay::Json& context = assay::Json::object(),
                          const assay::TemplateOptions& options = {}) {
  CountingRandom random;
  return assay::Template::parse(text, options)->render(assay::prompt::from_json(context), random);
}

/// "kind LINE:COLUMN", or "text ..".
inline std::string outcome(const std::string& text, const assay::Json& context = assay::Json::object(),
                           const assay::TemplateOptions& options = {}) {
  try {
    return "text " + render(text, context, options);
  } catch (const assay::TemplateError& error) {
    return error.kind() + " " + std::to_string(error.line()) + ":" + std::to_string(error.column());
  }
}
