#pragma once
// Fast hashes (XXH3, not for secrets) and packing of stored payloads. Any thread; packing keeps its contexts per
// thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

std::uint64_t xxh3_64(std::string_view bytes);
std::uint64_t xxh3_64(std::string_view bytes, std::uint64_t seed);

struct Hash128 {
  std::uint64_t high = 0, low = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};
Hash128 xxh3_128(std::string_view bytes);
/// 32 digits, big-endian: the canonical form (XXH128_canonicalFromHash), as xxhsum prints.
std::string to_hex(const Hash128& hash);
std::string to_hex(std::uint64_t hash);  ///< 16 digits
/// The 16 canonical bytes, and back from exactly 16 bytes.
std::string to_bytes(const Hash128& hash);
std::optional<Hash128> hash128_from_bytes(std::string_view bytes);
std::optional<Hash128> hash128_from_hex(std::string_view hex);

/// One zstd frame with its content size. `level` 1-19.
std::string zstd_compress(std::string_view bytes, int level = 3);
/// Throws Error "file" when damaged or when more than `max_bytes` would come out (checked before they do).
std::string zstd_decompress(std::string_view packed, std::size_t max_bytes = std::size_t{64} << 20);

std::string base64_encode(std::string_view bytes);

}  // namespace assay
