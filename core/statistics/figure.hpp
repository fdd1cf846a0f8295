#pragma once
// A figure with its interval, as every function of core/statistics gives it. Pure functions: any thread.
//
// Missing values are NaN in reals and never counted as 0: `n` values were used, `missing` were not there. What is not
// defined is NaN, and `why` says so; no function returns 0 or 1 for "don't know", none throws on data. Wrong use (spans
// of different length, k < 1) throws std::logic_error: callers check what a person typed.

#include <cstddef>
#include <limits>
#include <string_view>

namespace assay {

/// separated: a likelihood without a maximum; not_applicable: the figure has no meaning here.
enum class Why { ok, empty, single, constant, separated, too_few, not_applicable };
std::string_view to_text(Why why);

inline constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

struct Figure {
  double value = kUndefined, low = kUndefined, high = kUndefined;
  std::size_t n = 0, missing = 0;
  std::string_view method;
  Why why = Why::ok;
};

/// Two-sided 95 %: the 0.975 quantile of the normal distribution.
inline constexpr double kZ95 = 1.959963984540054;
/// The same for another level within (0, 1); throws std::logic_error outside of it.
double z_of(double level);

}  // namespace assay
