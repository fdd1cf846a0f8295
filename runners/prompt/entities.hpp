#pragma once
// HTML character references, as html.unescape of Python resolves the numeric ones; of the names: amp lt gt quot apos
// nbsp.

#include <string>
#include <string_view>

namespace assay::prompt {

std::string resolve_entities(std::string_view text);

}  // namespace assay::prompt
