#include "repl/progress.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace assay;

namespace {
ProgressFacts sample() {
  ProgressFacts facts;
  facts.job = 3;
  facts.done = 569;
  facts.total = 1'000;
  facts.ok = 560;
  facts.fail = 9;
  facts.in_flight = 20;
  facts.correct = 399;
  facts.scored = 560;
  facts.calls_per_s = 12.34;
  facts.tokens_per_s = 4'120;
  facts.cost_pico_usd = 1'240'000'000'000;
  facts.eta_s = 130;
  return facts;
}
}  // namespace

TEST_CASE("the status line says all of it where there is room") {
  CHECK(progress_status_line(sample(), 200).plain() ==
        "#3 █████▋░░░░  569/1,000  560 ok  9 fail  20 in flight  score 0.713 (n 560)  12.3 calls/s  4.1k tok/s  $1.24  "
        "ETA "
        "2m 10s");
}

TEST_CASE("the status line fits any width, and job, done and fail stay longest") {
  for (std::size_t columns = 1; columns < 140; ++columns) {
    CHECK(progress_status_line(sample(), columns).width() <= columns);
  }
  CHECK(progress_status_line(sample(), 24).plain() == "#3 569/1,000  9 fail");
  CHECK(progress_status_line(sample(), 45).plain() == "#3 569/1,000  9 fail  score 0.713 (n 560)");
}

TEST_CASE("a line with nothing known yet claims nothing") {
  ProgressFacts facts;
  facts.job = 1;
  facts.total = 5;
  facts.state = "paused";
  CHECK(progress_plain_line(facts).plain() == "#1 paused, 0/5 done, 0 ok, 0 fail");
  CHECK(progress_plain_line(sample()).plain() ==
        "#3 569/1,000 done, 560 ok, 9 fail, 20 in flight, score 0.713 (n 560), 12.3 calls/s, 4.1k tok/s, $1.24, ETA 2m "
        "10s");
}

TEST_CASE("the smoothed rate is right from the start, and follows a change within its time") {
  SmoothedRate rate(100);
  CHECK_FALSE(rate.per_second(100).has_value());
  for (int i = 1; i <= 20; ++i) rate.add(100 + i * 0.1, 1);  // 10/s for 2 s
  CHECK(*rate.per_second(102) == doctest::Approx(10).epsilon(0.05));
  for (int i = 1; i <= 1200; ++i) rate.add(102 + i * 0.1, 5);  // 50/s for 120 s
  CHECK(*rate.per_second(222) == doctest::Approx(50).epsilon(0.05));
  CHECK(*rate.per_second(252) == doctest::Approx(50 / std::exp(1.0)).epsilon(0.05));  // silence fades
  CHECK_FALSE(eta_seconds(5, std::nullopt).has_value());
  CHECK(eta_seconds(0, std::nullopt) == 0.0);
  CHECK(*eta_seconds(100, 50.0) == 2.0);
}

TEST_CASE("bars and spark lines") {
  CHECK(bar(0, 4) == "░░░░");
  CHECK(bar(0.999, 4) == "███▉");
  CHECK(bar(1, 4) == "████");
  CHECK(bar(7, 2) == "██");
  CHECK(bar(std::nan(""), 2) == "░░");
  CHECK(sparkline({0, 1, 2, 3, 4, 5, 6, 7}) == "▁▂▃▄▅▆▇█");
  CHECK(sparkline({2, 2}) == "▄▄");
  CHECK(sparkline({0, std::nan(""), std::numeric_limits<double>::infinity(), 1}) == "▁ ██");
  CHECK(sparkline({}).empty());
}
