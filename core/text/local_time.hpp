#pragma once
// A moment in the words of the place where the program runs. Any thread.

#include <cstdint>
#include <string>

namespace assay {

/// `unix_us` (microseconds since 1970, UTC) as strftime writes it in local time; at most 64 bytes.
std::string local_time(std::int64_t unix_us, const char* format);

}  // namespace assay
