#include "runners/llm/model_fields.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "runners/llm/field_values.hpp"
#include "runners/llm/provider_rows.hpp"
#include "runners/llm/urls.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;
using Where = ModelField::Where;

const std::vector<std::string> kParameters = {
    "temperature", "top_p", "frequency_penalty", "presence_penalty", "top_k",           "max_tokens",
    "seed",        "stop",  "logprobs",          "top_logprobs",     "response_format", "reasoning"};
const std::vector<std::string> kPrices = {"in",      "out",   "cached", "cache_write", "reasoning",
                                          "request", "batch", "as_of",  "currency"};
const std::vector<std::string> kRetryKinds = {
    "rate_limit", "overloaded", "server",     "network",   "timeout",        "bad_response",   "empty",
    "quota",      "auth",       "permission", "not_found", "context_length", "content_filter", "local"};
// Those whose row in models.md 3.2 has a fallback at all.
const std::vector<std::string> kFallbackKinds = {
    "rate_limit", "overloaded", "server",    "network", "timeout", "bad_response",   "quota",
    "auth",       "permission", "not_found", "local",   "held",    "context_length", "content_filter"};

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }
template <class T>
Json value_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}
Json null_if_empty(Json value) { return value.empty() ? Json() : value; }
Json texts_or_null(const std::vector<std::string>& texts) { return texts.empty() ? Json() : Json(texts); }

void check_url(const std::string& url) {
  try {
    split_url(url);
  } catch (const Error& error) {
    throw FieldFault{"", error.message(), ""};
  }
}

void apply_key_env(ModelEntry& entry, const Json& value) {
  entry.key_file.clear();
  entry.key_envs = variable_names(value);
  if (entry.key_envs.size() == 1 && ascii_lower(entry.key_envs.front()) == "none") entry.key_envs.clear();
  entry.key_needed = !entry.key_envs.empty();
}

void apply_headers(ModelEntry& entry, const Json& value) {
  static constexpr std::array<std::string_view, 7> auth = {
      "authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie", "x-auth-token"};
  static constexpr std::array<std::string_view, 7> ours = {
      "content-type", "content-length", "host", "transfer-encoding", "connection", "expect", "accept-encoding"};
  entry.headers.clear();
  for (const auto& [name, text] : map_value(value, {})) {
    const std::string plain = ascii_lower(name);
    if (std::find(auth.begin(), auth.end(), plain) != auth.end()) {
      throw FieldFault{name, "is a header of a key", "key_env or key_file"};
    }
    if (std::find(ours.begin(), ours.end(), plain) != ours.end()) throw FieldFault{name, "is set by the client", ""};
    const bool good_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!good_name) throw FieldFault{name, "is no name of a header", ""};
    if (!text.is_string()) throw FieldFault{name, "must be a text", "put it in quotes"};
    const std::string content = text.get<std::string>();
    const bool good = std::none_of(content.begin(), content.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7F;
    });
    if (!good) throw FieldFault{name, "holds a control character", ""};
    entry.headers.emplace_back(name, content);
  }
}
Json show_headers(const ModelEntry& entry) {
  Json out = Json::object();
  for (const auto& [name, value] : entry.headers) out[name] = value;
  return null_if_empty(std::move(out));
}

void apply_params(ModelEntry& entry, const Json& value) {
  for (const auto& [name, field] : map_value(value, kParameters)) {
    auto one = chat_params_from_json(Json::object({{name, field}}));
    if (!one) throw FieldFault{name, one.error().message, ""};
    const double number = field.is_number() ? field.get<double>() : 0;
    if (!std::isfinite(number)) throw FieldFault{name, "is no finite number", ""};
  }
  entry.params = *chat_params_from_json(value);
}

void apply_extra(ModelEntry& entry, const Json& value) {
  map_value(value, {});
  if (value.contains("messages")) throw FieldFault{"messages", "would replace what is asked", ""};
  entry.extra = value;
}

void apply_price(ModelEntry& entry, const Json& value) {
  // Half a price would count the other half as free.
  for (const auto& [name, field] : map_value(value, kPrices)) {
    Json one = Json::object({{name, field}});
    if (name == "as_of" && !field.is_string()) throw FieldFault{name, "must be a date like 2025-01-31", ""};
    try {
      price_from_json(one);
    } catch (const Error& error) {
      throw FieldFault{name, error.message(), error.hint()};
    }
  }
  for (const char* needed : {"in", "out"}) {
    if (!value.contains(needed)) throw FieldFault{needed, "is missing", "USD per million tokens; 0 is a price"};
  }
  entry.price = price_from_json(value);
}

void apply_limits(ModelEntry& entry, const Json& value) {
  LaneLimits& limits = entry.limits;
  limits = {};
  for (const auto& [name, field] :
       map_value(value, {"rpm", "rpd", "tpm", "itpm", "otpm", "concurrency", "burst", "learn"})) {
    if (name == "concurrency") {
      limits.concurrency = count_value(field, 1, name);
    } else if (name == "learn") {
      if (field != "latency" && !field.is_boolean()) throw FieldFault{name, "must be true, false or latency", ""};
      limits.learn = field != false;
      limits.learn_latency = field == "latency";
    } else {
      double& to = name == "rpm"    ? limits.rpm
                   : name == "rpd"  ? limits.rpd
                   : name == "tpm"  ? limits.tpm
                   : name == "itpm" ? limits.itpm
                   : name == "otpm" ? limits.otpm
                                    : limits.burst;
      to = rate_value(field, name);
    }
  }
}
Json show_limits(const ModelEntry& entry) {
  const LaneLimits& limits = entry.limits;
  Json out = Json::object();
  const auto put = [&](const char* name, double value) {
    if (value > 0) out[name] = value;
  };
  put("rpm", limits.rpm);
  put("rpd", limits.rpd);
  put("tpm", limits.tpm);
  put("itpm", limits.itpm);
  put("otpm", limits.otpm);
  if (limits.concurrency > 0) out["concurrency"] = limits.concurrency;
  put("burst", limits.burst);
  if (!limits.learn) out["learn"] = false;
  if (limits.learn_latency) out["learn"] = "latency";
  return null_if_empty(std::move(out));
}

struct TimeoutField {
  const char* name;
  std::optional<milliseconds> EntryTimeouts::* member;
};
constexpr std::array<TimeoutField, 5> kTimeouts = {{{"connect", &EntryTimeouts::connect},
                                                    {"first_byte", &EntryTimeouts::first_byte},
                                                    {"stall", &EntryTimeouts::stall},
                                                    {"attempt", &EntryTimeouts::attempt},
                                                    {"total", &EntryTimeouts::total}}};
void apply_timeouts(ModelEntry& entry, const Json& value) {
  entry.timeouts = {};
  for (const auto& [name, field] : map_value(value, {"connect", "first_byte", "stall", "attempt", "total"})) {
    for (const TimeoutField& row : kTimeouts) {
      if (name == row.name) entry.timeouts.*row.member = duration_value(field, false, name);
    }
  }
}
Json show_timeouts(const ModelEntry& entry) {
  Json out = Json::object();
  for (const TimeoutField& row : kTimeouts) {
    if (const auto& value = entry.timeouts.*row.member) out[row.name] = duration_text(*value);
  }
  return null_if_empty(std::move(out));
}

void apply_retry(ModelEntry& entry, const Json& value) {
  entry.retry = {};
  std::vector<std::string> known = kRetryKinds;
  known.insert(known.end(), {"max_hint", "ambiguous"});
  for (const auto& [name, field] : map_value(value, {})) {
    if (const auto kind = error_kind_from_text(name); kind && never_retried(*kind)) {
      throw FieldFault{name, "is never retried", ""};
    }
    if (name == "max_hint") {
      entry.retry.max_hint = duration_value(field, true, name);
    } else if (name == "ambiguous") {
      entry.retry.ambiguous = flag_value(field, name);
    } else if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw FieldFault{name, "unknown key", nearest_hint(name, known)};
    } else {
      EntryRetry::Change& change = entry.retry.kinds[*error_kind_from_text(name)];
      for (const auto& [part, content] : map_value(field, {"attempts", "base", "cap"}, name)) {
        const std::string sub = name + "." + part;
        if (part == "attempts") {
          change.tries =
              content == "any"
                  ? 0U
                  : static_cast<std::uint32_t>(std::min<std::int64_t>(count_value(content, 1, sub), 1'000'000));
        } else {
          (part == "base" ? change.base : change.cap) = duration_value(content, true, sub);
        }
      }
    }
  }
}
Json show_retry(const ModelEntry& entry) {
  Json out = Json::object();
  for (const auto& [kind, change] : entry.retry.kinds) {
    Json& row = out[std::string(to_text(kind))] = Json::object();
    if (change.tries) row["attempts"] = *change.tries == 0 ? Json("any") : Json(*change.tries);
    if (change.base) row["base"] = duration_text(*change.base);
    if (change.cap) row["cap"] = duration_text(*change.cap);
  }
  if (entry.retry.max_hint) out["max_hint"] = duration_text(*entry.retry.max_hint);
  if (entry.retry.ambiguous) out["ambiguous"] = *entry.retry.ambiguous;
  return null_if_empty(std::move(out));
}

void apply_fallbacks(ModelEntry& entry, const Json& value) {
  entry.fallbacks = texts_value(value);
  for (auto at = entry.fallbacks.begin(); at != entry.fallbacks.end(); ++at) {
    if (at->empty()) throw FieldFault{"", "an empty name", ""};
    if (std::find(entry.fallbacks.begin(), at, *at) != at) throw FieldFault{"", *at + " stands there twice", ""};
  }
}

void apply_fallback_on(ModelEntry& entry, const Json& value) {
  entry.fallback_on.clear();
  for (const std::string& name : texts_value(value)) {
    if (std::find(kFallbackKinds.begin(), kFallbackKinds.end(), name) == kFallbackKinds.end()) {
      throw FieldFault{"", name + " is no kind that a fallback can help", nearest_hint(name, kFallbackKinds)};
    }
    entry.fallback_on.push_back(*error_kind_from_text(name));
  }
}
Json show_fallback_on(const ModelEntry& entry) {
  Json out = Json::array();
  for (const ErrorKind kind : entry.fallback_on) out.push_back(std::string(to_text(kind)));
  return null_if_empty(std::move(out));
}

void apply_cooldown(ModelEntry& entry, const Json& value) {
  Cooldown& cooldown = entry.cooldown;
  cooldown = {};
  for (const auto& [name, field] : map_value(value, {"failures", "first", "max"})) {
    if (name == "failures") {
      cooldown.failures = static_cast<std::uint32_t>(std::min<std::int64_t>(count_value(field, 1, name), 1'000'000));
    } else {
      (name == "first" ? cooldown.first : cooldown.max) = duration_value(field, false, name);
    }
  }
  if (cooldown.max < cooldown.first) throw FieldFault{"max", "is shorter than first", ""};
}
Json show_cooldown(const ModelEntry& entry) {
  const Cooldown usual;
  Json out = Json::object();
  if (entry.cooldown.failures != usual.failures) out["failures"] = entry.cooldown.failures;
  if (entry.cooldown.first != usual.first) out["first"] = duration_text(entry.cooldown.first);
  if (entry.cooldown.max != usual.max) out["max"] = duration_text(entry.cooldown.max);
  return null_if_empty(std::move(out));
}

void apply_hedge(ModelEntry& entry, const Json& value) {
  entry.hedge = {};
  if (value == false || value == "off") return;
  if (value == "p95") {
    entry.hedge.mode = Hedge::Mode::p95;
    return;
  }
  entry.hedge.mode = Hedge::Mode::after;
  try {
    entry.hedge.after = duration_value(value, false);
  } catch (FieldFault& fault) {
    throw FieldFault{"", "must be off, p95 or a duration", fault.hint};
  }
}
Json show_hedge(const ModelEntry& entry) {
  if (entry.hedge.mode == Hedge::Mode::off) return nullptr;
  return entry.hedge.mode == Hedge::Mode::p95 ? "p95" : duration_text(entry.hedge.after);
}

void apply_args(ModelEntry& entry, const Json& value) {
  entry.local_server.args = texts_value(value);
  for (const std::string& word : entry.local_server.args) {
    if (word.starts_with("--api-key")) throw FieldFault{"", "a key does not belong on a command line", ""};
  }
}

void apply_proxy(ModelEntry& entry, const Json& value) {
  entry.proxy = text_value(value);
  if (entry.proxy.find('@') != std::string::npos) {
    throw FieldFault{"", "a user or password does not belong there", "the variable HTTPS_PROXY may hold them"};
  }
}

std::string_view stream_text(StreamMode mode) {
  return mode == StreamMode::always ? "always" : mode == StreamMode::never ? "never" : "auto";
}

// Rows of one member, named by a function that gives it.
template <auto member>
ModelField text_row(std::string_view name, bool pinned) {
  return {name,
          Where::both,
          0,
          pinned,
          [](ModelEntry& e, const Json& v) { member(e) = text_value(v); },
          [](const ModelEntry& e) { return text_or_null(member(e)); }};
}
template <auto member>
ModelField flag_row(std::string_view name) {
  return {name,
          Where::both,
          0,
          true,
          [](ModelEntry& e, const Json& v) { member(e) = flag_value(v); },
          [](const ModelEntry& e) { return member(e) ? Json(true) : Json(); }};
}
template <auto member, std::int64_t least>
ModelField count_row(std::string_view name) {
  return {name,
          Where::both,
          0,
          true,
          [](ModelEntry& e, const Json& v) { member(e) = count_value(v, least); },
          [](const ModelEntry& e) { return value_or_null(member(e)); }};
}

Json nothing(const ModelEntry&) { return nullptr; }

const std::vector<ModelField>& rows() {
  static const std::vector<ModelField> table = {
      {"model", Where::model, 0, false, [](ModelEntry&, const Json& v) { text_value(v); }, nothing},
      {"extends", Where::model, 0, false, [](ModelEntry&, const Json& v) { text_value(v); }, nothing},
      {"type", Where::provider, 0, false,
       [](ModelEntry& e, const Json& v) { e.type = choice_value(v, provider_types()); }, nothing},
      {"base_url", Where::both, 0, false,
       [](ModelEntry& e, const Json& v) {
         e.base_url = text_value(v);
         // OLLAMA_HOST may come without a scheme; every other address has one.
         if (e.type != "ollama") check_url(e.base_url);
       },
       nothing},
      text_row<[](auto& e) -> auto& { return e.api_version; }>("api_version", true),
      {"api", Where::both, 0, true, [](ModelEntry& e, const Json& v) { e.api = choice_value(v, {"v1", "v2"}); },
       [](const ModelEntry& e) { return text_or_null(e.api); }},
      {"key_env", Where::both, 0, false, apply_key_env, nothing},
      {"key_file", Where::both, 0, false,
       [](ModelEntry& e, const Json& v) {
         e.key_file = text_value(v);
         e.key_envs.clear();
         e.key_needed = true;
       },
       nothing},
      {"headers", Where::both, 1, true, apply_headers, show_headers},
      {"params", Where::both, 1, true, apply_params,
       [](const ModelEntry& e) { return null_if_empty(to_json(e.params)); }},
      {"extra", Where::both, 20, true, apply_extra, [](const ModelEntry& e) { return e.extra; }},
      flag_row<[](auto& e) -> auto& { return e.strict_params; }>("strict_params"),
      count_row<[](auto& e) -> auto& { return e.max_output; }, 1>("max_output"),
      count_row<[](auto& e) -> auto& { return e.context; }, 1>("context"),
      {"image_tokens", Where::both, 0, true, [](ModelEntry& e, const Json& v) { e.image_tokens = count_value(v, 0); },
       [](const ModelEntry& e) { return e.image_tokens == 3000 ? Json() : Json(e.image_tokens); }},
      {"reasoning_model", Where::both, 0, true, [](ModelEntry& e, const Json& v) { e.reasoning_model = flag_value(v); },
       [](const ModelEntry& e) { return value_or_null(e.reasoning_model); }},
      {"token_field", Where::both, 0, true,
       [](ModelEntry& e, const Json& v) {
         e.token_field = choice_value(v, {"auto", "max_tokens", "max_completion_tokens"});
       },
       [](const ModelEntry& e) { return e.token_field == "auto" ? Json() : Json(e.token_field); }},
      {"think_tags", Where::both, 0, true,
       [](ModelEntry& e, const Json& v) { e.keep_think_tags = choice_value(v, {"auto", "keep"}) == "keep"; },
       [](const ModelEntry& e) { return e.keep_think_tags ? Json("keep") : Json(); }},
      {"stream", Where::both, 0, true,
       [](ModelEntry& e, const Json& v) {
         const std::string text = choice_value(v, {"auto", "always", "never"});
         e.stream = text == "always" ? StreamMode::always : text == "never" ? StreamMode::never : StreamMode::automatic;
       },
       [](const ModelEntry& e) {
         return e.stream == StreamMode::automatic ? Json() : Json(std::string(stream_text(e.stream)));
       }},
      {"price", Where::both, 0, true, apply_price,
       [](const ModelEntry& e) { return e.price ? to_json(*e.price) : Json(); }},
      {"limits", Where::both, 1, false, apply_limits, show_limits},
      {"timeouts", Where::both, 1, true, apply_timeouts, show_timeouts},
      {"retry", Where::both, 2, true, apply_retry, show_retry},
      {"fallbacks", Where::both, 0, false, apply_fallbacks,
       [](const ModelEntry& e) { return texts_or_null(e.fallbacks); }},
      {"fallback_wait", Where::both, 0, true,
       [](ModelEntry& e, const Json& v) { e.fallback_wait = duration_value(v, true); },
       [](const ModelEntry& e) {
         return e.fallback_wait == milliseconds(60'000) ? Json() : Json(duration_text(e.fallback_wait));
       }},
      {"fallback_on", Where::both, 0, true, apply_fallback_on, show_fallback_on},
      {"cooldown", Where::both, 1, true, apply_cooldown, show_cooldown},
      {"hedge", Where::both, 0, true, apply_hedge, show_hedge},
      text_row<[](auto& e) -> auto& { return e.endpoint_id; }>("endpoint_id", true),
      flag_row<[](auto& e) -> auto& { return e.allow_http; }>("allow_http"),
      text_row<[](auto& e) -> auto& { return e.ca_file; }>("ca_file", false),
      {"proxy", Where::both, 0, false, apply_proxy, [](const ModelEntry& e) { return text_or_null(e.proxy); }},
      text_row<[](auto& e) -> auto& { return e.local_server.path; }>("path", true),
      count_row<[](auto& e) -> auto& { return e.local_server.slots; }, 1>("slots"),
      count_row<[](auto& e) -> auto& { return e.local_server.ctx; }, 1>("ctx"),
      count_row<[](auto& e) -> auto& { return e.local_server.gpu_layers; }, 0>("gpu_layers"),
      {"args", Where::both, 0, true, apply_args,
       [](const ModelEntry& e) { return texts_or_null(e.local_server.args); }},
      text_row<[](auto& e) -> auto& { return e.local_server.server; }>("server", false),
      {"idle_stop", Where::both, 0, false,
       [](ModelEntry& e, const Json& v) { e.local_server.idle_stop = duration_value(v, false); },
       [](const ModelEntry& e) {
         const milliseconds stop = e.local_server.idle_stop;
         return stop == milliseconds(600'000) ? Json() : Json(duration_text(stop));
       }},
      {"command", Where::both, 0, true,
       [](ModelEntry& e, const Json& v) {
         e.program.command = texts_value(v);
         if (e.program.command.empty() || e.program.command.front().empty())
           throw FieldFault{"", "names no program", ""};
       },
       [](const ModelEntry& e) { return texts_or_null(e.program.command); }},
      {"workers", Where::both, 0, false, [](ModelEntry& e, const Json& v) { e.program.workers = count_value(v, 1); },
       [](const ModelEntry& e) { return e.program.workers == 1 ? Json() : Json(e.program.workers); }},
      {"env_keys", Where::both, 0, false, [](ModelEntry& e, const Json& v) { e.program.env_keys = variable_names(v); },
       [](const ModelEntry& e) { return texts_or_null(e.program.env_keys); }},
      {"sim", Where::model, 1, false, [](ModelEntry&, const Json& v) { sim_query(v); }, nothing},
  };
  return table;
}

bool is_key_field(std::string_view name) { return name == "key_env" || name == "key_file"; }

}  // namespace

std::span<const ModelField> model_fields() { return rows(); }

const ModelField* find_model_field(std::string_view name) {
  const auto found =
      std::find_if(rows().begin(), rows().end(), [&](const ModelField& row) { return row.name == name; });
  return found == rows().end() ? nullptr : &*found;
}

std::vector<std::string> field_names(Where where) {
  std::vector<std::string> names;
  for (const ModelField& row : rows()) {
    if (row.where == Where::both || row.where == where) names.emplace_back(row.name);
  }
  return names;
}

Json merged(const Json& under, const Json& over, int depth) {
  if (depth == 0 || !under.is_object() || !over.is_object()) return over;
  Json out = under;
  for (const auto& [key, value] : over.items()) {
    const auto found = out.find(key);
    out[key] = found == out.end() ? value : merged(*found, value, depth - 1);
  }
  return out;
}

void put_over(FieldMap& farther, const FieldMap& nearer) {
  if (std::any_of(nearer.begin(), nearer.end(), [](const auto& field) { return is_key_field(field.first); })) {
    std::erase_if(farther, [](const auto& field) { return is_key_field(field.first); });
  }
  for (const auto& [name, field] : nearer) {
    const auto found = farther.find(name);
    const ModelField* row = find_model_field(name);
    if (found != farther.end() && row != nullptr && row->merge_depth > 0) {
      found->second = {merged(found->second.value, field.value, row->merge_depth), field.origin};
    } else {
      farther.insert_or_assign(name, field);
    }
  }
}

}  // namespace assay
