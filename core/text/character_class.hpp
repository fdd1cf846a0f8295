#pragma once
// What kind of character a code point is, in the terms of Unicode as Python has them. Pure: any thread.

namespace assay {

bool is_letter(char32_t code_point);         ///< categories L*
bool is_number(char32_t code_point);         ///< categories N*
bool is_decimal_digit(char32_t code_point);  ///< category Nd
/// \w of Python's regular expressions: letters, numbers, "_".
bool is_word_character(char32_t code_point);
/// str.isspace: Unicode White_Space and U+001C..U+001F.
bool is_blank_character(char32_t code_point);
/// str.isprintable: none of the categories C*, Z*, but the space is.
bool is_printable_character(char32_t code_point);

}  // namespace assay
