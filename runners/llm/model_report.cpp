#include "runners/llm/model_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text/duration.hpp"
#include "runners/llm/model_fields.hpp"
#include "runners/llm/prices.hpp"
#include "runners/llm/target.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;
using std::chrono::milliseconds;

/// The rows of models.md 3.2, in its order; kinds that share a row stand one below the other.
constexpr std::array kKinds = {
    ErrorKind::rate_limit,     ErrorKind::overloaded,   ErrorKind::server,    ErrorKind::network,
    ErrorKind::timeout,        ErrorKind::bad_response, ErrorKind::empty,     ErrorKind::quota,
    ErrorKind::auth,           ErrorKind::permission,   ErrorKind::not_found, ErrorKind::context_length,
    ErrorKind::content_filter, ErrorKind::bad_request,  ErrorKind::too_large, ErrorKind::local};

/// Numbers as a person would write them: 500, not 500.0.
Json plain(Json value) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::fabs(number) < 1e15 && number == std::trunc(number)) return static_cast<std::int64_t>(number);
  }
  if (value.is_structured()) {
    for (Json& child : value) child = plain(std::move(child));
  }
  return value;
}

std::string shown(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(plain(value)); }

std::string origin_of(const ModelEntry& entry, std::string_view field) {
  const auto found = entry.origins.find(field);
  return found == entry.origins.end() ? "built in" : found->second;
}

std::string fallback_words(const ModelEntry& entry, ErrorKind kind) {
  if (kind == ErrorKind::rate_limit) return "for a wait above " + format_duration(entry.fallback_wait);
  const bool asked = std::find(entry.fallback_on.begin(), entry.fallback_on.end(), kind) != entry.fallback_on.end();
  if (asked) return "at once";
  if (kind == ErrorKind::context_length || kind == ErrorKind::content_filter) return "only with fallback_on";
  if (holds_target(kind)) return "at once";
  return cools_target(kind) || kind == ErrorKind::bad_response ? "after the tries" : "no";
}

std::string target_words(ErrorKind kind) {
  if (kind == ErrorKind::rate_limit) return "paused or slowed";
  if (cools_target(kind)) return "its cool-down counts it";
  if (holds_target(kind)) return "held until `resume`";
  return kind == ErrorKind::empty ? "-, the empty reply is delivered" : "-";
}

std::string tries_words(ErrorKind kind, const RetryRule& rule) {
  if (rule.tries == 0) return "any number";
  if (kind == ErrorKind::auth && rule.tries == 1) return "1, 2 for a key that has worked";
  return std::to_string(rule.tries);
}

Json duration_json(milliseconds time) { return time.count() == 0 ? Json("-") : Json(format_duration(time)); }

void retry_table(const ModelEntry& entry, const ClientValues& values, Report& report) {
  ReportTable table;
  table.title = "after an error";
  table.columns = {{"kind", Form::text}, {"tries", Form::text},    {"back-off from", Form::text},
                   {"to", Form::text},   {"fallback", Form::text}, {"the model", Form::text},
                   {"from", Form::text}};
  Json list = Json::array();
  for (const ErrorKind kind : kKinds) {
    const bool own = entry.retry.kinds.contains(kind) && !never_retried(kind);
    const RetryRule rule = entry.retry.over(kind, values.rule(kind));
    const bool set = values.rules.contains(kind) && (values.rule(kind).tries != default_retry_rule(kind).tries ||
                                                     values.rule(kind).base != default_retry_rule(kind).base ||
                                                     values.rule(kind).cap != default_retry_rule(kind).cap);
    const std::string name(to_text(kind));
    const std::string from = own ? origin_of(entry, "retry") : set ? "set retry." + name : "built in";
    const std::string fallback = fallback_words(entry, kind);
    table.rows.push_back({name, tries_words(kind, rule), duration_json(rule.base), duration_json(rule.cap), fallback,
                          target_words(kind), from});
    list.push_back(Json::object({{"kind", name},
                                 {"tries", rule.tries == 0 ? Json("any") : Json(rule.tries)},
                                 {"base_ms", rule.base.count()},
                                 {"cap_ms", rule.cap.count()},
                                 {"fallback", fallback},
                                 {"from", from}}));
  }
  report.table(std::move(table));
  report.figures["retry_rules"] = std::move(list);
}

void time_table(const ModelEntry& entry, const ClientValues& values, Report& report) {
  ReportTable table;
  table.title = "time limits";
  table.columns = {{"limit", Form::text}, {"value", Form::text}, {"from", Form::text}};
  const bool local = entry.local();
  const ClientValues defaults;
  Json list = Json::object();
  const auto put = [&](const char* name, const std::optional<milliseconds>& own, milliseconds setting,
                       milliseconds usual, const std::string& otherwise) {
    const milliseconds value = own.value_or(setting);
    const std::string text = value.count() > 0 ? format_duration(value) : otherwise;
    const std::string from = own                ? origin_of(entry, "timeouts")
                             : setting == usual ? std::string("built in")
                                                : "set timeout." + std::string(name);
    table.rows.push_back({name, text, from});
    list[name] = text;
  };
  put("connect", entry.timeouts.connect, values.connect, defaults.connect, "none");
  put("first_byte", entry.timeouts.first_byte, values.first_byte, defaults.first_byte,
      local ? "10m 00s of a stream" : "2m 00s of a stream");
  put("stall", entry.timeouts.stall, values.stall, defaults.stall, "none");
  put("attempt", entry.timeouts.attempt, values.attempt, defaults.attempt, local ? "1h 00m" : "10m 00s");
  put("total", entry.timeouts.total, values.total, defaults.total, "none");
  report.table(std::move(table));
  report.figures["time_limits"] = std::move(list);
}

void price_table(const ModelEntry& entry, Report& report) {
  if (!entry.price) {
    report.text("price: unknown; write it as price: {in: .., out: ..} in models.yaml, USD per million tokens");
    return;
  }
  const std::string from = entry.origins.contains("price") ? origin_of(entry, "price") : "built in: it runs here";
  const Json price = to_json(*entry.price);
  if (entry.price->in == 0 && entry.price->out == 0 && entry.price->request == 0) {
    report.text("price: nothing (" + from + ")");
    return;
  }
  std::string tokens, more;
  for (const auto& [name, value] : price.items()) {
    if (name == "request") {
      more += ", $" + shown(value) + " a request";
    } else if (name == "batch") {
      more += ", x " + shown(value) + " in batch files";
    } else if (name == "as_of") {
      more += ", as of " + shown(value);
    } else if (name != "currency") {
      tokens += (tokens.empty() ? "" : ", ") + name + " $" + shown(value);
    }
  }
  report.text("price: " + tokens + " per million tokens" + more + " (" + from + ")");
}

}  // namespace

Report model_report(const ModelEntry& entry, const ModelFacts& facts, const ClientValues& values) {
  Report report;
  report.figures = facts.details;
  report.figures["key"] = facts.key;
  report.figures["limits_in_force"] = facts.limits;
  report.figures["state"] = facts.state;
  report.heading(1, entry.name);
  report.text("state: " + facts.state);
  report.text("key: " + facts.key);
  report.text("limits: " + (facts.limits.empty() ? std::string("none known; learned from refusals") : facts.limits));
  price_table(entry, report);

  ReportTable table;
  table.title = "fields";
  table.columns = {{"field", Form::text}, {"value", Form::text}, {"from", Form::text}};
  const auto put = [&](const std::string& name, const std::string& value, const std::string& from) {
    if (!value.empty()) table.rows.push_back({name, value, from});
  };
  put("model", entry.provider + "/" + entry.model, entry.alias.empty() ? "its name" : origin_of(entry, "model"));
  put("type", entry.type, origin_of(entry, "type"));
  put("address", entry.url, origin_of(entry, "base_url"));
  for (const ModelField& field : model_fields()) {
    if (field.name == "model" || field.name == "type" || field.name == "base_url" || field.name == "fallbacks" ||
        field.name == "price") {
      continue;
    }
    if (const Json value = field.show(entry); !value.is_null())
      put(std::string(field.name), shown(value), origin_of(entry, field.name));
  }
  for (const ModelHandle& fallback : entry.fallback_entries) {
    put("fallback",
        fallback->name + (fallback->alias.empty() ? "" : " (" + fallback->provider + "/" + fallback->model + ")"),
        origin_of(entry, "fallbacks"));
  }
  report.table(std::move(table));
  time_table(entry, values, report);
  retry_table(entry, values, report);
  return report;
}

}  // namespace assay
