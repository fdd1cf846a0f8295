#include "tests/mock_server/server/limiter.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/text/error.hpp"
#include "tests/mock_server/server/latency.hpp"

using namespace assay::mock;
using assay::Json;

namespace {

double admitted(Limiter& limiter, double per_s, double seconds, double tokens = 1) {
  double count = 0;
  for (double t = 0; t < seconds; t += 1 / per_s) count += limiter.admit("k", "m", tokens, t).admitted ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a limit admits what it says, to a thousandth") {
  struct Case {
    const char* spec;
    double tokens, expected;  // in 1,000 s of 97 requests a second
  };
  for (const Case& c : {Case{R"({"kind":"token_bucket","rate":20,"burst":20})", 1, 20'020},
                        Case{R"({"kind":"token_bucket","rate":3.5,"burst":2})", 1, 3'502},
                        Case{R"({"kind":"fixed_window","limit":60,"window":"10s"})", 1, 6'000},
                        Case{R"({"kind":"sliding_window","limit":60,"window":"10s"})", 1, 6'000},
                        Case{R"({"kind":"tokens","limit":6000,"window":"60s"})", 50, 2'120}}) {
    Limiter limiter(Json::parse(c.spec));
    CAPTURE(c.spec);
    CHECK(std::abs(admitted(limiter, 97, 1000, c.tokens) - c.expected) <= std::max(1.0, c.expected / 1000));
  }
}

TEST_CASE("a rejected request is told exactly when it would be admitted") {
  for (const char* spec :
       {R"({"kind":"token_bucket","rate":7,"burst":3})", R"({"kind":"fixed_window","limit":5,"window":"2s"})",
        R"({"kind":"sliding_window","limit":5,"window":"2s"})", R"({"kind":"tokens","limit":300,"window":"20s"})"}) {
    Limiter limiter(Json::parse(spec));
    double t = 0.3;
    Limiter::Verdict v;
    while ((v = limiter.admit("k", "m", 40, t)).admitted) t += 0.01;
    CAPTURE(spec);
    CHECK(v.wait_s > 0);
    CHECK_FALSE(limiter.admit("k", "m", 40, t + v.wait_s - 0.001).admitted);
    CHECK(limiter.admit("k", "m", 40, t + v.wait_s + 1e-6).admitted);
  }
}

TEST_CASE("tokens that come out later are taken to a thousandth, the level falling below nothing") {
  Limiter limiter(Json::parse(R"({"kind":"tokens","limit":8000,"window":"60s","of":"out"})"));
  double out = 0;
  for (double t = 0; t < 6000; t += 0.05) {
    if (!limiter.admit("k", "m", 0, t).admitted) continue;
    limiter.spend("k", "m", 700);
    out += 700;
  }
  const double expected = 8000 + 6000 * 8000 / 60.0;
  CHECK(std::abs(out - expected) <= 700 + expected / 1000);
}

TEST_CASE("a lane of concurrency is full at its limit, always") {
  Limiter limiter(Json::parse(R"({"kind":"concurrency","limit":30})"));
  int in_flight = 0, admitted = 0, wrong = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    if (draw(1, i) % 3 != 0) {
      const bool in = limiter.admit("k", "m", 1, 0).admitted;
      wrong += in != (in_flight < 30) ? 1 : 0;
      if (in) ++in_flight, ++admitted;
    } else if (in_flight > 0) {
      limiter.release("k", "m");
      --in_flight;
    }
  }
  CHECK(wrong == 0);
  CHECK(admitted > 30'000);
}

TEST_CASE("concurrency gives places back; keys and models have their own lanes") {
  Limiter limiter(Json::parse(R"({"kind":"concurrency","limit":2,"per":"key+model"})"));
  CHECK(limiter.admit("k", "m", 1, 0).admitted);
  CHECK(limiter.admit("k", "m", 1, 0).admitted);
  CHECK_FALSE(limiter.admit("k", "m", 1, 0).admitted);
  CHECK(limiter.admit("k", "other", 1, 0).admitted);
  CHECK(limiter.admit("other", "m", 1, 0).admitted);
  limiter.release("k", "m");
  CHECK(limiter.admit("k", "m", 1, 0).admitted);
}

TEST_CASE("a limit that makes no sense is refused") {
  for (const char* spec : {R"({"kind":"nonsense"})", R"({"kind":"token_bucket"})",
                           R"({"kind":"token_bucket","rate":0})", R"({"kind":"fixed_window","limit":-1})"}) {
    CHECK_THROWS_AS(Limiter(Json::parse(spec)), assay::Error);
  }
}

TEST_CASE("latencies have the mean and spread of their distribution and repeat with the seed") {
  struct Case {
    const char* text;
    double mean_ms, within_ms;
  };
  // The mean of a log-normal is median * exp(sigma^2 / 2).
  for (const Case& c : {Case{"const:200ms", 200, 0.001}, Case{"15", 15, 0.001}, Case{"uniform:100ms..300ms", 200, 1},
                        Case{"exp:0.5s", 500, 5}, Case{"lognormal:800ms,0.6", 957.8, 6}}) {
    const Latency latency = parse_latency(std::string_view(c.text));
    double sum = 0;
    const int n = 200'000;
    for (int i = 0; i < n; ++i) {
      sum += static_cast<double>(latency.at(7, static_cast<std::uint64_t>(i)).count()) / 1e6;
    }
    CAPTURE(c.text);
    CHECK(std::abs(sum / n - c.mean_ms) < c.within_ms);
    CHECK(latency.at(7, 5) == latency.at(7, 5));
    CHECK((latency.at(7, 5) != latency.at(8, 5)) == (latency.kind != Latency::Kind::constant));
  }
  for (const char* bad : {"", "soon", "const:", "uniform:1ms", "lognormal:800ms", "gauss:1ms", "const:5h", "-3"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_latency(std::string_view(bad)), assay::Error);
  }
}
