#include "core/statistics/agreement.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <random>

#include "core/statistics/named_stream.hpp"
#include "core/text/json.hpp"
#include "core/text/pattern.hpp"
#include "core/text/words.hpp"

using namespace assay;

namespace {

constexpr double kMissing = kUndefined;

bool near(double a, double b, double tolerance = 1e-9) { return std::fabs(a - b) <= tolerance; }

void append(Ratings& all, const Ratings& more) {
  const auto group = all.groups.empty() ? 0 : all.groups.back() + 1;
  for (const auto& row : more.units) {
    all.units.push_back(row);
    all.groups.push_back(group);
  }
}

/// As the definition has it: the whole matrix, and every difference summed anew.
double alpha_by_definition(const Ratings& ratings, AlphaMetric metric) {
  std::map<double, double> margin;
  std::map<std::pair<double, double>, double> matrix;
  for (const auto& row : ratings.units) {
    std::vector<double> there;
    for (const double value : row) {
      if (!std::isnan(value)) there.push_back(value);
    }
    if (there.size() < 2) continue;
    for (std::size_t i = 0; i < there.size(); ++i) {
      for (std::size_t j = 0; j < there.size(); ++j) {
        if (i == j) continue;
        const double share = 1 / static_cast<double>(there.size() - 1);
        matrix[{there[i], there[j]}] += share;
        margin[there[i]] += share;
      }
    }
  }
  double n = 0;
  for (const auto& [value, count] : margin) n += count;
  const auto distance = [&](double c, double k) {
    if (metric == AlphaMetric::nominal) return c == k ? 0.0 : 1.0;
    if (metric == AlphaMetric::interval) return (c - k) * (c - k);
    double between = -(margin[c] + margin[k]) / 2;
    for (const auto& [value, count] : margin) {
      if (value >= std::min(c, k) && value <= std::max(c, k)) between += count;
    }
    return c == k ? 0.0 : between * between;
  };
  double apart = 0, expected = 0;
  for (const auto& [pair, count] : matrix) apart += count * distance(pair.first, pair.second);
  for (const auto& [c, a] : margin) {
    for (const auto& [k, b] : margin) expected += a * b * distance(c, k);
  }
  return 1 - (n - 1) * apart / expected;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::filesystem::path> shared() {
  const std::filesystem::path folder = std::string(ASSAY_SHARED_DATA) + "/discussion";
  if (std::filesystem::exists(folder)) return folder;
  std::cout << "skipped: no discussion data\n";
  return std::nullopt;
}

/// The last value of a key in a reply, as published replies have it.
double rating(const std::string& reply, const std::string& key) {
  const std::string text = ascii_lower(reply);
  const auto found = Pattern("\\b" + key + "=([0-9]+)").find_all(text);
  return found.empty() ? kMissing : std::stod(std::string(*found.back().groups[1]));
}

Ratings read_ratings(const std::filesystem::path& folder, const Json& files, const std::string& key) {
  Ratings ratings;
  for (const Json& name : files) {
    const Json file = parse_json(read_text(folder / name.get<std::string>()), "annotation");
    const Json& logs = file["logs"];
    ratings.units.resize(logs.size());
    for (std::size_t u = 0; u < logs.size(); ++u) ratings.units[u].push_back(rating(logs[u][1], key));
  }
  ratings.groups.assign(ratings.units.size(), 0);
  return ratings;
}

struct Golden {
  std::string name;  // of the discussion's file, in its folder
  std::string key;
  Json want;
  Ratings ratings;
};

std::vector<Golden> golden(const std::filesystem::path& folder) {
  std::vector<Golden> all;
  const Json file = parse_json(read_text(folder / "golden/agreement.json"), "agreement.json");
  for (const Json& discussion : file["discussions"]) {
    const std::filesystem::path path = discussion["file"].get<std::string>();
    for (const char* key : {"toxicity", "argumentquality"}) {
      all.push_back({path.parent_path().filename().string() + "/" + path.stem().string(), key, discussion[key],
                     read_ratings(folder, discussion["annotation_files"], key)});
    }
  }
  return all;
}

}  // namespace

TEST_CASE("agreement of the published discussions is as reference programs have it") {
  const auto folder = shared();
  if (!folder) return;
  for (const auto& [name, key, want, ratings] : golden(*folder)) {
    CAPTURE(name);
    CAPTURE(key);
    const auto is = [&](const char* figure, double value) {
      CAPTURE(figure);
      CAPTURE(value);
      CHECK(near(value, want[figure].get<double>()));
    };
    is("krippendorff_nominal", krippendorff_alpha(ratings, AlphaMetric::nominal).value);
    is("krippendorff_ordinal", krippendorff_alpha(ratings, AlphaMetric::ordinal).value);
    is("krippendorff_interval", krippendorff_alpha(ratings, AlphaMetric::interval).value);
    is("units", static_cast<double>(krippendorff_alpha(ratings, AlphaMetric::nominal).n));
    is("fleiss_kappa", fleiss_kappa(ratings).value);
    is("units_complete", static_cast<double>(fleiss_kappa(ratings).n));
    const CohenFigure plain = cohen_kappa(ratings, KappaWeights::unweighted);
    is("mean_pairwise_cohen_unweighted", plain.mean.value);
    is("n_pairs_defined_unweighted", static_cast<double>(plain.pairs - plain.undefined));
    is("mean_pairwise_cohen_linear", cohen_kappa(ratings, KappaWeights::linear).mean.value);
    is("mean_pairwise_cohen_quadratic", cohen_kappa(ratings, KappaWeights::quadratic).mean.value);
    is("mean_percent_agreement", percent_agreement(ratings).value);
    is("mean", mean_rating(ratings).value);
    const Ndfu ndfu = mean_ndfu(ratings, 1, 5);
    is("mean_ndfu_bins5_datarange", ndfu.legacy.value);
    is("mean_ndfu_bins5_range1_5", ndfu.fixed.value);
  }
}

TEST_CASE("bootstrap intervals of the published discussions are as the reference draws them") {
  const auto folder = shared();
  if (!folder) return;
  const Json expected = parse_json(read_text(*folder / "golden/expected_dev.json"), "expected_dev.json");
  for (const auto& [name, key, want, ratings] : golden(*folder)) {
    CAPTURE(name);
    CAPTURE(key);
    const Json& ci = expected["agreement_ci"][name][key];
    const Intervals intervals = agreement_intervals(ratings, key, {});
    const auto is = [&](const char* metric, const std::pair<double, double>& interval) {
      CAPTURE(metric);
      CHECK(near(interval.first, ci[metric]["ci95"][0].get<double>()));
      CHECK(near(interval.second, ci[metric]["ci95"][1].get<double>()));
    };
    is("nominal", intervals.nominal);
    is("ordinal", intervals.ordinal);
    is("interval", intervals.interval);
    CHECK(intervals.percent.first < want["mean_percent_agreement"].get<double>());
    CHECK(intervals.percent.second > want["mean_percent_agreement"].get<double>());
    CHECK(intervals.fleiss.first < want["fleiss_kappa"].get<double>());
    CHECK(intervals.mean.first < want["mean"].get<double>());
  }
}

TEST_CASE("with 30 % of the values removed alpha is defined, and Fleiss' kappa of the complete units") {
  std::mt19937 random(7);
  Ratings ratings = one_group({});
  for (int u = 0; u < 40; ++u) {
    std::vector<double> row;
    for (int r = 0; r < 4; ++r) row.push_back(1 + (u + (random() % 3 == 0 ? 1 : 0)) % 5);
    ratings.units.push_back(row);
    ratings.groups.push_back(0);
  }
  std::size_t complete = 0, pairable = 0;
  Ratings whole;
  for (auto& row : ratings.units) {
    std::size_t there = row.size();
    for (double& value : row) {
      if (random() % 10 >= 3) continue;
      value = kMissing;
      --there;
    }
    if (there == row.size()) append(whole, one_group({row}));
    complete += there == row.size() ? 1 : 0;
    pairable += there >= 2 ? 1 : 0;
  }
  for (auto& group : whole.groups) group = 0;
  REQUIRE(complete > 3);
  for (const auto metric : {AlphaMetric::nominal, AlphaMetric::ordinal, AlphaMetric::interval}) {
    const Figure alpha = krippendorff_alpha(ratings, metric);
    CHECK(near(alpha.value, alpha_by_definition(ratings, metric), 1e-12));
    CHECK(alpha.n == pairable);
    CHECK(alpha.missing == 40 - pairable);
  }
  const Figure fleiss = fleiss_kappa(ratings);
  CHECK(fleiss.n == complete);
  CHECK(fleiss.missing == 40 - complete);
  CHECK(near(fleiss.value, fleiss_kappa(whole).value, 1e-12));
}

TEST_CASE("alpha with missing values is that of Krippendorff's own example") {
  // Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers, twelve units.
  const double x = kMissing;
  const Ratings ratings = one_group({{1, 1, x, 1},
                                     {2, 2, 3, 2},
                                     {3, 3, 3, 3},
                                     {3, 3, 3, 3},
                                     {2, 2, 2, 2},
                                     {1, 2, 3, 4},
                                     {4, 4, 4, 4},
                                     {1, 1, 2, 1},
                                     {2, 2, 2, 2},
                                     {x, 5, 5, 5},
                                     {x, x, 1, 1},
                                     {x, x, 3, x}});
  CHECK(near(krippendorff_alpha(ratings, AlphaMetric::nominal).value, 0.743, 5e-4));
  CHECK(near(krippendorff_alpha(ratings, AlphaMetric::ordinal).value, 0.815, 5e-4));
  CHECK(near(krippendorff_alpha(ratings, AlphaMetric::interval).value, 0.849, 5e-4));
  CHECK(krippendorff_alpha(ratings, AlphaMetric::nominal).n == 11);
}

TEST_CASE("what is not defined is NaN and says why") {
  struct Case {
    const char* name;
    Ratings ratings;
    Why alpha, fleiss, cohen, percent;
  };
  const double x = kMissing;
  const Case cases[] = {
      {"nothing", one_group({}), Why::empty, Why::empty, Why::empty, Why::empty},
      {"no value", one_group({{x, x}, {x, x}}), Why::empty, Why::empty, Why::empty, Why::empty},
      {"one value only", one_group({{1, 1}, {1, 1}}), Why::constant, Why::constant, Why::constant, Why::ok},
      {"one rater", one_group({{1}, {2}}), Why::too_few, Why::too_few, Why::too_few, Why::too_few},
      {"no unit in common", one_group({{1, x}, {x, 2}}), Why::too_few, Why::too_few, Why::constant, Why::too_few},
      {"no complete unit", one_group({{1, 2, x}, {x, 2, 1}}), Why::ok, Why::too_few, Why::ok, Why::ok},
  };
  for (const auto& [name, ratings, alpha, fleiss, cohen, percent] : cases) {
    CAPTURE(name);
    const auto check = [](const Figure& figure, Why why) {
      CHECK(figure.why == why);
      CHECK(std::isnan(figure.value) == (why != Why::ok));
    };
    for (const auto metric : {AlphaMetric::nominal, AlphaMetric::ordinal, AlphaMetric::interval}) {
      check(krippendorff_alpha(ratings, metric), alpha);
    }
    check(fleiss_kappa(ratings), fleiss);
    check(cohen_kappa(ratings, KappaWeights::linear).mean, cohen);
    check(percent_agreement(ratings), percent);
    const Intervals intervals = agreement_intervals(ratings, "k", {});
    CHECK(std::isnan(intervals.ordinal.first) == (alpha != Why::ok));
    CHECK(std::isnan(intervals.fleiss.first) == (fleiss != Why::ok));
  }
}

TEST_CASE("Cohen's kappa leaves out pairs without expected disagreement and counts them") {
  // Raters 0 and 1 always say 1: undefined. Both against rater 2: one value against two.
  const Ratings ratings = one_group({{1, 1, 1}, {1, 1, 2}, {1, 1, 1}});
  const CohenFigure figure = cohen_kappa(ratings, KappaWeights::unweighted);
  CHECK(figure.pairs == 3);
  CHECK(figure.undefined == 1);
  CHECK(near(figure.mean.value, 0));
  // By hand: p_o 0.5, p_e 0.5*0.5 + 0.5*0.5.
  const Ratings half = one_group({{1, 1}, {1, 2}, {2, 2}, {2, 1}});
  CHECK(near(cohen_kappa(half, KappaWeights::unweighted).mean.value, 0));
  const Ratings most = one_group({{1, 1}, {1, 1}, {2, 2}, {2, 1}});
  CHECK(near(cohen_kappa(most, KappaWeights::unweighted).mean.value, 0.5));
}

TEST_CASE("raters of one discussion are not those of another") {
  Ratings both = one_group({{1, 2}, {2, 1}});
  append(both, one_group({{4, 4, 4}, {5, 5, 5}}));
  CHECK(cohen_kappa(both, KappaWeights::unweighted).pairs == 1 + 3);
  CHECK(fleiss_kappa(both).n == 4);  // two raters are all of the first
  both.units[2].pop_back();
  CHECK(fleiss_kappa(both).n == 3);
}

TEST_CASE("nDFU over the scale, and over the values' own range as SynDisco has it") {
  const auto values = [](int ones, int others, double other) {
    std::vector<double> all(static_cast<std::size_t>(ones), 1.0);
    all.insert(all.end(), static_cast<std::size_t>(others), other);
    return all;
  };
  CHECK(near(ndfu_legacy(values(6, 5, 2)), 5.0 / 6));
  CHECK(ndfu_fixed(values(6, 5, 2), 1, 5) == 0);
  CHECK(near(ndfu_legacy(values(6, 5, 5)), 5.0 / 6));
  CHECK(near(ndfu_fixed(values(6, 5, 5), 1, 5), 5.0 / 6));
  CHECK(ndfu_legacy(values(4, 0, 0)) == 0);
  CHECK(ndfu_fixed({1, 3, 3, 3, 5, 5}, 1, 5) == doctest::Approx(2.0 / 3));
  CHECK(ndfu_fixed({1, 2, 3, 4, 5}, 1, 5) == 0);
  CHECK(std::isnan(ndfu_fixed({}, 1, 5)));
  CHECK(std::isnan(ndfu_legacy({kMissing})));
  // Every value of an integer scale has its own bin, whatever the rounding of its edges.
  for (int hi = 2; hi <= 100; ++hi) {
    for (int value = 1; value + 2 <= hi; ++value) {
      CAPTURE(hi);
      CAPTURE(value);
      const auto v = static_cast<double>(value);
      REQUIRE(ndfu_fixed({v, v, v + 1}, 1, hi) == 0);
      REQUIRE(ndfu_fixed({v, v, v + 2}, 1, hi) == doctest::Approx(0.5));
    }
  }
}

TEST_CASE("several discussions are resampled whole, in their order") {
  Ratings ratings;
  std::mt19937 random(3);
  for (int group = 0; group < 6; ++group) {
    Ratings one = one_group({});
    for (int u = 0; u < 5; ++u) {
      const double base = 1 + group % 3;
      const auto more = [&] { return static_cast<double>(random() % 2); };
      one.units.push_back({base, base + more(), base + more()});
      one.groups.push_back(0);
    }
    append(ratings, one);
  }
  BootstrapSettings settings;
  settings.replicates = 200;
  settings.seed = 9;
  const Intervals intervals = agreement_intervals(ratings, "q", settings);
  NamedStream stream("9//0/bootstrap/q");
  std::vector<double> ordinal, mean, fleiss;
  for (std::size_t b = 0; b < settings.replicates; ++b) {
    Ratings drawn;
    for (int i = 0; i < 6; ++i) {
      const auto group = stream.below(6);
      for (std::size_t u = 0; u < ratings.units.size(); ++u) {
        if (ratings.groups[u] != group) continue;
        drawn.units.push_back(ratings.units[u]);
        drawn.groups.push_back(static_cast<std::uint32_t>(i));
      }
    }
    ordinal.push_back(alpha_by_definition(drawn, AlphaMetric::ordinal));
    mean.push_back(mean_rating(drawn).value);
    fleiss.push_back(fleiss_kappa(drawn).value);
  }
  CHECK(near(intervals.ordinal.first, quantile(ordinal, 0.025)));
  CHECK(near(intervals.ordinal.second, quantile(ordinal, 0.975)));
  CHECK(near(intervals.mean.first, quantile(mean, 0.025)));
  CHECK(near(intervals.fleiss.second, quantile(fleiss, 0.975)));
}

TEST_CASE("two raters, Krippendorff's example and Fleiss' table: the values of the spec") {
  CHECK(near(cohen_kappa(one_group([] {
                           std::vector<std::vector<double>> units(20, {1, 1});
                           units.insert(units.end(), 5, {1, 2});
                           units.insert(units.end(), 10, {2, 1});
                           units.insert(units.end(), 15, {2, 2});
                           return units;
                         }()),
                         KappaWeights::unweighted)
                 .mean.value,
             0.4));
  const std::vector<double> a = {1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 2, 3}, b = {1, 2, 4, 4, 5, 2, 2, 3, 5, 5, 1, 3};
  CHECK(near(cohen_kappa(a, b, KappaWeights::unweighted).value, 0.5826086957));
  CHECK(near(cohen_kappa(a, b, KappaWeights::linear).value, 0.7876106195));
  CHECK(near(cohen_kappa(a, b, KappaWeights::quadratic).value, 0.9133574007));
  const std::vector<double> some = {1, kMissing, 2, 2}, other = {1, 1, kMissing, 3};
  CHECK(cohen_kappa(some, other, KappaWeights::unweighted).n == 2);
  CHECK(cohen_kappa(some, other, KappaWeights::unweighted).missing == 2);
  const std::vector<double> same = {1, 1}, none = {kMissing, kMissing};
  CHECK(cohen_kappa(same, same, KappaWeights::unweighted).why == Why::constant);
  CHECK(std::isnan(cohen_kappa(same, same, KappaWeights::unweighted).value));
  CHECK(cohen_kappa(same, none, KappaWeights::unweighted).why == Why::empty);

  const int fleiss[10][5] = {{0, 0, 0, 0, 14}, {0, 2, 6, 4, 2}, {0, 0, 3, 5, 6}, {0, 3, 9, 2, 0}, {2, 2, 8, 1, 1},
                             {7, 7, 0, 0, 0},  {3, 2, 6, 3, 0}, {2, 5, 3, 2, 2}, {6, 5, 2, 1, 0}, {0, 2, 2, 3, 7}};
  std::vector<std::vector<double>> subjects;
  for (const auto& row : fleiss) {
    subjects.emplace_back();
    for (int category = 0; category < 5; ++category)
      subjects.back().insert(subjects.back().end(), static_cast<std::size_t>(row[category]), category);
  }
  CHECK(near(fleiss_kappa(one_group(subjects)).value, 0.2099307044));

  const double x = kMissing;
  const std::vector<double> raters[4] = {{1, 2, 3, 3, 2, 1, 4, 1, 2, x, x, x},
                                         {1, 2, 3, 3, 2, 2, 4, 1, 2, 5, x, 3},
                                         {x, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, x},
                                         {1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, x}};
  std::vector<std::vector<double>> units(12);
  for (const auto& rater : raters) {
    for (std::size_t u = 0; u < 12; ++u) units[u].push_back(rater[u]);
  }
  const Ratings ratings = one_group(units);
  CHECK(near(krippendorff_alpha(ratings, AlphaMetric::nominal).value, 0.7434210526));
  CHECK(near(krippendorff_alpha(ratings, AlphaMetric::ordinal).value, 0.8153875038));
  CHECK(near(krippendorff_alpha(ratings, AlphaMetric::interval).value, 0.8491071429));
  CHECK(near(krippendorff_alpha(ratings, AlphaMetric::ratio).value, 0.7974027747));
  units[0][0] = -1;
  CHECK(krippendorff_alpha(one_group(units), AlphaMetric::ratio).why == Why::not_applicable);
}
