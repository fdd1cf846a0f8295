#include "runners/llm/hints.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>

#include "core/text/words.hpp"
#include "runners/llm/errors.hpp"

namespace assay {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

/// Takes an unsigned number of exactly 1 to `width` digits from the front.
std::optional<int> take_number(std::string_view& text, std::size_t width) {
  int value = 0;
  std::size_t taken = 0;
  while (taken < width && taken < text.size() && digit(text[taken])) value = value * 10 + (text[taken++] - '0');
  if (taken == 0) return std::nullopt;
  text.remove_prefix(taken);
  return value;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<double> unix_time(int year, int month, int day, int hour, int minute, int second) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto days = sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86400.0 + hour * 3600.0 + minute * 60.0 + second;
}

struct TimeOfDay {
  int hour = 0, minute = 0, second = 0;
};
std::optional<TimeOfDay> take_time(std::string_view& text) {
  TimeOfDay time;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second) return std::nullopt;
  return TimeOfDay{*hour, *minute, *second};
}

std::optional<int> take_month(std::string_view& text) {
  constexpr std::array<std::string_view, 12> names = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (take(text, names[i])) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

/// A reset header's value as a wait in milliseconds.
std::optional<double> reset_wait_ms(std::string_view text, double server_now_s) {
  text = trim(text);
  if (text.empty()) return std::nullopt;
  if (const auto number = parse_plain_decimal(text)) {
    if (*number > 1e12) return std::max(0.0, *number - server_now_s * 1000);
    if (*number > 1e9) return std::max(0.0, (*number - server_now_s) * 1000);
    return *number * 1000;
  }
  if (const auto duration = parse_go_duration_ms(text)) return duration;
  if (const auto time = parse_rfc3339(text)) return std::max(0.0, (*time - server_now_s) * 1000);
  return std::nullopt;
}

struct Unit {
  std::string_view name;
  double ms;
};
constexpr std::array<Unit, 18> kUnits = {{{"milliseconds", 1},
                                          {"millisecond", 1},
                                          {"ms", 1},
                                          {"seconds", 1000},
                                          {"second", 1000},
                                          {"secs", 1000},
                                          {"sec", 1000},
                                          {"s", 1000},
                                          {"minutes", 60000},
                                          {"minute", 60000},
                                          {"mins", 60000},
                                          {"min", 60000},
                                          {"m", 60000},
                                          {"hours", 3600000},
                                          {"hour", 3600000},
                                          {"hrs", 3600000},
                                          {"hr", 3600000},
                                          {"h", 3600000}}};

/// "7m12.5s" or "2 seconds" at the front of prose.
std::optional<double> prose_duration_ms(std::string_view text) {
  std::optional<double> total;
  while (true) {
    std::string_view rest = trim(text);
    std::size_t length = 0;
    while (length < rest.size() &&
           (digit(rest[length]) || (rest[length] == '.' && length + 1 < rest.size() && digit(rest[length + 1])))) {
      ++length;
    }
    const auto number = parse_plain_decimal(rest.substr(0, length));
    if (!number || length == 0) return total;
    rest = trim(rest.substr(length));
    std::size_t letters = 0;
    while (letters < rest.size() && std::isalpha(static_cast<unsigned char>(rest[letters])) != 0) ++letters;
    const auto unit =
        std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == rest.substr(0, letters); });
    if (unit == kUnits.end()) return total;
    total = total.value_or(0) + *number * unit->ms;
    text = rest.substr(letters);
  }
}

std::optional<double> text_wait_ms(const std::string& message) {
  const std::string text = ascii_lower(message);
  for (const std::string_view phrase : {"try again in ", "retry after ", "retry in "}) {
    for (std::size_t at = text.find(phrase); at != std::string::npos; at = text.find(phrase, at + 1)) {
      if (const auto wait = prose_duration_ms(std::string_view(text).substr(at + phrase.size()))) return wait;
    }
  }
  return std::nullopt;
}

/// Google's RetryInfo.retryDelay: "22s", "0.5s".
std::optional<std::string> retry_delay(const Json* error) {
  if (error == nullptr || !error->is_object()) return std::nullopt;
  const auto details = error->find("details");
  if (details == error->end() || !details->is_array()) return std::nullopt;
  for (const Json& detail : *details) {
    if (!detail.is_object()) continue;
    const auto delay = detail.find("retryDelay");
    if (delay != detail.end() && delay->is_string()) return delay->get<std::string>();
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> find_header(const std::vector<Header>& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (header.name == name) return header.value;
  }
  return std::nullopt;
}

std::optional<double> parse_plain_decimal(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  std::size_t points = 0;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '.')
      ++points;
    else if (digit(c))
      ++digits;
    else
      return std::nullopt;
  }
  if (digits == 0 || points > 1 || digits > 300) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_go_duration_ms(std::string_view text) {
  text = trim(text);
  if (text == "0") return 0.0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    std::size_t length = 0;
    while (length < text.size() && (digit(text[length]) || text[length] == '.')) ++length;
    const auto number = parse_plain_decimal(text.substr(0, length));
    if (length == 0 || !number) return std::nullopt;
    text.remove_prefix(length);
    if (take(text, "ms"))
      total += *number;
    else if (take(text, "us") || take(text, "µs"))
      total += *number / 1e3;
    else if (take(text, "ns"))
      total += *number / 1e6;
    else if (take(text, "h"))
      total += *number * 3.6e6;
    else if (take(text, "m"))
      total += *number * 6e4;
    else if (take(text, "s"))
      total += *number * 1e3;
    else
      return std::nullopt;
  }
  return total;
}

std::optional<double> parse_http_date(std::string_view given, double now_s) {
  const std::string lowered = ascii_lower(trim(given));
  std::string_view text = lowered;
  constexpr std::array<std::string_view, 7> days = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  bool named = false;
  for (const std::string_view day : days) named = named || take(text, day);
  if (!named) return std::nullopt;
  while (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.remove_prefix(1);
  if (take(text, ", ")) {
    const auto day = take_number(text, 2);
    if (!day) return std::nullopt;
    const bool rfc850 = take(text, "-");
    if (!rfc850 && !take(text, " ")) return std::nullopt;
    const auto month = take_month(text);
    if (!month || !take(text, rfc850 ? "-" : " ")) return std::nullopt;
    auto year = take_number(text, rfc850 ? 2 : 4);
    if (!year || !take(text, " ")) return std::nullopt;
    if (rfc850) {
      // RFC 9110 5.6.7: more than 50 years ahead means the past century.
      const int this_year = 1970 + static_cast<int>(now_s / 31556952.0);
      *year += this_year / 100 * 100;
      if (*year > this_year + 50) *year -= 100;
    }
    const auto time = take_time(text);
    if (!time || !take(text, " gmt") || !text.empty()) return std::nullopt;
    return unix_time(*year, *month, *day, time->hour, time->minute, time->second);
  }
  if (!take(text, " ")) return std::nullopt;
  const auto month = take_month(text);
  if (!month || !take(text, " ")) return std::nullopt;
  take(text, " ");
  const auto day = take_number(text, 2);
  if (!day || !take(text, " ")) return std::nullopt;
  const auto time = take_time(text);
  if (!time || !take(text, " ")) return std::nullopt;
  const auto year = take_number(text, 4);
  if (!year || !text.empty()) return std::nullopt;
  return unix_time(*year, *month, *day, time->hour, time->minute, time->second);
}

std::optional<double> parse_rfc3339(std::string_view given) {
  const std::string lowered = ascii_lower(trim(given));
  std::string_view text = lowered;
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !(take(text, "t") || take(text, " "))) return std::nullopt;
  const auto time = take_time(text);
  if (!time) return std::nullopt;
  double fraction = 0;
  if (text.starts_with('.')) {
    std::size_t length = 1;
    while (length < text.size() && digit(text[length])) ++length;
    fraction = parse_plain_decimal("0" + std::string(text.substr(0, length))).value_or(0);
    text.remove_prefix(length);
  }
  double offset = 0;
  if (text != "z") {
    const double sign = text.starts_with('-') ? -1 : 1;
    if (!take(text, "+") && !take(text, "-")) return std::nullopt;
    const auto hours = take_number(text, 2);
    if (!hours || !take(text, ":")) return std::nullopt;
    const auto minutes = take_number(text, 2);
    if (!minutes || !text.empty()) return std::nullopt;
    offset = sign * (*hours * 3600.0 + *minutes * 60.0);
  }
  const auto base = unix_time(*year, *month, *day, time->hour, time->minute, time->second);
  if (!base) return std::nullopt;
  return *base + fraction - offset;
}

std::optional<WaitHint> find_wait_hint(const std::vector<Header>& headers, const Json& document, double now_s) {
  if (const auto raw = find_header(headers, "retry-after-ms")) {
    if (const auto ms = parse_plain_decimal(*raw)) return WaitHint{*ms, "retry-after-ms", std::string(*raw)};
  }
  double server_now = now_s;
  if (const auto date = find_header(headers, "date")) server_now = parse_http_date(*date, now_s).value_or(now_s);
  if (const auto raw = find_header(headers, "retry-after")) {
    if (const auto seconds = parse_plain_decimal(*raw)) {
      return WaitHint{*seconds * 1000, "retry-after", std::string(*raw)};
    }
    if (const auto date = parse_http_date(*raw, now_s)) {
      return WaitHint{std::max(0.0, (*date - server_now) * 1000), "retry-after-date", std::string(*raw)};
    }
  }
  const Json* error = find_error_object(document);
  if (const auto delay = retry_delay(error)) {
    if (delay->ends_with('s')) {
      if (const auto seconds = parse_plain_decimal(std::string_view(*delay).substr(0, delay->size() - 1))) {
        return WaitHint{*seconds * 1000, "retry-info", *delay};
      }
    }
  }
  std::optional<WaitHint> longest;
  for (const Header& header : headers) {
    const std::size_t at = header.name.find("reset");
    if (at == std::string::npos || header.name.find("ratelimit") == std::string::npos) continue;
    std::string remaining_name = header.name;
    remaining_name.replace(at, 5, "remaining");
    const auto remaining = find_header(headers, remaining_name);
    if (!remaining || parse_plain_decimal(*remaining).value_or(-1) != 0) continue;
    const auto wait = reset_wait_ms(header.value, server_now);
    if (wait && (!longest || *wait > longest->wait_ms)) longest = WaitHint{*wait, "reset-header", header.value};
  }
  if (longest) return longest;
  if (error != nullptr) {
    std::string message;
    if (error->is_string()) message = error->get<std::string>();
    for (const char* name : {"message", "detail", "error"}) {
      if (!message.empty() || !error->is_object()) break;
      const auto found = error->find(name);
      if (found != error->end() && found->is_string()) message = found->get<std::string>();
    }
    if (const auto wait = text_wait_ms(message)) return WaitHint{*wait, "text", message.substr(0, 200)};
  }
  return std::nullopt;
}

std::vector<LimitHeader> read_limit_headers(std::string_view provider, const std::vector<Header>& headers,
                                            double now_s) {
  struct Names {
    const char *dimension, *limit, *remaining, *reset;
    double window;  // 0: told from the numbers
  };
  static constexpr std::array<Names, 7> table = {{
      {"requests", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests", 0},
      {"tokens", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens", 0},
      {"requests", "anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
       "anthropic-ratelimit-requests-reset", 60},
      {"in", "anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining",
       "anthropic-ratelimit-input-tokens-reset", 60},
      {"out", "anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining",
       "anthropic-ratelimit-output-tokens-reset", 60},
      {"requests", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", 0},
      {"tokens", "x-tokenlimit-limit", "x-tokenlimit-remaining", "x-tokenlimit-reset", 0},
  }};
  std::vector<LimitHeader> found;
  for (const Names& names : table) {
    const auto number = [&](const char* name) -> std::optional<double> {
      const auto raw = find_header(headers, name);
      return raw ? parse_plain_decimal(*raw) : std::nullopt;
    };
    const auto limit = number(names.limit);
    const auto remaining = number(names.remaining);
    if (!limit || !remaining || *limit <= 0) continue;
    LimitHeader header;
    header.dimension = names.dimension;
    header.limit = *limit;
    header.remaining = *remaining;
    if (const auto reset = find_header(headers, names.reset)) header.reset_ms = reset_wait_ms(*reset, now_s);
    header.window_s = names.window;
    if (provider == "together") header.window_s = 1;
    if (provider == "groq" && header.dimension == "requests") header.window_s = 86400;
    if (header.window_s == 0) {
      header.window_s = 60;
      const double used = *limit - *remaining;
      if (used > 0 && header.reset_ms && *header.reset_ms > 0) {
        // The rate at which what was used comes back tells the window, to the nearer of a minute and a day.
        const double window = *limit / (used / (*header.reset_ms / 1000));
        if (std::fabs(std::log(window / 86400)) < std::fabs(std::log(window / 60))) header.window_s = 86400;
      }
    }
    header.per_s = header.limit / header.window_s;
    found.push_back(std::move(header));
  }
  return found;
}

}  // namespace assay
