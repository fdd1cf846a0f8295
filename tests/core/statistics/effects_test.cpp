#include "core/statistics/effects.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "core/statistics/agreement.hpp"
#include "core/statistics/rouge.hpp"

using namespace assay;

namespace {
bool near(double a, double b, double tolerance = 1e-9) {
  return std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b));
}
using Values = std::vector<double>;
}  // namespace

TEST_CASE("Cohen's d: the values of the spec") {
  CHECK(near(cohen_d(Values{.3, -.1, .5, .2, 0, .4, -.2, .6}).value, 0.7327275050));
  const GroupEffect groups = cohen_d_groups(Values{5, 6, 7, 8}, Values{4, 5, 6, 6, 7});
  CHECK(near(groups.d.value, 0.7455751826));
  CHECK(near(groups.hedges_factor, 0.8888888889));
  CHECK(near(groups.hedges_g, 0.7455751826 * 0.8888888889));
  CHECK(cohen_d(Values{}).why == Why::empty);
  CHECK(cohen_d(Values{1}).why == Why::single);
  CHECK(cohen_d(Values{.1, .1, .1}).why == Why::constant);
  CHECK(cohen_d(Values{1, kUndefined, 2}).missing == 1);
  CHECK(cohen_d_groups(Values{1}, Values{}).d.why == Why::empty);
  CHECK(cohen_d_groups(Values{1}, Values{2}).d.why == Why::too_few);
  CHECK(cohen_d_groups(Values{1, 1}, Values{1, 1}).d.why == Why::constant);
}

TEST_CASE("AUC counts ties as half, and needs both sides") {
  CHECK(near(auc(Values{.9, .8, .5}, Values{.5, .4, .85}).value, 0.7222222222));
  CHECK(auc(Values{1, 2}, Values{0, 0, kUndefined}).value == 1);
  CHECK(auc(Values{1}, Values{1}).value == 0.5);
  CHECK(auc(Values{1}, Values{kUndefined}).why == Why::empty);
  CHECK(auc(Values{}, Values{1}).why == Why::empty);
}

TEST_CASE("TVD-MI of a table and of calls") {
  CHECK(near(tvd_mi_joint(Values{.35, .05, .2, .4}, 2).value, 0.26));
  CHECK(near(tvd_mi_joint(Values{30, 10, 10, 50}, 2).value, 0.28));
  CHECK(near(tvd_mi_joint(Values{1, 0, 0, 0, 1, 0, 0, 0, 1}, 3).value, 0.6666666667));
  CHECK(tvd_mi_joint(Values{0, 0}, 2).why == Why::empty);
  CHECK_THROWS_AS(tvd_mi_joint(Values{-1, 2}, 2), std::logic_error);
  CHECK_THROWS_AS(tvd_mi_joint(Values{1, 2, 3}, 2), std::logic_error);
  const WelchDifference calls = tvd_mi_calls(Values{1, 1, 0, kUndefined}, Values{0, 1});
  CHECK(near(calls.figure.value, 1.0 / 6));
  CHECK(calls.missing_a == 1);
  CHECK(calls.n_b == 2);
  CHECK(tvd_mi_calls(Values{1}, Values{kUndefined}).figure.why == Why::empty);
  CHECK(std::isnan(tvd_mi_calls(Values{1, 0, 1}, Values{0, 1, 1}, false).figure.low));
  CHECK(tvd_mi_calls(Values{1}, Values{0}, false).figure.why == Why::ok);
}

TEST_CASE("Welch's interval: unequal spreads, and what has none") {
  // Two groups of 10 and 5; figures by the formula, by hand.
  const Values a = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, b = {2, 2.5, 3, 3.5, 4};
  const WelchDifference difference = welch(a, b);
  const double var_a = 9.1666666666666667 / 10, var_b = 0.625 / 5;
  CHECK(near(difference.figure.value, 2.5));
  CHECK(near(difference.standard_error, std::sqrt(var_a + var_b)));
  CHECK(near(difference.df, (var_a + var_b) * (var_a + var_b) / (var_a * var_a / 9 + var_b * var_b / 4)));
  CHECK(difference.p < 0.05);
  CHECK(difference.figure.low > 0);
  CHECK(near(welch(b, a).figure.high, -difference.figure.low));
  CHECK(welch(Values{1}, Values{1, 2}).figure.why == Why::single);
  CHECK(welch(Values{2, 2}, Values{1, 1}).figure.why == Why::constant);
  CHECK(welch(Values{2, 2}, Values{1, 1}).figure.low == 1);
}

TEST_CASE("nDFU of a histogram") {
  struct Case {
    Values counts;
    double ndfu;
  };
  for (const Case& each : {Case{{6, 5, 0, 0, 0}, 0},
                           {{6, 0, 0, 0, 5}, 0.8333333333},
                           {{5, 0, 0, 0, 5}, 1},
                           {{1, 3, 5, 3, 1}, 0},
                           {{4, 1, 3, 0, 2}, 0.5},
                           {{2, 2, 2, 2, 2}, 0}}) {
    CHECK(near(ndfu(each.counts).value, each.ndfu));
  }
  CHECK(ndfu(Values{}).why == Why::empty);
  CHECK(ndfu(Values{0, 0}).why == Why::empty);
}

TEST_CASE("ROUGE-L of tokens") {
  const auto f1 = [](std::string_view a, std::string_view b) { return rouge_l(rouge_tokens(a), rouge_tokens(b)); };
  CHECK(near(f1("The quick brown fox jumps over the lazy dog", "The quick brown dog jumps on the log."), 0.5882352941));
  CHECK(near(f1("police killed the gunman", "police kill the gunman"), 0.75));
  CHECK(f1("don't stop", "Don t stop") == 1);
  CHECK(f1("", "") == 0);
  CHECK(f1("a", "b") == 0);
  CHECK(f1("a", "") == 0);
}
