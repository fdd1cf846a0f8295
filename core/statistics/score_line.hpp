#pragma once
// How a share stands in a line, beside what it leaves out. Specs: statistics.md 11, point 10. Pure functions: any
// thread.

#include <cstdint>
#include <string>

#include "core/statistics/figure.hpp"
#include "core/statistics/proportion.hpp"

namespace assay {

/// "81.7 % [79.9, 83.4]  n 1,946/2,000  bounds 79.5-82.2": a share of `figure.n` of `total`, and what the others could
/// make of it. Nothing missing: "n 2,000"; bounds that are one figure are not shown. What is not defined is "-" and
/// why; no interval: the share and why there is none.
std::string score_line(const Figure& figure, std::uint64_t total, const Bounds& limits);

/// In its place where nothing is scored: "no run is scored yet: 3 failed, 12 not run"; what is 0 is left out.
std::string no_score_line(std::uint64_t failed, std::uint64_t not_run, std::uint64_t unscored);

}  // namespace assay
