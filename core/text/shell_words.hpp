#pragma once
// A command line as words, as a shell splits it, without expansion of any kind. Pure functions: any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct ShellWord {
  std::string text;       ///< quotes and backslashes taken away
  std::size_t begin = 0;  ///< byte offsets in the line, quotes included
  std::size_t end = 0;
  bool quoted = false;  ///< some part was quoted or escaped: never an operator, a number or an option by accident
};

/// Words are separated by spaces, tabs and newlines. '..' is literal; in ".." a backslash escapes " \ $ ` and newline;
/// elsewhere it escapes any character. Throws Error "usage" with the offset of a quote that is not closed (place
/// "column N", from 1), or of a backslash at the end.
std::vector<ShellWord> split_shell_words(std::string_view line);

/// The word so that split_shell_words gives it back as one: as it is when harmless, else in '..'.
std::string quote_shell_word(std::string_view word);

}  // namespace assay
