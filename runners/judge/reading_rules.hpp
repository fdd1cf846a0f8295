#pragma once
// The parts of reading.cpp: what the strict rules and the compatibility parsers find in a text. Specs: judge.md 6.
// Pure functions: any thread.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runners/judge/reading.hpp"

namespace assay {

/// What a rule made of a text, and where in it the verdict begins (npos: nowhere in particular).
struct FoundVerdict {
  Reading reading;
  std::size_t at = std::string_view::npos;
};

/// judge.md 6.1 and 6.2 on a text that is trimmed and without thinking. Never empty, truncated, refused or error.
FoundVerdict read_strictly(const ReadingRules& rules, std::string_view text);

/// judge.md 6.3. nullopt: `parse` does not go with the mode. `alternatives`: of the reply's first token; null: none.
std::optional<FoundVerdict> read_as_tool(const ReadingRules& rules, std::string_view text,
                                         const std::vector<std::pair<std::string, double>>* alternatives);

/// The balanced {..} of a text that are JSON objects and stand in no other; strings and escapes respected.
struct FoundObject {
  Json value;
  std::size_t begin = 0, end = 0;
};
std::vector<FoundObject> json_objects(std::string_view text);
/// The criteria of an object, as a verdict: exact, lenient where a number was a text, partial where one is missing.
/// `bounded`: numbers off the scale are missing.
Reading read_criteria(const ReadingRules& rules, const Json& object, bool bounded);

/// A reading of a label, of a number, of two numbers. `status`: exact or lenient.
Reading label_reading(const VerdictLabel& label, ReadStatus status);
Reading number_reading(double number, ReadStatus status);
Reading pair_reading(double first, double second, double tie_delta, ReadStatus status);

/// The label that a judge wrote, by its texts only. `no_markup`: the text has lost its markup, which labels may have.
const VerdictLabel* written_label(const VerdictLabels& labels, std::string_view text, bool no_markup = false);

/// Lines between '\n', in order.
std::vector<std::string_view> lines_of(std::string_view text);
/// The text without * _ # and backticks (and without `more`).
std::string without_markup(std::string_view text, std::string_view more = "");

}  // namespace assay
