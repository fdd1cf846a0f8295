#pragma once
// Agreement of raters on units, with missing values: Krippendorff's alpha, Fleiss' and Cohen's kappa, percent
// agreement, nDFU; bootstrap intervals over units or clusters of them. Formulas and sources: discussion.md 11.2. Pure
// functions: any thread. Undefined is NaN, and `why` says so (figure.hpp): constant is "no variation", too_few no unit
// that enough raters rated, empty no value at all.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/statistics/figure.hpp"
#include "core/statistics/resampling.hpp"

namespace assay {

/// units[u][r]: what rater r says of unit u; NaN: missing. Rows may differ in length (discussions with other raters):
/// rater r of one group is not rater r of another; a group has as many raters as its longest row. `groups[u]`: the
/// discussion of unit u, ascending from 0.
struct Ratings {
  std::vector<std::vector<double>> units;
  std::vector<std::uint32_t> groups;
};

/// Units of raters who all could rate all of them: one group.
Ratings one_group(std::vector<std::vector<double>> units);

enum class AlphaMetric { nominal, ordinal, interval, ratio };
/// From the coincidence matrix (Krippendorff 2004, chapter 11; 2011 for ratio). n: units with two values or more;
/// missing: the others.
Figure krippendorff_alpha(const Ratings& ratings, AlphaMetric metric);

/// Over the units that have the full number of raters of their group, two at least. n: those units; missing: the
/// others. Fleiss 1971.
Figure fleiss_kappa(const Ratings& ratings);

enum class KappaWeights { unweighted, linear, quadratic };
struct CohenFigure {
  Figure mean;  ///< over pairs of raters within a group; n: pairs that are defined
  std::size_t pairs = 0, undefined = 0;
};
/// Weights are |x-y| and (x-y)^2 of the values themselves. Cohen 1968.
CohenFigure cohen_kappa(const Ratings& ratings, KappaWeights weights);
/// Of two raters, on the units that both rated (n; missing: the others). empty: there is none; constant: no
/// disagreement is to be expected, which is never 1. Cohen 1960. Of one length.
Figure cohen_kappa(std::span<const double> a, std::span<const double> b, KappaWeights weights);

/// n: units with two values or more; missing: the others.
Figure percent_agreement(const Ratings& ratings);
/// Of all values; n: values, missing: those that are not there.
Figure mean_rating(const Ratings& ratings);

/// Polarisation of a histogram: from the first highest bin outwards, the largest rise to the next bin, over the peak;
/// not below 0 (Pavlopoulos and Likas 2024). empty: no bin has anything. Bins >= 0.
Figure ndfu(std::span<const double> histogram);
/// Polarisation of one unit's values (Pavlopoulos and Likas 2022). `fixed`: HI-LO+1 bins of equal width over lo .. hi,
/// which is one a value of an integer scale; values outside of it are left out. `legacy`: 5 bins over the values' own
/// range. NaN without a value.
double ndfu_fixed(const std::vector<double>& values, double lo, double hi);
double ndfu_legacy(const std::vector<double>& values);

struct Ndfu {
  Figure fixed, legacy;        ///< means over the units with a value
  std::size_t above_zero = 0;  ///< units whose `fixed` is not 0
};
Ndfu mean_ndfu(const Ratings& ratings, double lo, double hi);

struct Intervals {
  std::pair<double, double> nominal, ordinal, interval, fleiss, percent, ndfu_fixed, ndfu_legacy, mean;  ///< NaN: none
};
/// Percentile intervals: units are resampled when all are of one group, else groups. Stream
/// bootstrap_key(seed, key). Replicates in which a figure is not defined are left out of its interval; more than 5 % of
/// them: no interval.
Intervals agreement_intervals(const Ratings& ratings, const std::string& key, const BootstrapSettings& settings);

}  // namespace assay
