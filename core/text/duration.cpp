#include "core/text/duration.hpp"

#include <array>
#include <cstdlib>

#include "core/text/error.hpp"
#include "core/text/local_time.hpp"

namespace assay {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};

constexpr std::uint64_t kSecond = 1'000'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::uint64_t kMax = 36'525 * kDay;
constexpr std::array<Unit, 7> kUnits = {
    {{"d", kDay}, {"h", kHour}, {"m", kMinute}, {"s", kSecond}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string two_digits(std::uint64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::uint64_t magnitude(std::int64_t number) {
  return number < 0 ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
}

}  // namespace

std::chrono::nanoseconds parse_duration(std::string_view text) {
  const auto bad = [&](const char* why) {
    return Error("usage", "not a duration: \"" + std::string(text.substr(0, 40)) + "\" (" + why + ")", {},
                 "durations are written 500ms, 10s, 1.5h, 1h30m, 2d");
  };
  std::size_t at = 0;
  const auto skip_spaces = [&] {
    while (at < text.size() && text[at] == ' ') ++at;
  };
  Wide total = 0;
  std::size_t previous_unit = 0;  // units go from large to small, each once
  bool any = false;
  for (skip_spaces(); at < text.size(); skip_spaces()) {
    Wide number = 0, scale = 1;
    bool digits = false, point = false;
    for (; at < text.size() && (is_digit(text[at]) || (text[at] == '.' && !point)); ++at) {
      if (text[at] == '.') {
        point = true;
        continue;
      }
      digits = true;
      if (number > 1'000'000'000'000'000'000U) {
        if (!point) throw bad("more than 100 years");
        continue;  // digits below the nanosecond
      }
      number = number * 10 + static_cast<unsigned>(text[at] - '0');
      if (point) scale *= 10;
    }
    if (!digits) throw bad("a number was expected");
    skip_spaces();
    const std::size_t name_at = at;
    while (at < text.size() && ((text[at] >= 'a' && text[at] <= 'z') || (text[at] >= 'A' && text[at] <= 'Z'))) ++at;
    const std::string_view name = text.substr(name_at, at - name_at);
    std::size_t unit = 0;
    while (unit < kUnits.size() && kUnits[unit].name != name) ++unit;
    if (name.empty()) throw bad("no unit");
    if (unit == kUnits.size()) throw bad("units are d h m s ms us ns");
    if (any && unit <= previous_unit) throw bad("units go from large to small");
    previous_unit = unit;
    any = true;
    total += (number * kUnits[unit].nanoseconds * 2 + scale) / (scale * 2);
    if (total > kMax) throw bad("more than 100 years");
  }
  if (!any) throw bad("empty");
  return std::chrono::nanoseconds(static_cast<std::int64_t>(total));
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const std::string sign = duration.count() < 0 ? "-" : "";
  const std::uint64_t ns = magnitude(duration.count());
  const auto rounded = [ns](std::uint64_t unit) { return ns / unit + (ns % unit >= unit - unit / 2 ? 1 : 0); };
  if (ns == 0) return "0 ms";
  if (ns < 1'000) return sign + std::to_string(ns) + " ns";
  if (rounded(1'000) < 1'000) return sign + std::to_string(rounded(1'000)) + " us";
  if (rounded(1'000'000) < 1'000) return sign + std::to_string(rounded(1'000'000)) + " ms";
  if (const std::uint64_t tenths = rounded(kSecond / 10); tenths < 600) {
    return sign + std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
  }
  if (const std::uint64_t s = rounded(kSecond); s < 3600) {
    return sign + std::to_string(s / 60) + "m " + two_digits(s % 60) + "s";
  }
  if (const std::uint64_t m = rounded(kMinute); m < 24 * 60) {
    return sign + std::to_string(m / 60) + "h " + two_digits(m % 60) + "m";
  }
  const std::uint64_t h = rounded(kHour);
  return sign + with_commas(h / 24) + "d " + std::to_string(h % 24) + "h";
}

std::string format_count(std::int64_t count) { return (count < 0 ? "-" : "") + with_commas(magnitude(count)); }

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array<std::string_view, 6> names = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  std::uint64_t size = 1024;
  const auto tenths = [&] { return static_cast<std::uint64_t>((Wide{bytes} * 10 + size / 2) / size); };
  while (unit + 1 < names.size() && tenths() >= 10240) size *= 1024, ++unit;
  const std::uint64_t value = tenths();
  const std::string number =
      value < 1000 ? std::to_string(value / 10) + "." + std::to_string(value % 10) : std::to_string((value + 5) / 10);
  return number + " " + std::string(names[unit]);
}

std::string format_clock(std::int64_t unix_us) { return local_time(unix_us, "%H:%M:%S"); }

std::string format_usd(std::int64_t pico_usd) {
  constexpr std::uint64_t dollar = 1'000'000'000'000U;
  const std::string sign = pico_usd < 0 ? "-$" : "$";
  std::uint64_t pico = magnitude(pico_usd);
  if (pico == 0) return "$0";
  if (pico < dollar) {
    std::uint64_t step = 1;  // the last of four significant digits
    while (pico / step >= 10'000) step *= 10;
    pico = (pico + step / 2) / step * step;
  }
  if (pico >= dollar) {
    const std::uint64_t cents = (pico + dollar / 200) / (dollar / 100);
    return sign + with_commas(cents / 100) + "." + two_digits(cents % 100);
  }
  std::string digits = std::to_string(pico);
  digits.insert(0, 12 - digits.size(), '0');
  while (digits.size() > 2 && digits.back() == '0') digits.pop_back();
  return sign + "0." + digits;
}

}  // namespace assay
