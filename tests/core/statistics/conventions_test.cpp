// What every function does with nothing, with one value, with equal ones and with missing ones: a stated result, and
// never a NaN that doesn't say why. Specs: statistics.md 1 and 11, point 2.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/statistics/accumulator.hpp"
#include "core/statistics/agreement.hpp"
#include "core/statistics/correlation.hpp"
#include "core/statistics/effects.hpp"
#include "core/statistics/paired.hpp"
#include "core/statistics/proportion.hpp"
#include "core/statistics/ranking.hpp"
#include "core/statistics/score_line.hpp"
#include "core/statistics/sequences.hpp"

using namespace assay;

namespace {

using Values = std::vector<double>;

struct Made {
  double value;
  Why why;
  std::size_t n, missing;
};

struct Function {
  const char* name;
  std::function<Made(const Values&)> of;
  Why none, one, equal, some;  // of no value (or missing ones only), of one, of three equal ones, of three with a hole
  bool constant_is_value = false;
};

Made made(const Figure& figure) { return {figure.value, figure.why, figure.n, figure.missing}; }
Made made(const Correlation& c) { return {c.value, c.why, c.n, c.missing}; }

/// Values against 1, 2, 3 ..
Values ladder(const Values& values) {
  Values steps;
  for (std::size_t i = 0; i < values.size(); ++i) steps.push_back(static_cast<double>(i + 1));
  return steps;
}
std::vector<std::uint32_t> alone(const Values& values) {
  std::vector<std::uint32_t> clusters;
  for (std::uint32_t i = 0; i < values.size(); ++i) clusters.push_back(i);
  return clusters;
}
Accumulator sums(const Values& values) {
  Accumulator sum;
  for (const double value : values) sum.add(value);
  return sum;
}
Ratings units(const Values& values) {
  std::vector<std::vector<double>> rows;
  for (const double value : values) rows.push_back({value, value});
  return one_group(std::move(rows));
}

const std::vector<Function>& functions() {
  static const std::vector<Function> table = {
      {"student_t", [](const Values& v) { return made(student_t(v)); }, Why::empty, Why::single, Why::constant, Why::ok,
       true},
      {"cluster_mean", [](const Values& v) { return made(cluster_mean(v, alone(v)).figure); }, Why::empty, Why::single,
       Why::constant, Why::ok, true},
      {"accumulator", [](const Values& v) { return made(sums(v).figure()); }, Why::empty, Why::single, Why::constant,
       Why::ok, true},
      {"proportion", [](const Values& v) { return made(proportion(v, {})); }, Why::empty, Why::ok, Why::ok, Why::ok,
       true},
      {"paired_interval", [](const Values& v) { return made(paired_interval(v)); }, Why::empty, Why::single,
       Why::constant, Why::ok, true},
      {"win_rate", [](const Values& v) { return made(win_rate(v).figure); }, Why::empty, Why::single, Why::constant,
       Why::ok, true},
      {"cohen_d", [](const Values& v) { return made(cohen_d(v)); }, Why::empty, Why::single, Why::constant, Why::ok},
      {"auc", [](const Values& v) { return made(auc(v, v)); }, Why::empty, Why::ok, Why::ok, Why::ok, true},
      {"tvd_mi_calls", [](const Values& v) { return made(tvd_mi_calls(v, v).figure); }, Why::empty, Why::single,
       Why::constant, Why::ok, true},
      {"pearson", [](const Values& v) { return made(pearson(v, ladder(v))); }, Why::empty, Why::too_few, Why::constant,
       Why::too_few},
      {"spearman", [](const Values& v) { return made(spearman(v, ladder(v))); }, Why::empty, Why::too_few,
       Why::constant, Why::too_few},
      {"kendall_b", [](const Values& v) { return made(kendall_b(v, ladder(v))); }, Why::empty, Why::too_few,
       Why::constant, Why::too_few},
      {"cohen_kappa", [](const Values& v) { return made(cohen_kappa(v, v, KappaWeights::linear)); }, Why::empty,
       Why::constant, Why::constant, Why::ok},
      {"krippendorff_alpha", [](const Values& v) { return made(krippendorff_alpha(units(v), AlphaMetric::ordinal)); },
       Why::empty, Why::constant, Why::constant, Why::ok},
      {"fleiss_kappa", [](const Values& v) { return made(fleiss_kappa(units(v))); }, Why::empty, Why::constant,
       Why::constant, Why::ok},
      {"percent_agreement", [](const Values& v) { return made(percent_agreement(units(v))); }, Why::empty, Why::ok,
       Why::ok, Why::ok, true},
      {"confidence_sequence_bounded", [](const Values& v) { return made(confidence_sequence_bounded(v)); }, Why::empty,
       Why::ok, Why::ok, Why::ok, true},
  };
  return table;
}

/// A NaN says why; a value that says why not is one whose interval alone is missing.
void check(const Made& got, Why want, const std::string& name) {
  CAPTURE(name);
  CHECK(to_text(got.why) == to_text(want));
  if (got.why == Why::ok) CHECK(std::isfinite(got.value));
  if (!std::isfinite(got.value)) CHECK(got.why != Why::ok);
}

}  // namespace

TEST_CASE("nothing, one, equal and missing values have a stated result in every function") {
  for (const Function& each : functions()) {
    const std::string name = each.name;
    check(each.of({}), each.none, name + " of nothing");
    check(each.of({kUndefined, kUndefined, INFINITY}), each.none, name + " of missing values");
    CHECK(each.of({kUndefined, kUndefined, INFINITY}).n == 0);
    check(each.of({1}), each.one, name + " of one");
    const Made equal = each.of({1, 1, 1});
    check(equal, each.equal, name + " of equal values");
    CHECK_MESSAGE(std::isfinite(equal.value) == each.constant_is_value, name);
    const Made some = each.of({1, kUndefined, 0});
    check(some, each.some, name + " with one missing");
    CHECK_MESSAGE(some.missing >= 1, name);
    // What is missing changes nothing but the count.
    if (std::isfinite(some.value)) CHECK_MESSAGE(some.value == each.of({1, 0}).value, name);
  }
}

TEST_CASE("the order of the values changes no figure") {
  for (const Function& each : functions()) {
    if (std::string(each.name) == "confidence_sequence_bounded") continue;  // order is what it is about
    if (std::string(each.name) == "pearson" || std::string(each.name) == "spearman" ||
        std::string(each.name) == "kendall_b")
      continue;  // against a ladder
    const Values values = {1, 0, kUndefined, 1, 0, 1, 1, 0, 1};
    Values turned(values.rbegin(), values.rend());
    const double a = each.of(values).value, b = each.of(turned).value;
    CHECK_MESSAGE(std::fabs(a - b) <= 1e-12, each.name);
  }
}

TEST_CASE("a score with missing runs is written with all that belongs to it") {
  const Figure figure = wilson(1590, 1946);
  CHECK(score_line(figure, 2000, bounds(1590, 1946, 54)) == "81.7 % [79.9, 83.4]  n 1,946/2,000  bounds 79.5-82.2");
  CHECK(score_line(wilson(2, 4), 4, bounds(2, 4, 0)) == "50.0 % [15.0, 85.0]  n 4");
  CHECK(score_line(wilson(0, 0), 12, bounds(0, 0, 12)) == "- (empty)  n 0/12  bounds 0.0-100.0");
  CHECK(score_line(wilson(0, 0), 0, bounds(0, 0, 0)) == "- (empty)  n 0");
  CHECK(no_score_line(1'000, 0, 2) == "no run is scored yet: 1,000 failed, 2 ended without a verdict");
  CHECK(no_score_line(0, 0, 0) == "no run is scored yet");
  CHECK(score_line(student_t(Values{0.25}), 1, {}) == "25.0 % (single)  n 1");
  for (const Function& each : functions()) {
    for (const Values& values : {Values{}, Values{kUndefined}, Values{1}, Values{1, 1}}) {
      const Made got = each.of(values);
      Figure shown;
      shown.value = got.value;
      shown.why = got.why;
      CHECK(score_line(shown, 3, {}).find("nan") == std::string::npos);
    }
  }
}

TEST_CASE("every reason has a name") {
  CHECK(to_text(Why::separated) == "separated");
  CHECK(to_text(Why::too_few) == "too_few");
  CHECK(to_text(Why::not_applicable) == "not_applicable");
}
