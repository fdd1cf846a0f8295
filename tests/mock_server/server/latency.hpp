#pragma once
// Delays drawn from a distribution, as `models.yaml` writes them for the sim model: `const:200ms`,
// `uniform:100ms..300ms`, `exp:500ms` (mean), `lognormal:800ms,0.6` (median, sigma). A bare number is milliseconds.

#include <chrono>
#include <cstdint>
#include <string_view>

#include "core/text/json.hpp"

namespace assay::mock {

using Nanos = std::chrono::nanoseconds;

/// SplitMix64 (Steele, Lea, Flood 2014), as a function: the n-th value of the sequence that begins at `seed`.
std::uint64_t draw(std::uint64_t seed, std::uint64_t n);

/// The same in [0, 1).
double draw_unit(std::uint64_t seed, std::uint64_t n);

struct Latency {
  enum class Kind { constant, uniform, exponential, lognormal } kind = Kind::constant;
  double a_ms = 0, b_ms = 0, sigma = 0;  // constant a; uniform a..b; mean a; median a

  bool none() const { return kind == Kind::constant && a_ms <= 0; }
  /// The n-th delay of this seed.
  Nanos at(std::uint64_t seed, std::uint64_t n) const;
};

/// From the text above or a JSON number (milliseconds). Throws Error("usage") on anything else.
Latency parse_latency(std::string_view text);
Latency parse_latency(const Json& value);

/// "800ms", "1.5s", "2m", "250us", or a bare number of milliseconds. Throws Error("usage").
double parse_ms(std::string_view text);

}  // namespace assay::mock
