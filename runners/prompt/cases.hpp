#pragma once
// `prompt test`: runs a file of cases (specs/prompts.md section 8). One thread.

#include <ostream>
#include <string>

#include "core/text/json.hpp"

namespace assay {

/// `cases`: {"context": {..}} or {"contexts": {ID: {..}}}, "cases": [{template | file | yaml, context, options,
/// expected | sha256 | error, line, column}]. Files are read under `root`. Returns {"n", "passed", "failed":
/// [{"id", "got", "want"}]}; `out`, when not null, gets every actual outcome as one JSON line a case.
/// Throws Error "usage" when `cases` is not such a document.
Json run_prompt_cases(const Json& cases, const std::string& root, std::ostream* out);

}  // namespace assay
