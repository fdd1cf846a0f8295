#pragma once
// A payload on its way into the file and out of it. Packed on the thread that submits it, so that the writer thread
// only binds it. Internal to core/store. Any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/store/row.hpp"

namespace assay {

// Payloads up to here stand in the row itself, longer ones in `blob`. A short one is seldom equal to another, and a row
// of `blob` with its index of random keys costs twice what the bytes do.
inline constexpr std::size_t kInlineBytes = 768;
inline constexpr std::size_t kMaxPayload = 256U << 20;

enum class Codec : std::int64_t { plain = 0, zstd = 1 };

struct Payload {
  Cell::Kind kind = Cell::Kind::null;
  std::string hash;  // 16 bytes when kind is blob
  Codec codec = Codec::plain;
  std::size_t size = 0;  // of the plain bytes
  std::string bytes;     // inline text, or packed bytes
  Cell cell() const { return {kind, kind == Cell::Kind::blob ? std::string_view(hash) : std::string_view(bytes)}; }
};

/// "" becomes null.
Payload pack_payload(std::string plain);
/// The plain bytes; nothing when they do not match size and hash.
std::optional<std::string> unpack_payload(Codec codec, std::size_t size, std::string_view packed,
                                          std::string_view hash);

}  // namespace assay
