#include "core/statistics/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "core/statistics/named_stream.hpp"

namespace assay {
namespace {

std::vector<double> present(const std::vector<double>& row) {
  std::vector<double> values;
  for (const double value : row) {
    if (std::isfinite(value)) values.push_back(value);
  }
  return values;
}

std::size_t group_count(const Ratings& ratings) {
  return ratings.groups.empty() ? 0 : std::size_t{ratings.groups.back()} + 1;
}

std::vector<std::size_t> raters_of_groups(const Ratings& ratings) {
  std::vector<std::size_t> raters(group_count(ratings), 0);
  for (std::size_t u = 0; u < ratings.units.size(); ++u) {
    std::size_t& most = raters[ratings.groups[u]];
    most = std::max(most, ratings.units[u].size());
  }
  return raters;
}

/// The values that occur, ascending: categories are positions in it.
std::vector<double> observed(const Ratings& ratings) {
  std::vector<double> values;
  for (const auto& row : ratings.units) {
    for (const double value : row) {
      if (std::isfinite(value)) values.push_back(value);
    }
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

/// What a unit, or a group of them, adds to the sums that every figure is made of.
struct Part {
  struct Share {
    std::size_t category;
    double amount;
  };
  struct Pair {
    std::size_t low, high;
    double amount;  // of both directions of the coincidence matrix
  };
  std::vector<Share> margins;  // row sums of the coincidence matrix
  std::vector<Pair> pairs;     // off its diagonal
  std::vector<Share> ratings;  // of units with all raters
  std::size_t complete = 0, pairable = 0, rated = 0, above_zero = 0;
  double complete_agreement = 0, agreement = 0, ndfu_fixed = 0, ndfu_legacy = 0, sum = 0, values = 0;
};

void fold(std::vector<Part::Share>& shares) {
  std::sort(shares.begin(), shares.end(), [](const auto& a, const auto& b) { return a.category < b.category; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (kept > 0 && shares[kept - 1].category == shares[i].category) {
      shares[kept - 1].amount += shares[i].amount;
    } else {
      shares[kept++] = shares[i];
    }
  }
  shares.resize(kept);
}

void fold(std::vector<Part::Pair>& pairs) {
  const auto key = [](const Part::Pair& p) { return std::pair(p.low, p.high); };
  std::sort(pairs.begin(), pairs.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (kept > 0 && key(pairs[kept - 1]) == key(pairs[i])) {
      pairs[kept - 1].amount += pairs[i].amount;
    } else {
      pairs[kept++] = pairs[i];
    }
  }
  pairs.resize(kept);
}

struct Scale {
  double lo = 1, hi = 5;
};

double ratio_distance(double c, double k) {
  const double share = (c - k) / (c + k);
  return share * share;
}

/// `parts[i]` gets unit i, or its group's units together.
class Parts {
 public:
  Parts(const Ratings& ratings, const Scale* scale, bool by_group) : categories_(observed(ratings)) {
    if (ratings.groups.size() != ratings.units.size()) throw std::logic_error("agreement: a group for each unit");
    const auto raters = raters_of_groups(ratings);
    parts_.resize(by_group ? raters.size() : ratings.units.size());
    for (std::size_t u = 0; u < ratings.units.size(); ++u) {
      const std::size_t group = ratings.groups[u];
      add(parts_[by_group ? group : u], ratings.units[u], raters[group], scale);
    }
    for (Part& part : parts_) {
      fold(part.margins);
      fold(part.pairs);
      fold(part.ratings);
    }
  }

  const std::vector<Part>& all() const { return parts_; }
  const std::vector<double>& categories() const { return categories_; }

 private:
  void add(Part& part, const std::vector<double>& row, std::size_t raters, const Scale* scale) {
    const auto values = present(row);
    if (values.empty()) return;
    std::map<std::size_t, double> counts;
    for (const double value : values) {
      part.sum += value;
      ++counts[static_cast<std::size_t>(std::lower_bound(categories_.begin(), categories_.end(), value) -
                                        categories_.begin())];
    }
    part.values += static_cast<double>(values.size());
    ++part.rated;
    if (scale) {
      const double fixed = ndfu_fixed(values, scale->lo, scale->hi);
      if (fixed > 0) ++part.above_zero;
      part.ndfu_fixed += std::isnan(fixed) ? 0 : fixed;
      part.ndfu_legacy += ndfu_legacy(values);
    }
    if (values.size() < 2) return;
    const auto m = static_cast<double>(values.size());
    double same = 0;
    for (const auto& [category, n] : counts) {
      same += n * (n - 1);
      part.margins.push_back({category, n});
      for (auto other = counts.upper_bound(category); other != counts.end(); ++other) {
        part.pairs.push_back({category, other->first, 2 * n * other->second / (m - 1)});
      }
    }
    same /= m * (m - 1);
    ++part.pairable;
    part.agreement += same;
    if (values.size() < raters) return;
    ++part.complete;
    part.complete_agreement += same;
    for (const auto& [category, n] : counts) part.ratings.push_back({category, n});
  }

  std::vector<double> categories_;
  std::vector<Part> parts_;
};

/// Parts added up, each as often as it was drawn.
class Sums {
 public:
  explicit Sums(const Parts& parts) : parts_(parts), margins_(parts.categories().size()), ratings_(margins_.size()) {
    weights_.assign(parts.all().size(), 1);
    add_up();
  }

  void draw(NamedStream& stream) {
    std::fill(weights_.begin(), weights_.end(), 0);
    for (std::size_t i = 0; i < weights_.size(); ++i) ++weights_[stream.below(weights_.size())];
    add_up();
  }

  Figure alpha(AlphaMetric metric) const;
  Figure fleiss() const;
  Figure percent() const { return mean_of(agreement_, pairable_, units_ - pairable_); }
  Figure mean() const { return mean_of(sum_, values_, 0); }
  Figure fixed() const { return mean_of(ndfu_fixed_, rated_, units_ - rated_); }
  Figure legacy() const { return mean_of(ndfu_legacy_, rated_, units_ - rated_); }
  double above_zero() const { return above_zero_; }

  void set_units(std::size_t units) { units_ = static_cast<double>(units); }

 private:
  void add_up();
  Figure mean_of(double sum, double n, double missing) const {
    Figure figure;
    figure.method = "mean";
    figure.n = static_cast<std::size_t>(n);
    figure.missing = missing > 0 ? static_cast<std::size_t>(missing) : 0;
    if (n > 0) {
      figure.value = sum / n;
    } else {
      figure.why = values_ > 0 ? Why::too_few : Why::empty;
    }
    return figure;
  }

  const Parts& parts_;
  std::vector<double> weights_, margins_, ratings_;
  double units_ = 0, complete_ = 0, pairable_ = 0, rated_ = 0, complete_agreement_ = 0, agreement_ = 0, sum_ = 0,
         values_ = 0, ndfu_fixed_ = 0, ndfu_legacy_ = 0, above_zero_ = 0;
};

void Sums::add_up() {
  std::fill(margins_.begin(), margins_.end(), 0);
  std::fill(ratings_.begin(), ratings_.end(), 0);
  complete_ = pairable_ = rated_ = complete_agreement_ = agreement_ = sum_ = values_ = 0;
  ndfu_fixed_ = ndfu_legacy_ = above_zero_ = 0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const double w = weights_[i];
    if (w == 0) continue;
    const Part& part = parts_.all()[i];
    for (const auto& [category, n] : part.margins) margins_[category] += w * n;
    for (const auto& [category, n] : part.ratings) ratings_[category] += w * n;
    complete_ += w * static_cast<double>(part.complete);
    pairable_ += w * static_cast<double>(part.pairable);
    rated_ += w * static_cast<double>(part.rated);
    above_zero_ += w * static_cast<double>(part.above_zero);
    complete_agreement_ += w * part.complete_agreement;
    agreement_ += w * part.agreement;
    ndfu_fixed_ += w * part.ndfu_fixed;
    ndfu_legacy_ += w * part.ndfu_legacy;
    sum_ += w * part.sum;
    values_ += w * part.values;
  }
}

// The ordinal difference of two values is that of their mid-ranks: sum_{g=c..k} n_g - (n_c + n_k)/2 = R_k - R_c with
// R_c = sum_{g<=c} n_g - n_c/2. So every metric is one of positions, and the expected sum needs no second loop:
// sum_{c,k} n_c n_k (x_c - x_k)^2 = 2 n sum_c n_c (x_c - mean)^2.
Figure Sums::alpha(AlphaMetric metric) const {
  Figure figure;
  figure.method = "Krippendorff's alpha";
  figure.n = static_cast<std::size_t>(pairable_);
  figure.missing = static_cast<std::size_t>(std::max(0.0, units_ - pairable_));
  double n = 0;
  for (const double margin : margins_) n += margin;
  if (n == 0) {
    figure.why = values_ > 0 ? Why::too_few : Why::empty;
    return figure;
  }
  std::vector<double> position;
  if (metric == AlphaMetric::interval) position = parts_.categories();
  if (metric == AlphaMetric::ordinal) {
    double below = 0;
    for (const double margin : margins_) {
      position.push_back(below + margin / 2);
      below += margin;
    }
  }
  const std::vector<double>& values = parts_.categories();
  if (metric == AlphaMetric::ratio && values.front() < 0) {
    figure.why = Why::not_applicable;
    return figure;
  }
  double expected = 0;
  if (metric == AlphaMetric::nominal) {
    for (const double margin : margins_) expected += margin * (n - margin);
  } else if (metric == AlphaMetric::ratio) {
    for (std::size_t c = 0; c < margins_.size(); ++c) {
      for (std::size_t k = c + 1; margins_[c] > 0 && k < margins_.size(); ++k)
        expected += 2 * margins_[c] * margins_[k] * ratio_distance(values[c], values[k]);
    }
  } else {
    double centre = 0;
    for (std::size_t c = 0; c < margins_.size(); ++c) centre += margins_[c] * position[c] / n;
    const auto used = std::count_if(margins_.begin(), margins_.end(), [](double margin) { return margin > 0; });
    for (std::size_t c = 0; used > 1 && c < margins_.size(); ++c) {
      const double away = position[c] - centre;
      expected += 2 * n * margins_[c] * away * away;
    }
  }
  if (expected == 0) {
    figure.why = Why::constant;
    return figure;
  }
  double apart = 0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] == 0) continue;
    double part = 0;
    for (const auto& [low, high, amount] : parts_.all()[i].pairs) {
      if (metric == AlphaMetric::ratio) {
        part += amount * ratio_distance(values[low], values[high]);
        continue;
      }
      const double away = metric == AlphaMetric::nominal ? 1 : position[high] - position[low];
      part += amount * away * away;
    }
    apart += weights_[i] * part;
  }
  figure.value = 1 - (n - 1) * apart / expected;
  return figure;
}

Figure Sums::fleiss() const {
  Figure figure;
  figure.method = "Fleiss' kappa";
  figure.n = static_cast<std::size_t>(complete_);
  figure.missing = static_cast<std::size_t>(std::max(0.0, units_ - complete_));
  double n = 0;
  for (const double count : ratings_) n += count;
  if (complete_ == 0) {
    figure.why = values_ > 0 ? Why::too_few : Why::empty;
    return figure;
  }
  double by_chance = 0;
  std::size_t used = 0;
  for (const double count : ratings_) {
    by_chance += count / n * (count / n);
    if (count > 0) ++used;
  }
  if (used < 2) {
    figure.why = Why::constant;
    return figure;
  }
  figure.value = (complete_agreement_ / complete_ - by_chance) / (1 - by_chance);
  return figure;
}

Sums sums_of(const Parts& parts, const Ratings& ratings) {
  Sums sums(parts);
  sums.set_units(ratings.units.size());
  return sums;
}

/// Of the bins that are not empty.
double ndfu_of(const std::map<double, double>& counts) {
  if (counts.empty()) return kUndefined;
  auto peak = counts.begin();
  for (auto bin = counts.begin(); bin != counts.end(); ++bin) {
    if (bin->second > peak->second) peak = bin;
  }
  double rise = 0;
  for (const auto& [bin, height] : counts) {
    if (bin == peak->first) continue;
    const auto nearer = counts.find(bin > peak->first ? bin - 1 : bin + 1);
    rise = std::max(rise, height - (nearer == counts.end() ? 0 : nearer->second));
  }
  return rise / peak->second;
}

/// Edges as NumPy's histogram has them, so that a value on one falls where it does there.
double binned_ndfu(const std::vector<double>& values, double lo, double hi, double bins) {
  const double step = (hi - lo) / bins;
  const auto edge = [&](double i) { return i == bins ? hi : lo + i * step; };
  std::map<double, double> counts;
  for (const double value : values) {
    if (!std::isfinite(value) || value < lo || value > hi) continue;
    double i = std::clamp(std::floor((value - lo) / (hi - lo) * bins), 0.0, bins - 1);
    if (value < edge(i)) i -= 1;
    if (i < bins - 1 && value >= edge(i + 1)) i += 1;
    ++counts[i];
  }
  return ndfu_of(counts);
}

struct PairCounts {
  std::map<std::pair<double, double>, double> both;
  std::map<double, double> first, second;
  double n = 0;

  void add(double x, double y) {
    if (!std::isfinite(x) || !std::isfinite(y)) return;
    ++both[{x, y}];
    ++first[x];
    ++second[y];
    ++n;
  }
};

double cohen(const PairCounts& pair, KappaWeights weights) {
  const auto distance = [&](double x, double y) {
    if (weights == KappaWeights::unweighted) return x == y ? 0.0 : 1.0;
    return weights == KappaWeights::linear ? std::fabs(x - y) : (x - y) * (x - y);
  };
  double apart = 0, expected = 0;
  for (const auto& [values, count] : pair.both) apart += distance(values.first, values.second) * count;
  for (const auto& [x, a] : pair.first) {
    for (const auto& [y, b] : pair.second) expected += distance(x, y) * a * b / pair.n;
  }
  return expected == 0 ? kUndefined : 1 - apart / expected;
}

}  // namespace

Ratings one_group(std::vector<std::vector<double>> units) {
  Ratings ratings;
  ratings.groups.assign(units.size(), 0);
  ratings.units = std::move(units);
  return ratings;
}

Figure krippendorff_alpha(const Ratings& ratings, AlphaMetric metric) {
  const Parts parts(ratings, nullptr, false);
  return sums_of(parts, ratings).alpha(metric);
}

Figure fleiss_kappa(const Ratings& ratings) {
  const Parts parts(ratings, nullptr, false);
  return sums_of(parts, ratings).fleiss();
}

Figure percent_agreement(const Ratings& ratings) {
  const Parts parts(ratings, nullptr, false);
  return sums_of(parts, ratings).percent();
}

Figure mean_rating(const Ratings& ratings) {
  const Parts parts(ratings, nullptr, false);
  Figure figure = sums_of(parts, ratings).mean();
  for (const auto& row : ratings.units) figure.missing += row.size();
  figure.missing -= figure.n;
  return figure;
}

Ndfu mean_ndfu(const Ratings& ratings, double lo, double hi) {
  const Scale scale{lo, hi};
  const Parts parts(ratings, &scale, false);
  const Sums sums = sums_of(parts, ratings);
  return {sums.fixed(), sums.legacy(), static_cast<std::size_t>(sums.above_zero())};
}

CohenFigure cohen_kappa(const Ratings& ratings, KappaWeights weights) {
  CohenFigure figure;
  figure.mean.method = "Cohen's kappa";
  const auto raters = raters_of_groups(ratings);
  double sum = 0;
  for (std::size_t begin = 0, end = 0; begin < ratings.units.size(); begin = end) {
    const auto group = ratings.groups[begin];
    while (end < ratings.units.size() && ratings.groups[end] == group) ++end;
    for (std::size_t a = 0; a < raters[group]; ++a) {
      for (std::size_t b = a + 1; b < raters[group]; ++b) {
        PairCounts pair;
        for (std::size_t u = begin; u < end; ++u) {
          const auto& row = ratings.units[u];
          if (b < row.size()) pair.add(row[a], row[b]);
        }
        ++figure.pairs;
        const double kappa = pair.n == 0 ? kUndefined : cohen(pair, weights);
        if (std::isnan(kappa)) {
          ++figure.undefined;
        } else {
          sum += kappa;
        }
      }
    }
  }
  figure.mean.n = figure.pairs - figure.undefined;
  figure.mean.missing = figure.undefined;
  if (figure.mean.n > 0) {
    figure.mean.value = sum / static_cast<double>(figure.mean.n);
  } else {
    figure.mean.why = observed(ratings).empty() ? Why::empty : figure.pairs == 0 ? Why::too_few : Why::constant;
  }
  return figure;
}

Figure cohen_kappa(std::span<const double> a, std::span<const double> b, KappaWeights weights) {
  if (a.size() != b.size()) throw std::logic_error("cohen_kappa: both raters' values, unit by unit");
  PairCounts pair;
  for (std::size_t u = 0; u < a.size(); ++u) pair.add(a[u], b[u]);
  Figure figure;
  figure.method = "Cohen's kappa";
  figure.n = static_cast<std::size_t>(pair.n);
  figure.missing = a.size() - figure.n;
  if (figure.n == 0) {
    figure.why = Why::empty;
    return figure;
  }
  figure.value = cohen(pair, weights);
  if (std::isnan(figure.value)) figure.why = Why::constant;
  return figure;
}

Figure ndfu(std::span<const double> histogram) {
  Figure figure;
  figure.method = "nDFU";
  std::map<double, double> counts;
  for (std::size_t bin = 0; bin < histogram.size(); ++bin) {
    if (!(histogram[bin] >= 0)) throw std::logic_error("ndfu: a histogram");
    if (histogram[bin] > 0) counts[static_cast<double>(bin)] = histogram[bin];
    figure.n += static_cast<std::size_t>(histogram[bin]);
  }
  figure.value = ndfu_of(counts);
  if (counts.empty()) figure.why = Why::empty;
  return figure;
}

double ndfu_fixed(const std::vector<double>& values, double lo, double hi) {
  if (!(hi > lo)) return present(values).empty() ? kUndefined : 0;
  return binned_ndfu(values, lo, hi, std::max(1.0, std::round(hi - lo) + 1));
}

double ndfu_legacy(const std::vector<double>& values) {
  const auto there = present(values);
  if (there.empty()) return kUndefined;
  const auto [least, most] = std::minmax_element(there.begin(), there.end());
  const double half = *least == *most ? 0.5 : 0;
  return binned_ndfu(there, *least - half, *most + half, 5);
}

Intervals agreement_intervals(const Ratings& ratings, const std::string& key, const BootstrapSettings& settings) {
  const Scale scale{settings.lo, settings.hi};
  const Parts parts(ratings, &scale, group_count(ratings) > 1);
  Sums sums(parts);
  std::vector<double> nominal, ordinal, interval, fleiss, percent, fixed, legacy, mean;
  NamedStream stream(bootstrap_key(settings.seed, key));
  for (std::size_t b = 0; b < settings.replicates && !parts.all().empty(); ++b) {
    sums.draw(stream);
    nominal.push_back(sums.alpha(AlphaMetric::nominal).value);
    ordinal.push_back(sums.alpha(AlphaMetric::ordinal).value);
    interval.push_back(sums.alpha(AlphaMetric::interval).value);
    fleiss.push_back(sums.fleiss().value);
    percent.push_back(sums.percent().value);
    fixed.push_back(sums.fixed().value);
    legacy.push_back(sums.legacy().value);
    mean.push_back(sums.mean().value);
  }
  const auto of = [&](const std::vector<double>& values) {
    const Interval made = percentile_interval(values, settings.level);
    return std::pair(made.low, made.high);
  };
  return {of(nominal), of(ordinal), of(interval), of(fleiss), of(percent), of(fixed), of(legacy), of(mean)};
}

}  // namespace assay
