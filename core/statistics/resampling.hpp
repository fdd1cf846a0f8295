#pragma once
// Bootstrap over items or over clusters of them. Specs: statistics.md 3. Pure functions: any thread; the statistic is
// called on the caller's.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/statistics/figure.hpp"
#include "core/statistics/named_stream.hpp"

namespace assay {

struct BootstrapSettings {
  std::uint64_t seed = 1;
  std::size_t replicates = 1000;
  double level = 0.95;
  double lo = 1, hi = 5;  ///< the scale, for nDFU
};
/// "{seed}//0/bootstrap/{name}": name is the table and row that a figure stands in.
std::string bootstrap_key(std::uint64_t seed, std::string_view name);

/// What lies at share q (0 .. 1) of the values, by linear interpolation at (n-1)q (Hyndman and Fan, type 7); what is
/// not finite is left out; NaN of nothing.
double quantile(std::vector<double> values, double q);

/// A figure of the values at these positions (each as often as it was drawn); NaN: not defined.
using Statistic = std::function<double(std::span<const std::size_t> positions)>;
/// Asked between replicates; true ends the drawing. May be empty.
using StopAsked = std::function<bool()>;

/// The statistic of `replicates` resamples. Fewer than two units, or stopped: none at all.
/// `n` items: each replicate draws n positions, one after the other, with stream.below(n).
std::vector<double> bootstrap(std::size_t n, const Statistic& statistic, NamedStream stream,
                              std::size_t replicates = 1000, const StopAsked& stop = {});
/// `clusters`: one id a value. Each replicate draws as many clusters as there are, in the order in which they first
/// appear; the statistic sees all the values of those drawn.
std::vector<double> bootstrap(std::span<const std::uint32_t> clusters, const Statistic& statistic, NamedStream stream,
                              std::size_t replicates = 1000, const StopAsked& stop = {});

/// The units that resamples draw: positions of each cluster's values, clusters in the order of their first value.
std::vector<std::vector<std::size_t>> cluster_positions(std::span<const std::uint32_t> clusters);

/// The statistic with each item, or each cluster, left out once.
std::vector<double> jackknife(std::size_t n, const Statistic& statistic);
std::vector<double> jackknife(std::span<const std::uint32_t> clusters, const Statistic& statistic);

struct Interval {
  double low = kUndefined, high = kUndefined;
  std::size_t undefined = 0;  ///< replicates left out
  std::string_view method;
  Why why = Why::ok;  ///< empty: no replicates; too_few: more than 5 % of them are not defined
};

/// Between the quantiles (1-level)/2 and (1+level)/2 of the replicates. `level` within (0, 1).
Interval percentile_interval(std::span<const double> replicates, double level = 0.95);

struct BcaInterval : Interval {
  double p0 = kUndefined, bias = kUndefined, acceleration = kUndefined;  ///< bias: z0 of the paper, acceleration: a
};
/// Bias-corrected and accelerated (Efron 1987, JASA 82). p0 of 0 or 1, or all values of the jackknife equal: the
/// percentile interval, and `method` says so. Of the mean of 30 log-normals it held 0.887 of 4,000 samples, the
/// percentile interval 0.876 (tests/core/statistics, ASSAY_SOAK).
BcaInterval bca_interval(std::span<const double> replicates, double estimate, std::span<const double> jackknife,
                         double level = 0.95);

/// Fewer clusters than this: a report says that there are few.
inline constexpr std::size_t kFewClusters = 20;

/// Percentile interval of a mean: the values are resampled; NaN without two of them. Stream bootstrap_key(seed, name).
std::pair<double, double> mean_interval(const std::vector<double>& values, const std::string& name,
                                        const BootstrapSettings& settings);

}  // namespace assay
