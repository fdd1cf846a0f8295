#pragma once
// Parquet files as rows of JSON: what question sets are shipped in (specs qa.md 1.3; Arrow is not in Debian 12).
// Read: data pages v1 and v2; PLAIN and dictionary encodings; UNCOMPRESSED, SNAPPY, GZIP, ZSTD; booleans, integers,
// reals, texts; required and optional values, structs, one level of lists. Anything else is refused by name.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/text/json.hpp"

namespace assay {

/// Calls `each` per row, in order, with its number from 1. Nulls are JSON null, an empty list is [].
/// Throws Error "data": place `name`, what was found (column, page, encoding), and what to do. No damaged or hostile
/// file makes it read beyond `bytes`, or hold more than 4 x its size + 1 GiB at a time, rows included; a small file
/// may unpack to 64 MiB, then to 1,000 times its size.
void read_parquet(std::string_view bytes, const std::string& name,
                  const std::function<void(Json&&, std::uint64_t)>& each);

}  // namespace assay
