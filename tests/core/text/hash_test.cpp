#include "core/text/hash.hpp"

#include <doctest/doctest.h>
#include <xxhash.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "core/text/embedded.hpp"
#include "core/text/error.hpp"

// Two symbols as assay_embed() makes them.
__asm__(
    ".pushsection .rodata\n.global assay_embedded_a_test_file\nassay_embedded_a_test_file:\n.ascii \"bytes\"\n"
    ".global assay_embedded_a_test_file_end\nassay_embedded_a_test_file_end:\n.byte 0\n.popsection\n");

namespace assay {
namespace {

TEST_CASE("an embedded file is the bytes between its symbols") {
  CHECK(ASSAY_EMBEDDED(a_test_file) == "bytes");
  const std::string_view again = ASSAY_EMBEDDED(a_test_file);
  CHECK(again.size() == 5);
}

TEST_CASE("hashes are the published ones, and in canonical form") {
  CHECK(to_hex(xxh3_64("")) == "2d06800538d394c2");
  CHECK(to_hex(xxh3_128("")) == "99aa06d3014798d86001c324468d497f");
  std::mt19937 random(1);
  for (const std::size_t size : {1U, 16U, 17U, 200U, 300U, 5000U}) {
    std::string text(size, ' ');
    for (char& c : text) c = static_cast<char>(random());
    const Hash128 hash = xxh3_128(text);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(text.data(), text.size()));
    CHECK(to_bytes(hash) == std::string(reinterpret_cast<const char*>(canonical.digest), 16));
    CHECK(hash128_from_bytes(to_bytes(hash)) == hash);
    CHECK(hash128_from_hex(to_hex(hash)) == hash);
  }
  CHECK_FALSE(hash128_from_hex("99"));
  CHECK_FALSE(hash128_from_hex("x9aa06d3014798d86001c324468d497f"));
  CHECK_FALSE(hash128_from_bytes("123"));
}

TEST_CASE("packing gives the bytes back, bounded, and damage is told") {
  std::string text;
  std::mt19937 random(3);
  for (int i = 0; i < 100'000; ++i) text += static_cast<char>('a' + random() % 8);
  for (const std::string& plain : {std::string(), std::string("x"), text}) {
    const std::string packed = zstd_compress(plain);
    CHECK(zstd_decompress(packed) == plain);
    CHECK(zstd_decompress(packed, plain.size()) == plain);
    if (!plain.empty()) CHECK_THROWS_AS(zstd_decompress(packed, plain.size() - 1), Error);
    for (std::size_t size = 0; size < packed.size(); size += 1 + packed.size() / 50) {
      CHECK_THROWS_AS(zstd_decompress(std::string_view(packed).substr(0, size)), Error);
    }
  }
  CHECK(zstd_compress(text, 19).size() <= zstd_compress(text, 1).size());
  std::thread([&] { CHECK(zstd_decompress(zstd_compress(text)) == text); }).join();
  std::string packed = zstd_compress(text);
  for (int i = 0; i < 2'000; ++i) {
    std::string bad = packed;
    bad[random() % 30] = static_cast<char>(random());
    try {
      zstd_decompress(bad, 1 << 20);
    } catch (const Error& error) {
      REQUIRE(error.kind() == "file");
    }
  }
}

TEST_CASE("base64 as in RFC 4648") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("f") == "Zg==");
  CHECK(base64_encode("fo") == "Zm8=");
  CHECK(base64_encode("foo") == "Zm9v");
  CHECK(base64_encode("foobar") == "Zm9vYmFy");
  CHECK(base64_encode("\xFB\xFF\xBF") == "+/+/");
}

}  // namespace
}  // namespace assay
