#include "core/store/payload.hpp"

#include <zstd.h>

#include <memory>

namespace assay {
namespace {
ZSTD_CCtx* packing_context() {
  thread_local const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  return context.get();
}
ZSTD_DCtx* unpacking_context() {
  thread_local const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  return context.get();
}
}  // namespace

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
  if (plain.size() >= kPackBytes) {
    thread_local std::string buffer;
    buffer.resize(ZSTD_compressBound(plain.size()));
    const std::size_t packed =
        ZSTD_compressCCtx(packing_context(), buffer.data(), buffer.size(), plain.data(), plain.size(), 1);
    if (!ZSTD_isError(packed) && packed + plain.size() / 16 < plain.size()) {
      out.codec = Codec::zstd;
      out.bytes.assign(buffer, 0, packed);
      if (buffer.capacity() > (1U << 20)) buffer = {};
      return out;
    }
    if (buffer.capacity() > (1U << 20)) buffer = {};
  }
  out.bytes = std::move(plain);
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
    plain.resize(size);
    const std::size_t got =
        ZSTD_decompressDCtx(unpacking_context(), plain.data(), plain.size(), packed.data(), packed.size());
    if (ZSTD_isError(got) || got != size) return std::nullopt;
  } else {
    return std::nullopt;
  }
  if (plain.size() != size || to_bytes(xxh3_128(plain)) != hash) return std::nullopt;
  return plain;
}

}  // namespace assay
