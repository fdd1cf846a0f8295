#pragma once
// The tries of a model call as `why` and `calls` show them. Pure functions; any thread. Specs: models.md 3.7.

#include <string>
#include <vector>

#include "core/model/call.hpp"
#include "repl/command.hpp"

namespace assay {

/// A line for each try and, below it, what else is known of it. `indent`: of the lines.
void show_tries(const std::vector<TryRecord>& tries, const std::string& indent, Reply& reply);
/// {"n","sent_at","ended_at","http","kind","sub","message","wait_ms","ambiguous"} and the members of its details.
Json try_json(const TryRecord& one);
/// "setup", "3", "evaluate".
std::string step_text(std::uint32_t step);

}  // namespace assay
