#pragma once
// Values of models.yaml as they are written, read into types. Every function throws FieldFault, which the reader of the
// file turns into an Error with file, line and key. Pure functions: any thread.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/json.hpp"

namespace assay {

/// `sub`: the key below the field ("limits" -> "rpm", "retry" -> "server.base"), "" the field itself. No message ever
/// shows a value that might be a key.
struct FieldFault {
  std::string sub, message, hint;
};

std::string text_value(const Json& value, const std::string& sub = {});
bool flag_value(const Json& value, const std::string& sub = {});
/// A whole number from `least` to 10^15.
std::int64_t count_value(const Json& value, std::int64_t least, const std::string& sub = {});
/// A number above 0.
double rate_value(const Json& value, const std::string& sub = {});
/// "500ms 10s 5m 1h"; 0 without a unit where `zero` is allowed.
std::chrono::milliseconds duration_value(const Json& value, bool zero, const std::string& sub = {});
std::string choice_value(const Json& value, const std::vector<std::string>& choices, const std::string& sub = {});
/// A list of texts; one text is a list of one.
std::vector<std::string> texts_value(const Json& value, const std::string& sub = {});
/// The pairs of a mapping. Throws on a key that is not `known` (none: all are), with the nearest one.
std::vector<std::pair<std::string, Json>> map_value(const Json& value, const std::vector<std::string>& known,
                                                    const std::string& sub = {});
/// Names of variables that hold keys. What is no such name is not quoted: it may be a key.
std::vector<std::string> variable_names(const Json& value, const std::string& sub = {});

/// "did you mean NEAREST?", else "known: ..".
std::string nearest_hint(const std::string& word, const std::vector<std::string>& known);

/// "10s", "500ms", "5m", "1h": the form in which duration_value gives the same back.
std::string duration_text(std::chrono::milliseconds duration);

}  // namespace assay
