#pragma once
// What the exporter of SynDisco g2 and g3 made of a prompt: the matches of `(\w+):\s*(".*?"|\[.*?\]|[\w\s]+)(?=,|$)`
// with Python's Unicode \w and \s in the text between "Your traits: " and " Your instructions:". RE2 has no lookahead:
// written by hand. Specs: discussion.md 10, "comments:legacy". Pure: any thread.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

/// Key and value in the order of their first appearance; of equal keys the last value. Values are trimmed, quoted ones
/// without their quotes, lists printed again as Python prints them.
std::vector<std::pair<std::string, std::string>> legacy_traits(std::string_view prompt);

}  // namespace assay
