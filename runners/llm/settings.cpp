#include "runners/llm/settings.hpp"

#include <array>
#include <charconv>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;

constexpr std::array kRetryKinds = {ErrorKind::rate_limit, ErrorKind::overloaded, ErrorKind::server,
                                    ErrorKind::network,    ErrorKind::timeout,    ErrorKind::bad_response,
                                    ErrorKind::empty};

milliseconds to_ms(const std::string& text) { return std::chrono::ceil<milliseconds>(parse_duration(text)); }

void check_duration(const std::string& text) { parse_duration(text); }

void check_positive_duration(const std::string& text) {
  if (parse_duration(text).count() <= 0) throw Error("usage", "a time limit is longer than 0");
}

void check_auto_duration(const std::string& text) {
  if (text != "auto") check_positive_duration(text);
}

std::int64_t count_of(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    throw Error("usage", "\"" + text + "\" is no count", "", "a number like 60, or none");
  }
  return value;
}

void check_limit(const std::string& text) {
  if (text != "none" && count_of(text) == 0)
    throw Error("usage", "a limit of 0 lets nothing through", "", "none: no limit");
}

bool on_off(const std::string& text) {
  if (text == "on" || text == "true" || text == "yes") return true;
  if (text == "off" || text == "false" || text == "no") return false;
  throw Error("usage", "\"" + text + "\" is neither on nor off");
}

/// "TRIES BASE CAP", TRIES may be "any".
RetryRule parse_rule(const std::string& text) {
  const std::size_t first = text.find(' ');
  const std::size_t second = first == std::string::npos ? first : text.find(' ', first + 1);
  if (second == std::string::npos)
    throw Error("usage", "\"" + text + "\" is no retry rule", "", "TRIES BASE CAP, like 6 500ms 60s");
  RetryRule rule;
  const std::string tries = text.substr(0, first);
  rule.tries = tries == "any" ? 0 : static_cast<std::uint32_t>(count_of(tries));
  if (tries != "any" && rule.tries == 0) throw Error("usage", "at least one try is made");
  rule.base = to_ms(text.substr(first + 1, second - first - 1));
  rule.cap = to_ms(text.substr(second + 1));
  return rule;
}

std::string rule_text(const RetryRule& rule) {
  const auto ms = [](milliseconds value) { return std::to_string(value.count()) + "ms"; };
  return (rule.tries == 0 ? "any" : std::to_string(rule.tries)) + " " + ms(rule.base) + " " + ms(rule.cap);
}

}  // namespace

std::vector<SettingSpec> llm_settings() {
  std::vector<SettingSpec> rows = {
      {"model", "", "the model used when a command names none, like openai/gpt-4o; empty: see `models`",
       [](const std::string&) {}},
      {"timeout.connect", "10s", "limit of name look-up, TCP and TLS", check_positive_duration},
      {"timeout.first_byte", "auto", "request written to first byte; auto: 120s for streams (10m local), else none",
       check_auto_duration},
      {"timeout.stall", "60s", "no byte at all once a reply has begun", check_positive_duration},
      {"timeout.attempt", "auto", "one try; auto: 10m, 1h for local models", check_auto_duration},
      {"timeout.total", "30m", "all tries and back-offs of a call; waiting for limits does not count",
       check_positive_duration},
      {"limit.rpm", "none", "requests per minute of each lane (key, address, model)", check_limit},
      {"limit.concurrency", "none", "calls in flight of each lane", check_limit},
      {"limit.longest_wait", "5m", "a model that is paused for longer holds no run: the job pauses until then",
       check_positive_duration},
      {"retry.max_hint", "10m", "a longer Retry-After pauses the whole lane, at most 24h", check_duration},
      {"retry.ambiguous", "on", "off: what may have been executed is not sent again",
       [](const std::string& text) { on_off(text); }},
  };
  for (const ErrorKind kind : kRetryKinds) {
    rows.push_back({"retry." + std::string(to_text(kind)), rule_text(default_retry_rule(kind)),
                    "tries, base and cap of the back-off after " + std::string(to_text(kind)),
                    [](const std::string& text) { parse_rule(text); }});
  }
  return rows;
}

SettingLookup default_llm_settings() {
  auto table = std::make_shared<std::map<std::string, std::string, std::less<>>>();
  for (SettingSpec& row : llm_settings()) (*table)[row.name] = row.default_text;
  return [table](std::string_view name) {
    const auto found = table->find(name);
    return found == table->end() ? std::string() : found->second;
  };
}

RetryRule ClientValues::rule(ErrorKind kind) const {
  const auto found = rules.find(kind);
  return found == rules.end() ? default_retry_rule(kind) : found->second;
}

ClientValues read_client_values(const SettingLookup& lookup) {
  ClientValues fresh;
  const auto read = [&](std::string_view name, auto set) {
    const std::string text = lookup(name);
    if (!text.empty() && text != "auto" && text != "none") set(text);
  };
  read("timeout.connect", [&](const std::string& t) { fresh.connect = to_ms(t); });
  read("timeout.first_byte", [&](const std::string& t) { fresh.first_byte = to_ms(t); });
  read("timeout.stall", [&](const std::string& t) { fresh.stall = to_ms(t); });
  read("timeout.attempt", [&](const std::string& t) { fresh.attempt = to_ms(t); });
  read("timeout.total", [&](const std::string& t) { fresh.total = to_ms(t); });
  read("limit.rpm", [&](const std::string& t) { fresh.rpm = static_cast<double>(count_of(t)); });
  read("limit.concurrency", [&](const std::string& t) { fresh.concurrency = count_of(t); });
  read("limit.longest_wait", [&](const std::string& t) { fresh.longest_wait = to_ms(t); });
  read("retry.max_hint", [&](const std::string& t) { fresh.max_hint = to_ms(t); });
  read("retry.ambiguous", [&](const std::string& t) { fresh.retry_ambiguous = on_off(t); });
  for (const ErrorKind kind : kRetryKinds) {
    read("retry." + std::string(to_text(kind)), [&](const std::string& t) { fresh.rules[kind] = parse_rule(t); });
  }
  return fresh;
}

std::shared_ptr<const ClientValues> LiveSettings::values() {
  const std::uint64_t version = version_ ? version_() : 0;
  const SteadyTime now = version_ ? SteadyTime{} : clock_.steady();
  const std::lock_guard lock(mutex_);
  if (values_ && version == read_version_ && now >= read_at_ && now - read_at_ < milliseconds(50)) return values_;
  read_version_ = version;
  values_ = std::make_shared<const ClientValues>(read_client_values(lookup_));
  read_at_ = now;
  return values_;
}

}  // namespace assay
