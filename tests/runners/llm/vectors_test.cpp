#include "tests/runners/llm/vectors.hpp"

#include <cmath>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "runners/llm/body.hpp"
#include "runners/llm/hints.hpp"
#include "runners/llm/names.hpp"
#include "runners/llm/openai_reply.hpp"
#include "runners/llm/prices.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/retry_policy.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/sim.hpp"
#include "runners/llm/sse.hpp"

using namespace assay;
using namespace assay::test;

namespace {

std::string text_or(const Json& value, const char* name) {
  const auto found = value.find(name);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json usage_json(const std::optional<Usage>& usage) {
  if (!usage) return nullptr;
  Json out;
  const auto put = [&](const char* name, const std::optional<std::int64_t>& value) {
    out[name] = value ? Json(*value) : Json();
  };
  put("in", usage->in);
  put("out", usage->out);
  put("cached", usage->cached);
  put("cache_write", usage->cache_write);
  put("reasoning", usage->reasoning);
  if (usage->told_cost) out["cost_usd"] = static_cast<double>(*usage->told_cost) / 1e12;
  return out;
}

Json outcome_json(const tl::expected<ChatReply, CallError>& outcome, bool stream) {
  Json out;
  out["ok"] = outcome.has_value();
  if (outcome) {
    out["text"] = outcome->text;
    out["reasoning"] = outcome->reasoning.empty() ? Json() : Json(outcome->reasoning);
    out["stop"] = std::string(to_text(outcome->stop));
    out["usage"] = usage_json(outcome->usage);
    out["model"] = outcome->model.empty() ? Json() : Json(outcome->model);
    out["id"] = outcome->id.empty() ? Json() : Json(outcome->id);
    out["flags"] = outcome->flags.names();
  } else {
    const CallError& error = outcome.error();
    out["kind"] = std::string(to_text(error.kind));
    out["sub"] = error.sub.empty() ? Json() : Json(error.sub);
    out["code"] = error.code.empty() ? Json() : Json(error.code);
    out["by_text"] = error.by_text;
    if (stream) out["partial_text"] = error.partial_text;
  }
  return out;
}

std::string base64_decoded(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value =
        std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").find(c);
    if (value == std::string_view::npos) break;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 0xFFU);
    }
  }
  return out;
}

EnvironmentLookup environment_of(const Json& values) {
  return [values](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->get<std::string>();
  };
}

bool thinks(const std::string& provider) { return provider != "openai"; }

}  // namespace

TEST_CASE("every request vector of the OpenAI family gives its URL, headers, body and dropped parameters") {
  const auto cases = vectors("requests.json");
  if (!cases) return;
  Tally tally("requests.json");
  const EnvironmentLookup environment = [](std::string_view name) -> std::optional<std::string> {
    if (name.ends_with("_API_KEY") || name.ends_with("_TOKEN")) return "key-0123456789";
    return std::nullopt;
  };
  SecretStore secrets;
  const ModelRegistry registry(environment, secrets);
  for (const Json& item : *cases) {
    const Json& given = item["request"];
    const std::string provider = given["provider"];
    if (!is_openai_family(provider)) {
      tally.skip("provider " + provider + " not built");
      continue;
    }
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    const std::string expected_error = text_or(item, "error");
    auto request = chat_request_from_json(given);
    if (!request) {
      CHECK(to_text(request.error().kind) == expected_error);
      continue;
    }
    if (!given.contains("stream")) request->stream = StreamMode::never;
    const ModelHandle model = registry.callable(provider + "/" + given["model"].get<std::string>());
    const auto prepared = openai_provider().build(*request, *model);
    if (!prepared) {
      CHECK(to_text(prepared.error().kind) == expected_error);
      continue;
    }
    REQUIRE(expected_error.empty());
    CHECK(model->url == item["url"].get<std::string>());
    CHECK(nlohmann::json::parse(prepared->wire_body()) == nlohmann::json::parse(item["body"].dump()));
    CHECK(Json(prepared->dropped) == item["dropped"]);
    for (const auto& [name, value] : item["headers"].items()) {
      std::string found;
      for (const Header& header : prepared->headers) {
        if (header.name == name) found = header.value + (header.secret.empty() ? "" : "{key}");
      }
      CHECK(found == value.get<std::string>());
    }
    // The text that is hashed is what the JSON library itself would write.
    const std::string body(prepared->canonical.substr(prepared->body_begin, prepared->body_size));
    CHECK(body == nlohmann::json::parse(body).dump());
    CHECK(prepared->canonical == nlohmann::json::parse(prepared->canonical).dump());
  }
}

TEST_CASE("every reply vector: text, reasoning, stop, flags, usage, or kind, sub, code, by_text") {
  const auto cases = vectors("replies.json");
  if (!cases) return;
  Tally tally("replies.json");
  for (const Json& item : *cases) {
    const std::string provider = item["provider"];
    const int status = item["status"];
    const bool good = status >= 200 && status < 300;
    const bool same_shape =
        is_openai_family(provider) || provider == "together" || provider == "azure" || provider == "llama";
    if (good && !same_shape) {
      tally.skip("provider " + provider + " not built");
      continue;
    }
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    const std::string body = item["body"];
    tl::expected<ChatReply, CallError> outcome;
    if (good) {
      outcome = parse_openai_reply(body, provider, thinks(provider) && provider != "azure");
    } else {
      outcome = tl::unexpected(classify_error(provider, status, parse_json_lenient(body).value_or(Json())));
    }
    CHECK(outcome_json(outcome, false) == item["expect"]);
    if (const auto scanned = scan_openai_reply(body)) {
      CHECK(item["expect"]["ok"] == true);
      if (!thinks(provider)) CHECK(outcome_json(*scanned, false) == item["expect"]);
    }
  }
}

TEST_CASE("every stream vector gives one result whole, byte by byte and at random splits") {
  const auto cases = vectors("streams.json");
  if (!cases) return;
  Tally tally("streams.json");
  RandomStream random(11);
  for (const Json& item : *cases) {
    const std::string provider = item["provider"];
    const bool same_shape =
        is_openai_family(provider) || provider == "together" || provider == "azure" || provider == "llama";
    if (!same_shape) {
      tally.skip("provider " + provider + " not built");
      continue;
    }
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    const std::string raw = base64_decoded(item["raw_b64"].get<std::string>());
    CHECK(outcome_json(parse_openai_reply(raw, provider, thinks(provider) && provider != "azure"), true) ==
          item["expect"]);
    if (!looks_like_sse(raw)) continue;
    const auto events_of = [&](const auto& next_cut) {
      std::vector<std::string> events;
      SseParser parser([&](const SseParser::Event& event) { events.push_back(event.type + "|" + event.data); });
      for (std::size_t at = 0; at < raw.size();) {
        const std::size_t length = std::min(raw.size() - at, next_cut());
        parser.feed(std::string_view(raw).substr(at, length));
        at += length;
      }
      parser.finish();
      return events;
    };
    const auto whole = events_of([&] { return raw.size(); });
    REQUIRE(events_of([] { return std::size_t{1}; }) == whole);
    for (int round = 0; round < 1000; ++round) {
      REQUIRE(events_of([&] { return std::size_t{1} + random.next() % 40; }) == whole);
    }
  }
}

TEST_CASE("what llama-server really sent is read as its vectors say") {
  const auto cases = vectors("llama_captured.json");
  if (!cases) return;
  Tally tally("llama_captured.json");
  for (const Json& item : *cases) {
    if (!item.contains("expect")) {
      tally.skip("no expectation");
      continue;
    }
    CAPTURE(item["id"].get<std::string>());
    const int status = item["status"];
    const std::string body = base64_decoded(item["body_b64"].get<std::string>());
    tl::expected<ChatReply, CallError> outcome;
    if (status == 200)
      outcome = parse_openai_reply(body, "llama", true);
    else
      outcome = tl::unexpected(classify_error("llama", status, parse_json_lenient(body).value_or(Json())));
    tally.tested();
    const Json mine = outcome_json(outcome, item["expect"].contains("partial_text"));
    for (const auto& [name, value] : item["expect"].items()) {
      CAPTURE(name);
      if (mine.contains(name)) CHECK(mine[name] == value);
    }
  }
}

TEST_CASE("every retry hint is read from its first readable source") {
  const auto cases = vectors("retry_hints.json");
  if (!cases) return;
  Tally tally("retry_hints.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    std::vector<Header> headers;
    for (const auto& [name, value] : item["headers"].items()) headers.push_back({name, value.get<std::string>(), ""});
    const auto hint = find_wait_hint(headers, parse_json_lenient(item["body"].get<std::string>()).value_or(Json()),
                                     item["now"].get<double>());
    CHECK((hint ? Json(hint->source) : Json()) == item["source"]);
    REQUIRE(hint.has_value() == !item["wait_ms"].is_null());
    if (hint) CHECK(hint->wait_ms == doctest::Approx(item["wait_ms"].get<double>()));
  }
}

TEST_CASE("limit headers are read per dimension") {
  const auto cases = vectors("limit_headers.json");
  if (!cases) return;
  Tally tally("limit_headers.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    std::vector<Header> headers;
    for (const auto& [name, value] : item["headers"].items()) headers.push_back({name, value.get<std::string>(), ""});
    const auto found = read_limit_headers(item["provider"].get<std::string>(), headers, item["now"].get<double>());
    REQUIRE(found.size() == item["expect"].size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Json& expect = item["expect"][i];
      CHECK(found[i].dimension == expect["dim"].get<std::string>());
      CHECK(found[i].limit == expect["limit"].get<double>());
      CHECK(found[i].remaining == expect["remaining"].get<double>());
      CHECK(found[i].window_s == expect["window_s"].get<double>());
      CHECK(found[i].per_s == doctest::Approx(expect["per_s"].get<double>()));
      REQUIRE(found[i].reset_ms.has_value() == !expect["reset_ms"].is_null());
      if (found[i].reset_ms) CHECK(*found[i].reset_ms == doctest::Approx(expect["reset_ms"].get<double>()));
    }
  }
}

TEST_CASE("back-off is drawn within the bounds of its kind") {
  const auto cases = vectors("backoff.json");
  if (!cases) return;
  Tally tally("backoff.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    const auto kind = error_kind_from_text(item["kind"].get<std::string>());
    REQUIRE(kind.has_value());
    CHECK(item["wait_between_ms"][0] == 0);
    CHECK(backoff_bound(default_retry_rule(*kind), item["retry_index"].get<std::uint32_t>()).count() ==
          item["wait_between_ms"][1].get<std::int64_t>());
  }
}

TEST_CASE("money is exact to the pico-dollar") {
  const auto cases = vectors("money.json");
  if (!cases) return;
  Tally tally("money.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    Usage usage;
    const auto number = [&](const char* name) -> std::optional<std::int64_t> {
      const auto found = item["usage"].find(name);
      if (found == item["usage"].end() || found->is_null()) return std::nullopt;
      return found->get<std::int64_t>();
    };
    usage.in = number("in");
    usage.out = number("out");
    usage.cached = number("cached");
    usage.cache_write = number("cache_write");
    usage.reasoning = number("reasoning");
    usage.billed_in = number("billed_in");
    usage.billed_out = number("billed_out");
    if (item.contains("error")) {
      CHECK_THROWS_AS(price_from_json(item["price_per_million"]), Error);
      continue;
    }
    CHECK(cost_of(usage, price_from_json(item["price_per_million"]), item["batch"].get<bool>()) ==
          item["pico_usd"].get<Pico>());
  }
}

TEST_CASE("the upper bound of a prompt's tokens") {
  const auto cases = vectors("token_bounds.json");
  if (!cases) return;
  Tally tally("token_bounds.json");
  for (const Json& item : *cases) {
    tally.tested();
    Json request;
    request["messages"] = item["messages"];
    CHECK(upper_bound_tokens(chat_request_from_json(request)->messages) ==
          item["upper_bound_tokens"].get<std::int64_t>());
  }
}

TEST_CASE("canonical request and hash come out byte for byte") {
  const auto cases = vectors("hashes.json");
  if (!cases) return;
  Tally tally("hashes.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    Json body = item["body"];
    body.erase("stream");
    body.erase("stream_options");
    std::string text;
    append_sorted_json(text, body);
    PreparedRequest prepared;
    finish_canonical(prepared, text, item["type"].get<std::string>(), item["endpoint"].get<std::string>(),
                     item["path"].get<std::string>(), item["epoch"].get<std::int64_t>());
    CHECK(prepared.canonical == item["canonical"].get<std::string>());
    CHECK(to_hex(prepared.hash) == item["xxh3_128"].get<std::string>());
    // The writer of the OpenAI provider gives the same text.
    if (item["type"] != "openai" || !item["body"].contains("temperature")) continue;
    Json request;
    request["messages"] = body["messages"];
    request["params"]["temperature"] = body["temperature"];
    if (body.contains("max_tokens")) request["params"]["max_tokens"] = body["max_tokens"];
    request["epoch"] = item["epoch"];
    ModelEntry entry;
    entry.provider = entry.type = "openai";
    entry.model = body["model"];
    entry.endpoint = item["endpoint"];
    entry.path = item["path"];
    if (body.size() != 3 + (body.contains("max_tokens") ? 1 : 0)) continue;
    const auto built = openai_provider().build(*chat_request_from_json(request), entry);
    REQUIRE(built.has_value());
    CHECK(built->canonical == item["canonical"].get<std::string>());
    CHECK(built->hash == prepared.hash);
  }
}

TEST_CASE("names resolve by alias, provider and environment") {
  const auto cases = vectors("names.json");
  if (!cases) return;
  Tally tally("names.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    ModelsConfig config;
    for (const auto& [alias, target] : item["aliases"].items()) config.aliases[alias] = target.get<std::string>();
    for (const auto& [name, own] : item["providers"].items()) {
      ProviderConfig provider;
      provider.type = text_or(own, "type");
      provider.base_url = text_or(own, "base_url");
      if (own.contains("key_env")) provider.key_env = own["key_env"].get<std::string>();
      config.providers[name] = provider;
    }
    SecretStore secrets;
    const ModelRegistry registry(environment_of(item["env"]), secrets, config);
    if (item.contains("error")) {
      try {
        registry.entry(item["name"].get<std::string>());
        FAIL_CHECK("was not refused");
      } catch (const Error& error) {
        CHECK(error.kind() == item["error"].get<std::string>());
      }
      continue;
    }
    const ModelHandle entry = registry.entry(item["name"].get<std::string>());
    const Json& expect = item["expect"];
    CHECK((entry->alias.empty() ? Json() : Json(entry->alias)) == expect["alias"]);
    CHECK(entry->provider == expect["provider"].get<std::string>());
    CHECK(entry->type == expect["type"].get<std::string>());
    CHECK(entry->model == expect["model"].get<std::string>());
    CHECK((entry->key_env.empty() ? Json() : Json(entry->key_env)) == expect["key_env"]);
    CHECK(entry->key_needed == expect["key_needed"].get<bool>());
  }
}

TEST_CASE("addresses become request URLs, bad ones are refused") {
  const auto cases = vectors("urls.json");
  if (!cases) return;
  Tally tally("urls.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    try {
      std::string url;
      if (item.contains("base_url"))
        url = chat_url(item["base_url"].get<std::string>());
      else if (item.contains("ollama_host"))
        url = ollama_base(item["ollama_host"].get<std::string>()) + "/api/chat";
      else
        url = azure_url(item["azure_endpoint"].get<std::string>(), item["deployment"].get<std::string>(),
                        item["api_version"].get<std::string>());
      REQUIRE(item.contains("url"));
      CHECK(url == item["url"].get<std::string>());
    } catch (const Error& error) {
      CHECK(error.kind() == text_or(item, "error"));
    }
  }
}

TEST_CASE("keys are blanked out in every form") {
  const auto cases = vectors("redaction.json");
  if (!cases) return;
  Tally tally("redaction.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    SecretStore store;
    for (const auto& [name, value] : item["keys"].items()) store.put(name, value.get<std::string>());
    CHECK(store.redact(item["text"].get<std::string>()) == item["redacted"].get<std::string>());
    CHECK(store.holds_secret(item["text"].get<std::string>()) == (item["text"] != item["redacted"]));
  }
}

TEST_CASE("the simulated model draws what its vectors say") {
  const auto cases = vectors("simulated.json");
  if (!cases) return;
  Tally tally("simulated.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    std::string name = "qa?";
    for (const auto& [key, value] : item["params"].items()) {
      std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      if (key == "fail") {
        text.clear();
        for (const Json& pair : value) {
          text += (text.empty() ? "" : ",") + pair[0].get<std::string>() + ":" + pair[1].dump();
        }
      }
      name += key + "=" + text + "&";
    }
    std::optional<Hint> hint;
    if (item["hint"].is_object()) {
      hint.emplace();
      hint->answer = item["hint"]["answer"].get<std::string>();
      if (item["hint"].contains("options")) hint->options = item["hint"]["options"].get<std::vector<std::string>>();
    }
    const SimDraw draw =
        draw_sim(parse_sim(name), item["canonical"].get<std::string>(), hint, item["attempt"].get<int>());
    const Json& expect = item["expect"];
    CHECK(std::fabs(draw.latency_ms - expect["latency_ms"].get<double>()) <= 1e-6 * (1 + draw.latency_ms));
    CHECK(draw.outcome == expect["outcome"].get<std::string>());
    if (expect.contains("text")) CHECK(draw.text == expect["text"].get<std::string>());
    if (expect.contains("correct")) CHECK(draw.correct == expect["correct"].get<bool>());
  }
}
