#pragma once
// How much memory this process holds. Any thread.

#include <cstdint>

namespace assay {

/// Resident bytes, as the kernel counts them; 0 where /proc can't be read.
std::uint64_t resident_bytes();

}  // namespace assay
