#pragma once
// JSON values of assay. Objects keep the order of their keys: what a person wrote is shown as it was written.
//
// Everything that comes from outside goes through parse_json, which bounds depth and size before a value exists
// (nlohmann's own dump overflows the stack at depth 100,000 and throws on invalid UTF-8); everything that goes out
// goes through dump_json. Pure functions: any thread.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace assay {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  std::size_t max_depth = 200;
  std::size_t max_bytes = 64U << 20;
  std::size_t max_values = 5'000'000;
};

/// Parses one JSON document. Throws Error (core/text/error.hpp) with line, byte and what was expected; with the limit
/// and its name when one is exceeded; on integers beyond 64 bits and numbers like 1e999, which a double would change;
/// on a repeated key. `place` names the source in the message (a file, "line 17 of x.jsonl").
/// A lone surrogate escape becomes U+FFFD; U+0000 is kept; invalid UTF-8 is refused with its byte.
Json parse_json(std::string_view text, std::string_view place, const JsonLimits& limits = {});

/// The text of a value on one line (indent < 0) or indented. Never throws: invalid UTF-8 becomes U+FFFD, NaN and
/// infinities become null. Doubles in the shortest form that reads back.
std::string dump_json(const Json& value, int indent = -1);

}  // namespace assay
