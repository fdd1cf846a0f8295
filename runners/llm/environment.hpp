#pragma once
// Environment variables and `.env`. Specs: models.md 1. Pure apart from the environment and the file: any thread.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

/// Reads one environment variable (or a line of `.env`); nullopt when it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view)>;

/// The process environment, then the nearest `.env` from `directory` upwards (KEY=VALUE, export, quotes, #; never
/// expanded, never overriding). One above `directory` that can't be read is passed over. Throws Error "file" naming
/// file and line: the one in `directory` can't be read, a bad line, more than 1 MiB.
EnvironmentLookup process_environment(const std::string& directory);
/// The lines of a `.env` text. Throws Error "file" with place "PLACE:LINE".
std::map<std::string, std::string, std::less<>> parse_env_text(std::string_view text, const std::string& place);

/// [A-Za-z_][A-Za-z0-9_]*.
bool is_variable_name(std::string_view text);

}  // namespace assay
