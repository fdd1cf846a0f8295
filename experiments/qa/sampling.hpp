#pragma once
// Which questions: draws that come out again everywhere. Specs: qa.md 3. Pure functions: any thread.

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

/// Positions in `categories` (one entry per item, in file order) that `sample` draws: "all", "uniform:N",
/// "stratified:N", "per_category:N", "mad:N". Throws Error "usage" for another text, and when N is larger than the
/// source (mad apart).
std::vector<std::size_t> draw_sample(const std::string& sample, std::int64_t seed,
                                     const std::vector<std::string>& categories);

}  // namespace assay
