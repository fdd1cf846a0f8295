#pragma once
// "did you mean": the known word nearest to a mistyped one. Pure functions: any thread.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace assay {

/// Optimal string alignment distance (insert, delete, replace, swap of neighbours), in bytes, ignoring ASCII case.
std::size_t edit_distance(std::string_view left, std::string_view right);

/// The nearest candidate, the first of equals; nullopt when none is within a third of the word's length (at least 1,
/// at most 3) and none begins with the word (3 letters and more).
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace assay
