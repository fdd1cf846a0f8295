#pragma once
// Agreement of raters on units, with missing values: Krippendorff's alpha, Fleiss' and Cohen's kappa, percent
// agreement, nDFU; bootstrap intervals over units or clusters of them. Formulas and sources: discussion.md 11.2. Pure
// functions: any thread. Undefined is NaN, and `why` says so (figure.hpp).

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/statistics/figure.hpp"

namespace assay {

/// units[u][r]: what rater r says of unit u; NaN: missing. Rows may differ in length (discussions with other raters):
/// rater r of one group is not rater r of another. `groups[u]`: the discussion of unit u, ascending from 0.
struct Ratings {
  std::vector<std::vector<double>> units;
  std::vector<std::uint32_t> groups;
};

enum class AlphaMetric { nominal, ordinal, interval };
Figure krippendorff_alpha(const Ratings& ratings, AlphaMetric metric);

/// Over the units that have the full number of raters of their group. n: those units; missing: the others.
Figure fleiss_kappa(const Ratings& ratings);

enum class KappaWeights { unweighted, linear, quadratic };
struct CohenFigure {
  Figure mean;  ///< over pairs of raters within a group
  std::size_t pairs = 0, undefined = 0;
};
CohenFigure cohen_kappa(const Ratings& ratings, KappaWeights weights);

Figure percent_agreement(const Ratings& ratings);

/// Polarisation of one unit's values. `fixed`: bins of width 1 over lo .. hi; `legacy`: 5 bins over the values' own
/// range. NaN without a value.
double ndfu_fixed(const std::vector<double>& values, double lo, double hi);
double ndfu_legacy(const std::vector<double>& values);

struct Intervals {
  std::pair<double, double> nominal, ordinal, interval, fleiss, percent, ndfu_fixed, ndfu_legacy, mean;  ///< NaN: none
};
struct BootstrapSettings {
  std::uint64_t seed = 1;
  std::size_t replicates = 1000;
  double level = 0.95;
  double lo = 1, hi = 5;  ///< the scale, for nDFU
};
/// Percentile intervals: units are resampled when all are of one group, else groups. Stream
/// "{seed}//0/bootstrap/{key}".
Intervals agreement_intervals(const Ratings& ratings, const std::string& key, const BootstrapSettings& settings);

}  // namespace assay
