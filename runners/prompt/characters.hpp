#pragma once
// Text as Python's str sees it: code points, its classes of characters, its case mapping. Over UTF-8. Any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay::prompt {

/// The code point at `offset` < text.size(); `length` gets its bytes. Ill-formed parts count as U+FFFD.
char32_t decode_at(std::string_view text, std::size_t offset, std::size_t& length);
std::u32string decode(std::string_view text);
std::string encode(std::u32string_view text);

bool is_space(char32_t c);       ///< str.isspace, \s
bool is_word(char32_t c);        ///< \w: letters, numbers, underscore
bool is_letter(char32_t c);      ///< str.isalpha
bool is_digit(char32_t c);       ///< decimal digits
bool is_upper_case(char32_t c);  ///< Lu, Lt
bool is_lower_case(char32_t c);  ///< Ll
bool is_name_start(char32_t c);  ///< a letter or _
bool is_name_part(char32_t c);
bool is_printable(char32_t c);  ///< str.isprintable, for one code point

/// Code point by code point (utf8proc); upper() makes SS of ß.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// The first code point upper, the rest lower.
std::string capitalize(std::string_view text);

/// Without leading and/or trailing code points that are in `chars`, or white space when `chars` is null.
std::string_view strip(std::string_view text, const std::string_view* chars, bool left, bool right);

/// str.splitlines: also at \v \f \x1c-\x1e \x85 U+2028 U+2029.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends = false);
/// str.split(): runs of white space; at most `max_split` cuts when it is not negative.
std::vector<std::string_view> split_words(std::string_view text, long max_split = -1);

/// Bytes offset of code point `index` (<= number of code points).
std::size_t byte_offset(std::string_view text, std::size_t index);

}  // namespace assay::prompt
