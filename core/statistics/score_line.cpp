#include "core/statistics/score_line.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/text/duration.hpp"

namespace assay {
namespace {

/// In percent, one digit after the point; never "-0.0".
std::string points(double share) {
  std::array<char, 32> text{};
  const double percent = 100 * share;
  const int size = std::snprintf(text.data(), text.size(), "%.1f", std::fabs(percent) < 0.05 ? 0.0 : percent);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string count(std::uint64_t n) { return format_count(static_cast<std::int64_t>(n)); }

}  // namespace

std::string score_line(const Figure& figure, std::uint64_t total, const Bounds& limits) {
  std::string line = std::isfinite(figure.value) ? points(figure.value) + " %" : "-";
  if (std::isfinite(figure.low) && std::isfinite(figure.high)) {
    line += " [" + points(figure.low) + ", " + points(figure.high) + "]";
  } else {
    line += " (" + std::string(to_text(figure.why)) + ")";
  }
  line += "  n " + count(figure.n);
  if (figure.n != total) line += "/" + count(total);
  if (limits.worst < limits.best) line += "  bounds " + points(limits.worst) + "-" + points(limits.best);
  return line;
}

std::string no_score_line(std::uint64_t failed, std::uint64_t not_run, std::uint64_t unscored) {
  std::string line = "no run is scored yet";
  const char* before = ": ";
  for (const auto& [n, what] : {std::pair(failed, " failed"), std::pair(not_run, " not run"),
                                std::pair(unscored, " ended without a verdict")}) {
    if (n == 0) continue;
    line += before + count(n) + what;
    before = ", ";
  }
  return line;
}

}  // namespace assay
