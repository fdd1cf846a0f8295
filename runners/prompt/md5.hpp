#pragma once
// MD5 (RFC 1321, libcrypto): names that other programs make with it, nothing that must be safe. Any thread.

#include <string>
#include <string_view>

namespace assay {

/// 32 hexadecimal digits in lower case.
std::string md5_hex(std::string_view bytes);

}  // namespace assay
