#include "tests/runners/llm/vectors.hpp"

#include <cmath>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "runners/llm/body.hpp"
#include "runners/llm/hints.hpp"
#include "runners/llm/names.hpp"
#include "runners/llm/prices.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/retry_policy.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/sim.hpp"

using namespace assay;
using namespace assay::test;

namespace {

std::string text_or(const Json& value, const char* name) {
  const auto found = value.find(name);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

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
