#include "core/text/duration.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "core/text/error.hpp"

namespace assay {
namespace {

TEST_CASE("durations are read exactly") {
  struct Case {
    const char* text;
    std::int64_t ns;
  };
  for (const Case& c : std::vector<Case>{{"500ms", 500'000'000},
                                         {"10s", 10'000'000'000},
                                         {"5m", 300'000'000'000},
                                         {"1h", 3'600'000'000'000},
                                         {"2d", 172'800'000'000'000},
                                         {"1.5h", 5'400'000'000'000},
                                         {"1h30m", 5'400'000'000'000},
                                         {" 1m 30s ", 90'000'000'000},
                                         {"12 ms", 12'000'000},
                                         {"0s", 0},
                                         {"0.1s", 100'000'000},
                                         {".5s", 500'000'000},
                                         {"7us", 7'000},
                                         {"0.123456789123456789123s", 123'456'789},
                                         {"36525d", 36'525LL * 86'400 * 1'000'000'000}}) {
    CAPTURE(c.text);
    CHECK(parse_duration(c.text).count() == c.ns);
  }
  for (const char* bad : {"", " ", "10", "s", "-1s", "1x", "1S", "1s1s", "1s 1m", "1e3s", "1..5s", "36526d",
                          "99999999999999999999999s", "1h30", "\x1bs", "."}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_duration(bad), Error);
  }
}

TEST_CASE("durations are shown with their two largest units") {
  struct Case {
    double seconds;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{{0, "0 ms"},
                                         {5e-9, "5 ns"},
                                         {12e-6, "12 us"},
                                         {0.9996, "1.0 s"},
                                         {0.012, "12 ms"},
                                         {1.24, "1.2 s"},
                                         {59.94, "59.9 s"},
                                         {59.96, "1m 00s"},
                                         {90, "1m 30s"},
                                         {3599.6, "1h 00m"},
                                         {7500, "2h 05m"},
                                         {86399, "1d 0h"},
                                         {273600, "3d 4h"},
                                         {-90, "-1m 30s"}}) {
    CHECK(format_duration(std::chrono::nanoseconds(
              static_cast<std::int64_t>(c.seconds * 1e9 + (c.seconds < 0 ? -0.5 : 0.5)))) == c.text);
  }
  CHECK(format_duration(std::chrono::nanoseconds::min()).front() == '-');
  CHECK(parse_duration(format_duration(std::chrono::minutes(90))) == std::chrono::minutes(90));
}

TEST_CASE("counts, bytes and money") {
  CHECK(format_count(0) == "0");
  CHECK(format_count(999) == "999");
  CHECK(format_count(12345) == "12,345");
  CHECK(format_count(-1234567) == "-1,234,567");
  CHECK(format_count(std::numeric_limits<std::int64_t>::min()) == "-9,223,372,036,854,775,808");
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1.0 KiB");
  CHECK(format_bytes(4'300'000) == "4.1 MiB");
  CHECK(format_bytes(150'000'000) == "143 MiB");
  CHECK(format_bytes(1'048'575) == "1.0 MiB");
  CHECK(format_bytes(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
  struct Case {
    std::int64_t pico;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{{0, "$0"},
                                         {12'300'000'000, "$0.0123"},
                                         {12'345'678'900, "$0.01235"},
                                         {12'345'678, "$0.00001235"},
                                         {1, "$0.000000000001"},
                                         {500'000'000'000, "$0.50"},
                                         {999'960'000'000, "$1.00"},
                                         {999'940'000'000, "$0.9999"},
                                         {1'000'000'000'000, "$1.00"},
                                         {12'345'000'000'000, "$12.35"},
                                         {1'234'567'891'000'000'000, "$1,234,567.89"},
                                         {-12'300'000'000, "-$0.0123"}}) {
    CHECK(format_usd(c.pico) == c.text);
  }
}

}  // namespace
}  // namespace assay
