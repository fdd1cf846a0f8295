#pragma once
// Long lines for a terminal. Pure; any thread.

#include <cstddef>
#include <string_view>

#include "repl/command.hpp"

namespace assay {

/// Lines broken at blanks, so that a terminal of `width` columns doesn't break them within a word; 0: one line.
void wrapped(std::string_view text, std::string_view indent, std::size_t width, Reply& reply,
             TextRole role = TextRole::plain);

}  // namespace assay
