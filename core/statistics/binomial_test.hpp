#pragma once
// Whether a share could come from chance alone. Pure: any thread.

#include <cstdint>

namespace assay {

/// Two-sided exact p of k successes of n when each has probability `chance`: the sum over all outcomes that are no more
/// likely than k, with a slack of 1e-7 for ties (the method of small p-values, as R's binom.test). k <= n, 0 < chance <
/// 1, else throws std::logic_error. n = 0: 1.
double binomial_test(std::uint64_t k, std::uint64_t n, double chance);

}  // namespace assay
