#pragma once
// What yaml-cpp 0.7 lets pass or reads differently from PyYAML, found by looking at the text where an event stands.

#include <cstddef>
#include <string>
#include <string_view>

namespace assay {

/// Empty, or what is wrong with the document as a whole: characters that YAML does not allow, unknown directives.
/// `offset` gets the byte.
std::string check_yaml_text(std::string_view text, std::size_t& offset);

/// Where a scalar stands. `at`: its first byte; for a block the `|` or `>`.
struct ScalarPlace {
  std::string_view text;
  std::size_t at = 0;
  bool plain = false;
  bool in_flow = false;
  long parent_column = -1;  ///< from 0, of the block collection around it
};

/// Empty, or what is wrong with a scalar: an open quote, a tab outside of quotes, a line that is not indented, a bad
/// block header.
std::string check_yaml_scalar(const ScalarPlace& place, std::string_view value);

/// The value of a folded block that keeps its last newlines (`>+`), of which yaml-cpp loses one.
void repair_kept_newlines(const ScalarPlace& place, std::string& value);

/// Whether a tab stands in the white space right before `at`, on its line.
bool tab_before(std::string_view text, std::size_t at);

}  // namespace assay
