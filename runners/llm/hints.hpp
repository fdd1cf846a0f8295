#pragma once
// How long a reply asks us to wait, and what its headers tell of limits. Specs: models.md 3.3, 4.2.
// Pure functions: any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

struct WaitHint {
  double wait_ms = 0;  // never negative
  std::string source;  // retry-after-ms, retry-after, retry-after-date, retry-info, reset-header, text
  std::string raw;
};

/// The first source that can be read, in the order of models.md 3.3. `headers`: names in lower case. `document`: the
/// parsed body or null. `now_s`: Unix seconds, used where the reply has no readable Date.
std::optional<WaitHint> find_wait_hint(const std::vector<Header>& headers, const Json& document, double now_s);

/// Value of the first header of that (lower-case) name.
std::optional<std::string_view> find_header(const std::vector<Header>& headers, std::string_view name);

/// "12ms 1s 6m0s 1m30.5s": Go's time.Duration text, in milliseconds; "0" is 0.
std::optional<double> parse_go_duration_ms(std::string_view text);
/// Unix seconds of an HTTP-date (any of the three forms of RFC 9110).
std::optional<double> parse_http_date(std::string_view text, double now_s);
/// Unix seconds of an RFC 3339 time.
std::optional<double> parse_rfc3339(std::string_view text);
/// Digits with at most one point, optional '+': no exponent, no sign, no words.
std::optional<double> parse_plain_decimal(std::string_view text);

struct LimitHeader {
  std::string dimension;  // requests, tokens, in, out
  double limit = 0, remaining = 0;
  std::optional<double> reset_ms;
  double window_s = 60, per_s = 0;
};
/// Limits a reply announces, one entry per dimension; -1, 0 and unreadable values are ignored.
std::vector<LimitHeader> read_limit_headers(std::string_view provider, const std::vector<Header>& headers,
                                            double now_s);

}  // namespace assay
