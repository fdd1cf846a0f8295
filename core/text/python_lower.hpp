#pragma once
// Lower case as Python's str.lower has it, where results of Python programs are to be repeated. Pure: any thread.

#include <string>
#include <string_view>

namespace assay {

/// to_lower (utf8.hpp), but a sigma at the end of a word becomes the final one, and a dotted I keeps its dot (U+0307).
/// Ill-formed parts become U+FFFD.
std::string python_lower(std::string_view text);

}  // namespace assay
