#include "tests/mock_server/server/latency.hpp"

#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string>

#include "core/text/error.hpp"

namespace assay::mock {

std::uint64_t draw(std::uint64_t seed, std::uint64_t n) {
  std::uint64_t z = seed + (n + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

double draw_unit(std::uint64_t seed, std::uint64_t n) { return static_cast<double>(draw(seed, n) >> 11) * 0x1p-53; }

Nanos Latency::at(std::uint64_t seed, std::uint64_t n) const {
  double ms = a_ms;
  if (kind == Kind::uniform) {
    ms = a_ms + (b_ms - a_ms) * draw_unit(seed, 2 * n);
  } else if (kind == Kind::exponential) {
    ms = -a_ms * std::log1p(-draw_unit(seed, 2 * n));
  } else if (kind == Kind::lognormal) {
    const double u1 = 1.0 - draw_unit(seed, 2 * n);
    const double z = std::sqrt(-2.0 * std::log(u1)) * std::cos(2.0 * std::numbers::pi * draw_unit(seed, 2 * n + 1));
    ms = a_ms * std::exp(sigma * z);
  }
  return Nanos(static_cast<std::int64_t>(std::min(ms, 1e12) * 1e6));
}

double parse_ms(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double number = std::strtod(copy.c_str(), &end);
  const std::string_view unit(end);
  if (end == copy.c_str() || !(number >= 0)) throw Error("usage", "no duration: " + copy, "", "like 800ms, 1.5s, 2m");
  if (unit.empty() || unit == "ms") return number;
  if (unit == "s") return number * 1e3;
  if (unit == "m") return number * 6e4;
  if (unit == "us") return number / 1e3;
  throw Error("usage", "unknown unit of time in " + copy, "", "us, ms, s, m");
}

Latency parse_latency(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? text : text.substr(colon + 1);
  if (colon == std::string_view::npos || kind == "const") return {.a_ms = parse_ms(rest)};
  if (kind == "exp") return {.kind = Latency::Kind::exponential, .a_ms = parse_ms(rest)};
  if (kind == "uniform") {
    const std::size_t dots = rest.find("..");
    if (dots != std::string_view::npos) {
      return {.kind = Latency::Kind::uniform,
              .a_ms = parse_ms(rest.substr(0, dots)),
              .b_ms = parse_ms(rest.substr(dots + 2))};
    }
  }
  if (kind == "lognormal") {
    const std::size_t comma = rest.find(',');
    if (comma != std::string_view::npos) {
      return {.kind = Latency::Kind::lognormal,
              .a_ms = parse_ms(rest.substr(0, comma)),
              .sigma = std::atof(std::string(rest.substr(comma + 1)).c_str())};
    }
  }
  throw Error("usage", "unknown latency " + std::string(text), "",
              "const:200ms, uniform:100ms..300ms, exp:500ms, lognormal:800ms,0.6");
}

Latency parse_latency(const Json& value) {
  if (value.is_number()) return {.a_ms = value.get<double>()};
  if (value.is_string()) return parse_latency(std::string_view(value.get_ref<const std::string&>()));
  throw Error("usage", "a latency is a text or a number of milliseconds");
}

}  // namespace assay::mock
