#include "core/store/payload.hpp"

#include "core/text/error.hpp"
#include "core/text/hash.hpp"

namespace assay {
Payload pack_payload(std::string plain) {
  Payload out;
  if (plain.empty()) return out;
  out.size = plain.size();
  if (plain.size() <= kInlineBytes) {
    out.kind = Cell::Kind::text;
    out.bytes = std::move(plain);
    return out;
  }
  out.kind = Cell::Kind::blob;
  out.hash = to_bytes(xxh3_128(plain));
  std::string packed = zstd_compress(plain, 1);
  if (packed.size() + plain.size() / 16 < plain.size()) {
    out.codec = Codec::zstd;
    out.bytes = std::move(packed);
  } else {
    out.bytes = std::move(plain);
  }
  return out;
}

std::optional<std::string> unpack_payload(Codec codec, std::size_t size, std::string_view packed,
                                          std::string_view hash) {
  std::string plain;
  if (size > kMaxPayload) return std::nullopt;
  if (codec == Codec::plain) {
    plain = packed;
  } else if (codec == Codec::zstd) {
    // Bounded by what the frame can hold at all (ratio), so that a damaged size can't ask for the whole memory.
    if (size > 1024 + packed.size() * 40'000) return std::nullopt;
    try {
      plain = zstd_decompress(packed, size);
    } catch (const Error&) {
      return std::nullopt;
    }
  } else {
    return std::nullopt;
  }
  if (plain.size() != size || to_bytes(xxh3_128(plain)) != hash) return std::nullopt;
  return plain;
}

}  // namespace assay
