#pragma once
// SHA-256 (FIPS 180-4, libcrypto), for cases that give only the digest of what is expected. Any thread.

#include <string>
#include <string_view>

namespace assay {

/// 64 hexadecimal digits in lower case.
std::string sha256_hex(std::string_view bytes);

}  // namespace assay
