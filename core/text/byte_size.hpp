#pragma once
// Sizes as people write them. Pure: any thread.

#include <cstdint>
#include <string>

namespace assay {

/// "64MiB", "4096", "1GiB". Throws Error "usage".
std::uint64_t parse_bytes(const std::string& text);

}  // namespace assay
