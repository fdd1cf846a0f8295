#pragma once
// Unpacking of Parquet's pages, and the runs of small numbers that levels and indices are written in. Pure functions.
// Sources: google/snappy, format_description.txt; apache/parquet-format, Encodings.md ("RLE / Bit-Packing hybrid").

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace assay {

/// The bytes of a page, `plain_bytes` of them exactly. codec: CompressionCodec. Throws ParquetFault.
std::string unpack_parquet(std::int64_t codec, std::string_view packed, std::size_t plain_bytes);
/// Whether a codec leaves the bytes as they are.
inline bool is_unpacked(std::int64_t codec) { return codec == 0; }

/// `count` numbers of `width` bits (0 to 32), passed on in order as (value, how often). Throws ParquetFault when there
/// are fewer. Returns the bytes used.
std::size_t read_hybrid(std::string_view bytes, unsigned width, std::size_t count,
                        const std::function<void(std::uint32_t, std::size_t)>& each);

}  // namespace assay
