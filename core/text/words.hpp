#pragma once
// Small things done to short texts. ASCII only; for people's languages see utf8.hpp. Pure: any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// Without `blanks` at both ends; a view into `text`.
std::string_view trim(std::string_view text, std::string_view blanks = " \t\n\r\f\v");
/// A to Z as a to z, all other bytes as they are.
std::string ascii_lower(std::string_view text);
std::string joined(const std::vector<std::string>& words, std::string_view between = " ");
/// "1 file", "1,200 files".
std::string counted(std::uint64_t n, const char* one, const char* many);

/// Percent-encoded bytes (RFC 3986); letters, digits, - . _ ~ and those of `kept` stay. `digits`: of the hexadecimals.
std::string url_encoded(std::string_view text, std::string_view kept = "",
                        std::string_view digits = "0123456789ABCDEF");

}  // namespace assay
