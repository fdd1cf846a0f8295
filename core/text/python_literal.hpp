#pragma once
// Python's ast.literal_eval of what stands in lists: strings, numbers, True, False, None, lists of them. Pure: any
// thread.

#include <optional>
#include <string_view>

#include "core/text/json.hpp"

namespace assay {

/// The literal that `text` begins with (blanks before it are passed over) is taken off it. nullopt: it begins with
/// none; `text` is then cut anywhere.
std::optional<Json> take_python_literal(std::string_view& text);
/// The whole text is one literal.
std::optional<Json> read_python_literal(std::string_view text);

}  // namespace assay
