#pragma once
// Template text to tokens: delimiters, white space control, raw blocks and comments as Jinja2 3.1 does them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runners/prompt/fault.hpp"

namespace assay::prompt {

enum class TokenKind : std::uint8_t {
  data,
  print_begin,
  print_end,
  block_begin,
  block_end,
  name,
  text,
  integer,
  real,
  op,
  error,
  end
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::size_t offset = 0;  ///< byte in the normalized source
  std::string text;        ///< data, name, value of a text, the digits of a number, the operator
};

struct LexerOptions {
  bool trim_blocks = false;
  bool lstrip_blocks = false;
  bool keep_trailing_newline = false;
};

/// Line ends as \n, and without the last one unless it is kept.
std::string normalize_source(std::string_view text, bool keep_trailing_newline);

struct TokenList {
  std::vector<Token> tokens;  ///< ends in an `end` token, whose offset is the delimiter of the tag that is still open
  std::vector<Fault> faults;  ///< what the `error` tokens stand for, in their order
};

/// Never throws for the text's sake: what cannot be read becomes an `error` token, raised when the parser gets there.
TokenList tokenize(std::string_view source, const LexerOptions& options);

}  // namespace assay::prompt
