#include "runners/prompt/md5.hpp"

#include <openssl/evp.h>

#include <array>

#include "core/text/error.hpp"

namespace assay {

std::string md5_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr) != 1)
    throw Error("internal", "libcrypto gives no MD5", {}, "it may be forbidden on this machine (FIPS)");
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4U];
    hex += "0123456789abcdef"[digest[i] & 15U];
  }
  return hex;
}

}  // namespace assay
