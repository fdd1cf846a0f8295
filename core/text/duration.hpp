#pragma once
// Durations, counts, bytes and money as people write and read them. C locale always. Pure functions: any thread.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

/// "500ms", "10s", "5m", "1h", "2d", "1.5h", "1h30m", "1m 30s"; units us ms s m h d. Throws Error "usage" on anything
/// else: no unit, a negative, more than 100 years. Exact to the nanosecond, rounded half up.
std::chrono::nanoseconds parse_duration(std::string_view text);

/// The two largest units: "12 ms", "1.2 s", "1m 30s", "2h 05m", "3d 4h"; "0 ms". Negative with "-".
std::string format_duration(std::chrono::nanoseconds duration);

/// "12,345".
/// "14:03:11", local time of Unix microseconds.
std::string format_clock(std::int64_t unix_us);
std::string format_count(std::int64_t count);
/// "512 B", "4.1 MiB": powers of 1,024, one decimal under 100.
std::string format_bytes(std::uint64_t bytes);
/// Pico-dollars (10^-12): "$12.35" at a dollar and above, 4 significant digits under it ("$0.0123", "$0.00001235"),
/// "$0".
std::string format_usd(std::int64_t pico_usd);

}  // namespace assay
