#include "core/statistics/effects.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/statistics/correlation.hpp"
#include "core/statistics/distributions.hpp"

namespace assay {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

struct Group {
  std::vector<double> values;
  std::size_t missing = 0;
  double mean = kUndefined, squares = 0;  // squares: of the deviations

  explicit Group(std::span<const double> given) {
    double sum = 0;
    for (const double value : given) {
      if (!std::isfinite(value)) {
        ++missing;
        continue;
      }
      values.push_back(value);
      sum += value;
    }
    if (values.empty()) return;
    mean = sum / n();
    if (constant()) {
      mean = values.front();
      return;
    }
    for (const double value : values) squares += (value - mean) * (value - mean);
  }
  double n() const { return static_cast<double>(values.size()); }
  bool constant() const {
    return std::all_of(values.begin(), values.end(), [&](double value) { return value == values.front(); });
  }
};

}  // namespace

Figure cohen_d(std::span<const double> differences) {
  const Group group(differences);
  Figure figure;
  figure.method = "Cohen's d, paired";
  figure.n = group.values.size();
  figure.missing = group.missing;
  if (figure.n < 2) {
    figure.why = figure.n == 0 ? Why::empty : Why::single;
  } else if (!(group.squares > 0)) {
    figure.why = Why::constant;
  } else {
    figure.value = group.mean / std::sqrt(group.squares / (group.n() - 1));
  }
  return figure;
}

GroupEffect cohen_d_groups(std::span<const double> a, std::span<const double> b) {
  const Group first(a), second(b);
  GroupEffect effect;
  Figure& figure = effect.d;
  figure.method = "Cohen's d";
  figure.n = first.values.size() + second.values.size();
  figure.missing = first.missing + second.missing;
  const double df = first.n() + second.n() - 2;
  if (first.values.empty() || second.values.empty()) {
    figure.why = Why::empty;
  } else if (df < 1) {
    figure.why = Why::too_few;
  } else if (!(first.squares + second.squares > 0)) {
    figure.why = Why::constant;
  } else {
    figure.value = (first.mean - second.mean) / std::sqrt((first.squares + second.squares) / df);
    effect.hedges_factor = 1 - 3 / (4 * df - 1);
    effect.hedges_g = effect.hedges_factor * figure.value;
  }
  return effect;
}

Figure auc(std::span<const double> positives, std::span<const double> negatives) {
  const Group above(positives), below(negatives);
  Figure figure;
  figure.method = "AUC";
  figure.n = above.values.size() + below.values.size();
  figure.missing = above.missing + below.missing;
  if (above.values.empty() || below.values.empty()) {
    figure.why = Why::empty;
    return figure;
  }
  std::vector<double> all = above.values;
  all.insert(all.end(), below.values.begin(), below.values.end());
  const auto ranks = mid_ranks(all);
  double sum = 0;
  for (std::size_t i = 0; i < above.values.size(); ++i) sum += ranks[i];
  figure.value = (sum - above.n() * (above.n() + 1) / 2) / (above.n() * below.n());
  return figure;
}

Figure tvd_mi_joint(std::span<const double> table, std::size_t columns) {
  require(columns >= 1 && table.size() % columns == 0, "tvd_mi_joint: whole rows");
  Figure figure;
  figure.method = "TVD-MI";
  double total = 0;
  for (const double entry : table) {
    require(entry >= 0 && std::isfinite(entry), "tvd_mi_joint: entries of 0 or more");
    total += entry;
  }
  figure.n = table.size();
  if (!(total > 0)) {
    figure.why = Why::empty;
    return figure;
  }
  const std::size_t rows = table.size() / columns;
  std::vector<double> by_row(rows, 0), by_column(columns, 0);
  for (std::size_t i = 0; i < table.size(); ++i) {
    by_row[i / columns] += table[i] / total;
    by_column[i % columns] += table[i] / total;
  }
  double distance = 0;
  for (std::size_t i = 0; i < table.size(); ++i)
    distance += std::fabs(table[i] / total - by_row[i / columns] * by_column[i % columns]);
  figure.value = distance / 2;
  return figure;
}

WelchDifference welch(std::span<const double> a, std::span<const double> b, double level) {
  require(level > 0 && level < 1, "welch: a level within (0, 1)");
  const Group first(a), second(b);
  WelchDifference result;
  result.n_a = first.values.size();
  result.n_b = second.values.size();
  result.missing_a = first.missing;
  result.missing_b = second.missing;
  Figure& figure = result.figure;
  figure.method = "Welch's t";
  figure.n = result.n_a + result.n_b;
  figure.missing = first.missing + second.missing;
  if (first.values.empty() || second.values.empty()) {
    figure.why = Why::empty;
    return result;
  }
  figure.value = first.mean - second.mean;
  if (result.n_a < 2 || result.n_b < 2) {
    figure.why = Why::single;
    return result;
  }
  const double var_a = first.squares / (first.n() - 1) / first.n(),
               var_b = second.squares / (second.n() - 1) / second.n();
  if (!(var_a + var_b > 0)) {
    figure.why = Why::constant;
    figure.low = figure.high = figure.value;
    result.standard_error = 0;
    return result;
  }
  result.standard_error = std::sqrt(var_a + var_b);
  result.df = (var_a + var_b) * (var_a + var_b) / (var_a * var_a / (first.n() - 1) + var_b * var_b / (second.n() - 1));
  const double half = student_t_quantile(0.5 + level / 2, result.df) * result.standard_error;
  figure.low = figure.value - half;
  figure.high = figure.value + half;
  result.p = student_t_p(figure.value / result.standard_error, result.df);
  return result;
}

WelchDifference tvd_mi_calls(std::span<const double> p, std::span<const double> q, bool independent, double level) {
  WelchDifference result = welch(p, q, level);
  if (independent) return result;
  result.figure.method = "difference of means";
  result.figure.low = result.figure.high = result.standard_error = result.df = result.p = kUndefined;
  if (result.figure.why == Why::single || result.figure.why == Why::constant) result.figure.why = Why::ok;
  return result;
}

}  // namespace assay
