#pragma once
// JSON values of assay. Objects keep the order of their keys: what a person wrote is shown as it was written.
//
// Everything that comes from outside goes through parse_json, which bounds depth and size before a value exists
// (nlohmann's own dump overflows the stack at depth 100,000 and throws on invalid UTF-8); everything that goes out
// goes through dump_json. Pure functions: any thread. Files, element by element: json_values.hpp.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
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
/// The message begins with "line L, column C (byte B): ", all counted from 1, columns and bytes in bytes.
Json parse_json(std::string_view text, std::string_view place, const JsonLimits& limits = {});

/// What a reader may let pass that parse_json refuses, each only where a setting says so.
struct JsonOptions {
  JsonLimits limits;
  bool numbers_as_text = false;       ///< numbers=text: integers beyond 64 bits and 1e999 become strings
  bool replace_invalid_utf8 = false;  ///< invalid_utf8=replace: U+FFFD
  bool allow_repeated_keys = false;   ///< the last value counts, at the place of the first
};

/// Where a text begins in its file, for messages: 1-based line and column, 0-based byte.
struct JsonOrigin {
  std::uint64_t line = 1;
  std::uint64_t column = 1;
  std::uint64_t byte = 0;
};

/// What was let pass or changed, for a warning. Counts add up over calls.
struct JsonNotes {
  std::size_t lone_surrogates = 0;
  std::size_t numbers_as_text = 0;
  std::size_t repeated_keys = 0;
  bool utf8_repaired = false;
};

/// parse_json with choices. `notes` may be null. With an `origin`, messages carry its line and byte, as
/// "FILE:LINE: column C (byte B): ..".
Json parse_json(std::string_view text, std::string_view place, const JsonOptions& options, JsonNotes* notes,
                const JsonOrigin* origin = nullptr);

/// A provider's reply, as well as it can be read: invalid UTF-8 and unpaired surrogates become U+FFFD (`*utf8_repaired`
/// is set to whether that happened), of repeated keys the last counts, integers beyond 64 bits become doubles. Limits
/// are checked before anything is built. Never throws on account of the bytes: nullopt, and `*why` says why in one
/// line. Both pointers may be null.
std::optional<Json> parse_json_lenient(std::string_view bytes, const JsonLimits& limits = {},
                                       bool* utf8_repaired = nullptr, std::string* why = nullptr);

/// The text of a value on one line (indent < 0) or indented. Never throws: invalid UTF-8 becomes U+FFFD, NaN and
/// infinities become null. Doubles in the shortest form that reads back. Iterative: any depth.
std::string dump_json(const Json& value, int indent = -1);

/// Appends `text` as a JSON string with its quotes, as dump_json writes it.
void append_json_string(std::string& out, std::string_view text);

/// Appends a double as dump_json writes it: shortest digits, always with a point or an exponent; NaN, inf: null.
void append_json_number(std::string& out, double value);

}  // namespace assay
