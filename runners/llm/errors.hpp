#pragma once
// What can go wrong with a call, as one closed list of kinds, and how a reply's body tells which it was. Structured
// fields decide; text is read only where the vendor gives nothing else, and is then marked. Specs: models.md 2.12, 3.1.
// Pure functions: any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "core/text/json.hpp"

namespace assay {

enum class ErrorKind : std::uint8_t {
  rate_limit,
  quota,
  overloaded,
  server,
  network,
  timeout,
  bad_response,
  empty,
  auth,
  permission,
  not_found,
  context_length,
  too_large,
  content_filter,
  bad_request,
  secret,
  unpriced,
  budget,
  cancelled,
  held,
  replay_missing,
  no_key,
  local
};
std::string_view to_text(ErrorKind kind);
std::optional<ErrorKind> error_kind_from_text(std::string_view text);

/// Why a call has no answer. An expected outcome: a value, never thrown.
struct CallError {
  ErrorKind kind = ErrorKind::local;
  std::string sub;         ///< "rpm", "cut", "first_byte", ..; may be empty
  std::string code;        ///< the provider's own word, "" when it gave none
  std::string param;       ///< the parameter it names, "" when none
  std::string message;     ///< one line for people, redacted, at most 2,000 characters
  bool by_text = false;    ///< the kind or sub was read from prose
  bool ambiguous = false;  ///< the request may have been executed and billed
  int http_status = 0;
  std::string held;  ///< what a person has to put right before its target takes calls again; "" nothing
  std::optional<std::chrono::steady_clock::time_point> held_until;  ///< or it is only to be waited for, so long
  std::string partial_text;                                         ///< what a cut stream had said; never an answer

  /// "rate_limit/rpm".
  std::string name() const;
};
CallError make_error(ErrorKind kind, std::string sub, std::string message);
/// bad_request, found before anything was sent.
tl::unexpected<CallError> refused(std::string message);

/// The error of a reply whose status is not 2xx, or of a 2xx that carries an error object. `provider`: its type or
/// preset name ("openai", "cohere", ..). `document`: the parsed body, null when it is no JSON.
CallError classify_error(std::string_view provider, int http_status, const Json& document);

/// The object that describes the error (`error`, `errors[0]`, the first of an array, the top level), null when none.
const Json* find_error_object(const Json& document);

}  // namespace assay
