#include "core/statistics/sequences.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "core/statistics/distributions.hpp"

namespace assay {
namespace {

constexpr double kMostLambda = 0.5;

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Where the martingale of s successes of n is below 1/alpha. Written around the share itself, where it is least, so
/// that large counts cancel nothing: B(1+s, 1+n-s) = 1/((n+1) C(n, s)).
std::pair<double, double> mixture_interval(std::uint64_t s, std::uint64_t n, double alpha) {
  if (n == 0) return {0, 1};
  const auto right = static_cast<double>(s), wrong = static_cast<double>(n - s), all = static_cast<double>(n);
  const double share = right / all;
  const double least = -std::log(all + 1) - (s == 0 || s == n ? 0 : std::log(binomial_pdf(s, n, share)));
  const double most = -std::log(alpha);
  const auto above = [&](double p) {
    double sum = least - most;
    if (s > 0) sum -= right * std::log1p((p - share) / share);
    if (s < n) sum -= wrong * std::log1p((share - p) / (1 - share));
    return sum;
  };
  // Ends where the martingale is above are found by halving the way to 0 and to 1.
  double low = 0, high = 1;
  if (s > 0) {
    double end = share / 2;
    while (above(end) < 0) end /= 2;
    low = root_between(above, end, share);
  }
  if (s < n) {
    double rest = (1 - share) / 2;
    while (above(1 - rest) < 0) rest /= 2;
    high = root_between(above, share, 1 - rest);
  }
  return {low, high};
}

}  // namespace

Figure confidence_sequence_binary(std::uint64_t s, std::uint64_t n, std::uint64_t missing, double alpha) {
  require(s <= n, "confidence_sequence_binary: more successes than trials");
  require(alpha > 0 && alpha < 1, "confidence_sequence_binary: alpha within (0, 1)");
  Figure figure;
  figure.n = n;
  figure.missing = missing;
  figure.method = "confidence sequence";
  if (n == 0) {
    figure.why = Why::empty;
  } else {
    figure.value = static_cast<double>(s) / static_cast<double>(n);
  }
  figure.low = mixture_interval(s, n + missing, alpha).first;
  figure.high = mixture_interval(s + missing, n + missing, alpha).second;
  return figure;
}

void BoundedSequence::Sums::add(double value, double alpha) {
  const auto t = static_cast<double>(++n);
  const double confidence = std::log(2 / alpha);
  // S_{t-1}/t estimates the variance, and t log(1+t) times it is what the bets are made of: the t cancels.
  const double bet = std::min(std::sqrt(2 * confidence / (spread * std::log1p(t))), kMostLambda);
  const double psi = (-std::log1p(-bet) - bet) / 4;
  weighted += 4 * (value - mu) * (value - mu) * psi;
  lambda += bet;
  lambda_x += bet * value;
  x += value;
  mu = (0.5 + x) / (t + 1);
  spread += (value - mu) * (value - mu);
}

double BoundedSequence::Sums::centre() const { return lambda_x / lambda; }
double BoundedSequence::Sums::half_width(double alpha) const { return (std::log(2 / alpha) + weighted) / lambda; }

BoundedSequence::BoundedSequence(double lo, double hi, double alpha) : lo_(lo), hi_(hi), alpha_(alpha) {
  require(lo < hi, "a confidence sequence: lo < hi");
  require(alpha > 0 && alpha < 1, "a confidence sequence: alpha within (0, 1)");
}

void BoundedSequence::add(double value) {
  if (std::isfinite(value)) {
    sum_ += value;
    ++n_;
    const double x = std::clamp((value - lo_) / (hi_ - lo_), 0.0, 1.0);
    low_.add(x, alpha_);
    high_.add(x, alpha_);
  } else {
    ++missing_;
    low_.add(0, alpha_);
    high_.add(1, alpha_);
  }
}

Figure BoundedSequence::figure() const {
  Figure figure;
  figure.n = n_;
  figure.missing = missing_;
  figure.method = "confidence sequence";
  figure.low = lo_;
  figure.high = hi_;
  if (n_ == 0) {
    figure.why = Why::empty;
  } else {
    figure.value = sum_ / static_cast<double>(n_);
  }
  if (n_ + missing_ == 0) return figure;
  const auto end = [&](double x) { return lo_ + std::clamp(x, 0.0, 1.0) * (hi_ - lo_); };
  // The lower ends of both: with other lambdas, the sequence of the los may end higher than that of the his.
  figure.low = end(std::min(low_.centre() - low_.half_width(alpha_), high_.centre() - high_.half_width(alpha_)));
  figure.high = end(std::max(low_.centre() + low_.half_width(alpha_), high_.centre() + high_.half_width(alpha_)));
  return figure;
}

Figure confidence_sequence_bounded(std::span<const double> values, double lo, double hi, double alpha) {
  BoundedSequence sequence(lo, hi, alpha);
  for (const double value : values) sequence.add(value);
  return sequence.figure();
}

}  // namespace assay
