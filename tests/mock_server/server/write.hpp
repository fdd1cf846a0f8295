#pragma once
// Small writers of JSON text and header values. Texts are JSON-escaped already unless said otherwise. Pure but for the
// wall clock's dates; any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay::mock {

void append_number(std::string& out, std::uint64_t value);
/// The shortest decimal text of a double: 2.5, 3.
std::string number_text(double value);
/// `text` between quotes.
void quote(std::string& out, std::string_view text);
/// `text` between quotes, "" as null.
void quote_or_null(std::string& out, std::string_view text);

/// strftime in UTC.
std::string date_text(const char* format, std::int64_t unix_s);
/// The same moment, so many seconds from now, as RFC 3339: 2026-01-01T00:00:01Z.
std::string rfc3339_in(double seconds);
/// Unix seconds, so many from now, rounded up.
std::string unix_in(double seconds);
/// As Go writes durations: 12ms 1s 6m0s 1m30.5s.
std::string go_duration(double seconds);

/// Cuts escaped text into pieces of `chunk_bytes` (0: words with the blank before the next), never inside an escape or
/// a UTF-8 sequence.
std::vector<std::string_view> cut_text(std::string_view text, std::uint64_t chunk_bytes);

/// "name: value" and a line end.
void put_header(std::string& out, std::string_view name, std::string_view value);

/// A made-up but fixed log-probability of this piece of text at this place: -0.0001 to -4.
double logprob_of(std::string_view token, std::uint64_t position);
/// The number of a made-up token.
std::uint64_t token_id_of(std::string_view token);

}  // namespace assay::mock
