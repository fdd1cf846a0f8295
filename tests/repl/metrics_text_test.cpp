#include "repl/metrics_text.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

namespace assay {
namespace {

using Type = MetricsText::Type;

TEST_CASE("a family has its help and type once, before its samples") {
  MetricsText text;
  text.family("assay_runs", Type::gauge, "Runs by status.");
  text.sample(3, {{"status", "READY"}});
  text.sample(0, {{"status", "FAIL"}});
  text.family("assay_calls_total", Type::counter, "Calls.");
  text.sample(12);
  CHECK(text.text() ==
        "# HELP assay_runs Runs by status.\n# TYPE assay_runs gauge\nassay_runs{status=\"READY\"} 3\n"
        "assay_runs{status=\"FAIL\"} 0\n# HELP assay_calls_total Calls.\n# TYPE assay_calls_total counter\n"
        "assay_calls_total 12\n");
}

TEST_CASE("a family without a sample leaves nothing") {
  MetricsText text;
  text.family("assay_lane_limit", Type::gauge, "Limits.");
  CHECK(text.text().empty());
}

TEST_CASE("label values are escaped: quotes, backslashes, line ends, bytes that are no UTF-8 or no text") {
  MetricsText text;
  text.family("x", Type::gauge, "h");
  text.sample(1, {{"batch", "a\"b\\c\nd\x1b[31m"}, {"model", std::string("\xff", 1)}});
  CHECK(text.text().ends_with("x{batch=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD[31m\",model=\"\xEF\xBF\xBD\"} 1\n"));
}

TEST_CASE("values are whole numbers, the shortest digits, or what Prometheus calls infinite") {
  struct Case {
    double value;
    const char* text;
  };
  for (const Case& one :
       {Case{0, "0"}, Case{1234567890123, "1234567890123"}, Case{0.25, "0.25"}, Case{-3, "-3"}, Case{1e300, "1e+300"},
        Case{std::numeric_limits<double>::quiet_NaN(), "NaN"}, Case{INFINITY, "+Inf"}, Case{-INFINITY, "-Inf"}}) {
    MetricsText text;
    text.family("x", Type::gauge, "h");
    text.sample(one.value);
    CHECK(text.text().ends_with(std::string("\nx ") + one.text + "\n"));
  }
}

}  // namespace
}  // namespace assay
