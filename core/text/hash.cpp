#include "core/text/hash.hpp"

#include <xxhash.h>
#include <zstd.h>

#include <mutex>
#include <new>
#include <vector>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// zstd's contexts are 100 KB and more each: borrowed for one call, so that there are as many as calls at the same
/// time, not as many as threads (10,000 of them keep runs in flight).
template <typename Context, Context* (*create)(), std::size_t (*destroy)(Context*)>
class Contexts {
 public:
  class Loan {
   public:
    explicit Loan(Contexts& owner) : owner_(owner), context_(owner.take()) {}
    ~Loan() { owner_.give_back(context_); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Context* get() const { return context_; }

   private:
    Contexts& owner_;
    Context* context_;
  };
  ~Contexts() {
    for (Context* context : free_) destroy(context);
  }

 private:
  static constexpr std::size_t kKept = 8;
  Context* take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        Context* context = free_.back();
        free_.pop_back();
        return context;
      }
    }
    Context* context = create();
    if (context == nullptr) throw std::bad_alloc();
    return context;
  }
  void give_back(Context* context) {
    {
      const std::lock_guard lock(mutex_);
      if (free_.size() < kKept) {
        free_.push_back(context);
        return;
      }
    }
    destroy(context);
  }
  std::mutex mutex_;
  std::vector<Context*> free_;
};
using Compressors = Contexts<ZSTD_CCtx, ZSTD_createCCtx, ZSTD_freeCCtx>;
using Decompressors = Contexts<ZSTD_DCtx, ZSTD_createDCtx, ZSTD_freeDCtx>;

Compressors& compressors() {
  static Compressors* all = new Compressors;  // for ever: a worker left behind may still use it at the end
  return *all;
}
Decompressors& decompressors() {
  static Decompressors* all = new Decompressors;
  return *all;
}

}  // namespace

std::uint64_t xxh3_64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::uint64_t xxh3_64(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 xxh3_128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

std::string to_hex(std::uint64_t hash) {
  std::string out(16, '0');
  for (std::size_t i = 0; i < 16; ++i) out[15 - i] = kHex[(hash >> (4 * i)) & 15];
  return out;
}

std::string to_hex(const Hash128& hash) { return to_hex(hash.high) + to_hex(hash.low); }

std::string to_bytes(const Hash128& hash) {
  std::string out(16, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    out[7 - i] = static_cast<char>((hash.high >> (8 * i)) & 0xFF);
    out[15 - i] = static_cast<char>((hash.low >> (8 * i)) & 0xFF);
  }
  return out;
}

std::optional<Hash128> hash128_from_bytes(std::string_view bytes) {
  if (bytes.size() != 16) return std::nullopt;
  Hash128 hash;
  for (std::size_t i = 0; i < 8; ++i) {
    hash.high = (hash.high << 8) | static_cast<unsigned char>(bytes[i]);
    hash.low = (hash.low << 8) | static_cast<unsigned char>(bytes[8 + i]);
  }
  return hash;
}

std::optional<Hash128> hash128_from_hex(std::string_view hex) {
  if (hex.size() != 32) return std::nullopt;
  Hash128 hash;
  for (std::size_t i = 0; i < 32; ++i) {
    const int digit = hex_digit(hex[i]);
    if (digit < 0) return std::nullopt;
    std::uint64_t& half = i < 16 ? hash.high : hash.low;
    half = (half << 4) | static_cast<std::uint64_t>(digit);
  }
  return hash;
}

std::string zstd_compress(std::string_view bytes, int level) {
  const Compressors::Loan context(compressors());
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compressCCtx(context.get(), out.data(), out.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(size) != 0) throw Error("internal", std::string("zstd: ") + ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

std::string zstd_decompress(std::string_view packed, std::size_t max_bytes) {
  const Decompressors::Loan context(decompressors());
  const auto damaged = [](const char* what) { return Error("file", std::string("damaged zstd data: ") + what); };
  const unsigned long long plain = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (plain == ZSTD_CONTENTSIZE_ERROR) throw damaged("no frame");
  if (plain == ZSTD_CONTENTSIZE_UNKNOWN) throw damaged("a frame without its size");
  if (plain > max_bytes) {
    throw Error("file", "unpacks to " + std::to_string(plain) + " bytes, more than " + std::to_string(max_bytes));
  }
  std::string out(static_cast<std::size_t>(plain), '\0');
  const std::size_t size = ZSTD_decompressDCtx(context.get(), out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0) throw damaged(ZSTD_getErrorName(size));
  if (size != out.size()) throw damaged("another size than it says");
  return out;
}

std::string base64_encode(std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = (group << 8) | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) out += i <= count ? digits[(group >> (18 - 6 * i)) & 63] : '=';
  }
  return out;
}

}  // namespace assay
