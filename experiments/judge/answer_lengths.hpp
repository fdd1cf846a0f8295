#pragma once
// How long the two answers of an item are. Specs: judge.md 9, 10 (length). Pure: any thread.

#include <utility>

#include "experiments/judge/item.hpp"

namespace assay {

/// Code points: len_a and len_b where they are given, else counted over all turns; NaN: unknown.
std::pair<double, double> answer_lengths(const JudgeItem& item);

}  // namespace assay
