// Each provider's paths, keys, required fields, replies, streams and errors.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/mock_server/asking.hpp"
#include "tests/mock_server/raw.hpp"
#include "tests/support/mock_server.hpp"

using namespace assay::test;
using assay::Json;

namespace {

// The cases of a file of shared vectors; null when there is none.
Json vectors(const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(ASSAY_SHARED_DATA) / "models" / name;
  std::ifstream in(path);
  if (!in) {
    std::cout << "skipped: no " << name << " beside the checkout\n";
    return nullptr;
  }
  std::stringstream text;
  text << in.rdbuf();
  return Json::parse(text.str());
}

Json vector_named(const Json& all, const std::string& id) {
  for (const Json& one : all) {
    if (one["id"] == id) return one;
  }
  throw std::runtime_error("no vector " + id);
}

// What `wanted` has and `got` lacks: members by name, the first elements of lists, kinds of values (null fits any).
std::string missing(const Json& wanted, const Json& got, const std::string& place = "") {
  if (wanted.is_null() || got.is_null()) return "";
  if (wanted.is_number() && got.is_number()) return "";
  if (wanted.type() != got.type()) return place + " is of another kind; ";
  std::string out;
  if (wanted.is_object()) {
    for (const auto& [name, value] : wanted.items()) {
      if (!got.contains(name)) {
        out += place + "/" + name + "; ";
      } else {
        out += missing(value, got[name], place + "/" + name);
      }
    }
  }
  if (wanted.is_array() && !wanted.empty()) {
    out += got.empty() ? place + " is empty; " : missing(wanted[0], got[0], place + "/0");
  }
  return out;
}

std::string decode64(const std::string& text) {
  std::string out;
  unsigned bits = 0, held = 0;
  for (const char c : text) {
    const char* all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char* at = std::strchr(all, c);
    if (c == '\0' || at == nullptr) break;
    held = (held << 6) | static_cast<unsigned>(at - all);
    bits += 6;
    if (bits >= 8) out += static_cast<char>((held >> (bits -= 8)) & 0xFFU);
  }
  return out;
}

std::string value_at(const Json& value, const std::string& pointer) {
  const Json::json_pointer place(pointer);
  if (!value.contains(place)) return "(absent)";
  const Json& found = value.at(place);
  return found.is_string() ? found.get<std::string>() : found.dump();
}

}  // namespace

TEST_CASE("every provider answers its own question in its own shape, whole and streamed") {
  MockServer mock;
  for (const std::string& provider : providers()) {
    CAPTURE(provider);
    const std::string answer = ask_provider(mock.port(), provider, "A: 12 B: 30");
    CHECK(status_of(answer) == 200);
    CHECK(text_in(provider, body_of(answer)) == "42");
    mock.config(R"({"reply":"one \"two\" three \\ \u00fc"})");
    const std::string streamed = ask_provider(mock.port(), provider, "x", true);
    CHECK(status_of(streamed) == 200);
    CHECK(header_of(streamed, "Content-Type") ==
          (provider == "ollama" || provider == "cohere-v1" ? "application/x-ndjson" : "text/event-stream"));
    CHECK(text_of_stream(provider, unchunk(body_of(streamed))) == "one \"two\" three \\ \xc3\xbc");
    mock.config(R"({"reply":null})");
  }
  CHECK(mock.stats()["answered"] == 2 * providers().size());
}

TEST_CASE("the request vectors are accepted at their URL with their headers") {
  const Json all = vectors("requests.json");
  if (all.is_null()) return;
  MockServer mock;
  mock.config(R"({"llama":{"vision":true}})");
  std::map<std::string, int> seen;
  for (const Json& one : all) {
    const Json& expect = one.contains("expect") ? one["expect"] : one;
    if (!expect.contains("body") || expect["body"].is_null()) continue;
    const std::string url = expect["url"], provider = one["request"]["provider"];
    std::string path = url.substr(url.find('/', url.find("://") + 3));
    for (const char* preset : {"together", "llama", "groq", "deepseek", "vllm"}) {
      if (provider == preset) path = "/" + provider + path;
    }
    std::string headers;
    for (const auto& [name, value] : expect["headers"].items()) {
      std::string text = value;
      if (const std::size_t key = text.find("{key}"); key != std::string::npos) text.replace(key, 5, "sk-test");
      if (name != "Content-Type") headers += name + ": " + text + "\r\n";
    }
    if (headers.find("ey") == std::string::npos && headers.find("Authorization") == std::string::npos) {
      headers += kNoKey;
    }
    Raw raw(mock.port());
    raw.send(http_post(path, expect["body"].dump(), headers));
    const std::string answer = raw.answer();
    CAPTURE(one["id"].get<std::string>());
    CAPTURE(answer.substr(0, 600));
    CHECK(status_of(answer) == 200);
    ++seen[provider];
  }
  CHECK(seen.size() >= 9);
  CHECK(mock.stats()["by_status"].size() == 1);
}

TEST_CASE("replies and streams have every member that the vectors of their provider have") {
  const Json replies = vectors("replies.json"), streams = vectors("streams.json"),
             llama = vectors("llama_captured.json");
  if (replies.is_null() || streams.is_null() || llama.is_null()) return;
  MockServer mock;
  struct Case {
    const char *provider, *id, *config;
  };
  for (const Case& c : {Case{"openai", "openai/cached_and_reasoning", "{}"}, Case{"azure", "azure/ok_filters", "{}"},
                        Case{"anthropic", "anthropic/thinking_first", R"({"body":"reasoning_first"})"},
                        Case{"anthropic", "anthropic/cache", "{}"}, Case{"anthropic", "anthropic/max_tokens", "{}"},
                        Case{"cohere", "cohere/ok", "{}"}, Case{"cohere-v1", "cohere/v1_max", "{}"},
                        Case{"together", "together/eos", "{}"}, Case{"gemini", "gemini/ok", "{}"},
                        Case{"openrouter", "openrouter/cost", R"({"prices":{"*":{"in":1,"out":2}}})"}}) {
    CAPTURE(c.id);
    mock.reset(true);
    mock.config(c.config);
    Json wanted = Json::parse(vector_named(replies, c.id)["body"].get<std::string>());
    if (wanted.contains("/usage/prompt_tokens_details"_json_pointer)) {
      wanted["usage"]["prompt_tokens_details"].erase("audio_tokens");
    }
    const Json got = Json::parse(body_of(ask_provider(mock.port(), c.provider, "x")));
    CHECK(missing(wanted, got) == "");
  }
  mock.reset(true);
  for (const auto& [id, provider] : {std::pair{"chat", "llama"}, std::pair{"chat_logprobs", "llama"}}) {
    const Json one = vector_named(llama, id);
    Json wanted = Json::parse(decode64(one["body_b64"]));
    const Json got = Json::parse(body_of(ask_provider(mock.port(), provider, "x", false, one["request"])));
    if (std::string(id) == "chat_logprobs") {
      CHECK(got["choices"][0]["logprobs"]["content"][0]["top_logprobs"].size() == 2);
      wanted["choices"][0].erase("logprobs");
    }
    CHECK(missing(wanted, got) == "");
  }
  for (const Case& c :
       {Case{"llama", "llama/content_null_then_timings", "{}"},
        Case{"anthropic", "anthropic/thinking", R"({"reasoning":"hm"})"}, Case{"cohere", "cohere/ok", "{}"},
        Case{"gemini", "gemini/thoughts", R"({"reasoning":"plan"})"}, Case{"ollama", "ollama/ok", "{}"},
        Case{"ollama", "ollama/thinking", R"({"reasoning":"t"})"}, Case{"azure", "azure/filter_chunk_first", "{}"}}) {
    CAPTURE(c.id);
    mock.reset(true);
    mock.config(c.config);
    mock.config(R"({"reply":"1 2"})");
    const Json one = vector_named(streams, c.id);
    const bool lines = c.provider == std::string("ollama");
    Json more = {{"stream_options", {{"include_usage", true}}}};
    if (c.provider == std::string("llama")) more.clear();
    const auto wanted = events_of(decode64(one["raw_b64"]), lines);
    const auto got = events_of(unchunk(body_of(ask_provider(mock.port(), c.provider, "x", true, more))), lines);
    // Each event of the vector has one of ours with the same name and at least its members, in the same order.
    std::size_t at = 0;
    for (const SeenEvent& event : wanted) {
      const auto fits = [&](const SeenEvent& ours) {
        if (event.name != ours.name) return false;
        if (event.data == "[DONE]" || ours.data == "[DONE]") return event.data == ours.data;
        return missing(Json::parse(event.data), Json::parse(ours.data)).empty();
      };
      while (at < got.size() && !fits(got[at])) ++at;
      CAPTURE(event.data);
      CHECK(at < got.size());
      ++at;
    }
  }
}

TEST_CASE("a missing field, a wrong method or key gets the provider's own error") {
  struct Case {
    const char *provider, *more;  // laid over a good body
    int status;
    const char *pointer, *value;
  };
  MockServer mock;
  for (const Case& c :
       {Case{"openai", R"({"model":null})", 400, "/error/type", "invalid_request_error"},
        Case{"openai", R"({"model":"o3-mini","max_tokens":5})", 400, "/error/code", "unsupported_parameter"},
        Case{"openai", R"({"model":"o3-mini","max_tokens":5})", 400, "/error/param", "max_tokens"},
        Case{"openai", R"({"model":"gpt-5","temperature":0})", 400, "/error/code", "unsupported_value"},
        Case{"azure", R"({"messages":null})", 400, "/error/type", "invalid_request_error"},
        Case{"anthropic", R"({"max_tokens":null})", 400, "/error/message", "max_tokens: Field required"},
        Case{"anthropic", R"({"messages":[{"role":"system","content":"x"}]})", 400, "/error/type",
             "invalid_request_error"},
        Case{"anthropic", R"({"temperature":1.5})", 400, "/type", "error"},
        Case{"anthropic", R"({"model":null})", 400, "/error/type", "invalid_request_error"},
        Case{"cohere", R"({"messages":[]})", 400, "/message",
             "invalid request: message must be at least 1 token long or tool results must be specified."},
        Case{"cohere", R"({"messages":[{"role":"developer","content":"x"}]})", 422, "/message",
             "invalid type: parameter messages.role is of an unknown value"},
        Case{"cohere-v1", R"({"message":null})", 400, "/message",
             "invalid request: message must be at least 1 token long"},
        Case{"together", R"({"messages":null})", 400, "/error/type", "invalid_request_error"},
        Case{"gemini", R"({"contents":null})", 400, "/error/status", "INVALID_ARGUMENT"},
        Case{"gemini", R"({"contents":[{"role":"assistant","parts":[{"text":"x"}]}]})", 400, "/error/code", "400"},
        Case{"gemini", R"({"contents":[{"role":"user","parts":[]}]})", 400, "/error/status", "INVALID_ARGUMENT"},
        Case{"ollama", R"({"model":null})", 400, "/error", "model is required"},
        Case{"llama", R"({"messages":null})", 400, "/error/type", "invalid_request_error"},
        Case{"vllm", R"({"messages":null})", 400, "/object", "error"},
        Case{"openrouter", R"({"messages":null})", 400, "/error/code", "400"},
        Case{"completions", R"({"prompt":null})", 400, "/error/type", "invalid_request_error"}}) {
    CAPTURE(c.provider);
    CAPTURE(c.more);
    const std::string answer = ask_provider(mock.port(), c.provider, "x", false, Json::parse(c.more));
    CHECK(status_of(answer) == c.status);
    CHECK(value_at(Json::parse(body_of(answer)), c.pointer) == c.value);
  }
  struct Wrong {
    const char* provider;
    int no_key, other_key, get, no_json;
  };
  for (const Wrong& w :
       {Wrong{"openai", 401, 401, 405, 400}, Wrong{"azure", 401, 401, 405, 400}, Wrong{"anthropic", 401, 401, 405, 400},
        Wrong{"cohere", 401, 401, 405, 400}, Wrong{"cohere-v1", 401, 401, 405, 400},
        Wrong{"together", 401, 401, 405, 400}, Wrong{"gemini", 400, 400, 404, 400}, Wrong{"ollama", 200, 401, 405, 400},
        Wrong{"llama", 200, 401, 404, 500}, Wrong{"openrouter", 401, 401, 405, 400}, Wrong{"vllm", 200, 401, 405, 400},
        Wrong{"completions", 401, 401, 405, 400}}) {
    CAPTURE(w.provider);
    const Asked good = question(w.provider, "x");
    const auto status = [&](const std::string& bytes) {
      Raw raw(mock.port());
      raw.send(bytes);
      return status_of(raw.answer());
    };
    const std::string version = "anthropic-version: 2023-06-01\r\n";
    CHECK(status(http_post(good.path, good.body, std::string(kNoKey) + version)) == w.no_key);
    const bool azure = std::string(w.provider) == "azure";
    CHECK(status(http_post(good.path, good.body, (azure ? "x-api-key: k\r\n" : "api-key: k\r\n") + version)) ==
          w.other_key);
    CHECK(status("GET " + good.path + " HTTP/1.1\r\n" + good.headers + "\r\n") == w.get);
    CHECK(status(http_post(good.path, "no json", good.headers)) == w.no_json);
  }
  const Asked claude = question("anthropic", "x"), deployment = question("azure", "x"),
              gemini = question("gemini", "x");
  Raw raw(mock.port());
  raw.send(http_post(claude.path, claude.body, "x-api-key: k\r\n"));
  CHECK(value_at(Json::parse(body_of(raw.answer())), "/error/message") == "anthropic-version: header is required");
  raw.send(http_post("/openai/deployments/m1/chat/completions", deployment.body, deployment.headers));
  CHECK(status_of(raw.answer()) == 404);
  raw.send(http_post("/openai/v1/chat/completions", deployment.body, deployment.headers));
  CHECK(status_of(raw.answer()) == 200);
  raw.send(http_post(gemini.path + "?key=sk-test", gemini.body, gemini.headers));
  CHECK(status_of(raw.answer()) == 400);
}

TEST_CASE("each kind of error comes in the words of each provider") {
  struct Case {
    const char *provider, *error;
    int status;
    const char *pointer, *value;
  };
  MockServer mock;
  for (const Case& c :
       {Case{"openai", "insufficient_quota", 429, "/error/code", "insufficient_quota"},
        Case{"openai", "billing_hard_limit_reached", 400, "/error/code", "billing_hard_limit_reached"},
        Case{"openai", "organization_spend_limit_exceeded", 429, "/error/code", "organization_spend_limit_exceeded"},
        Case{"openai", "content_policy", 400, "/error/code", "content_policy_violation"},
        Case{"azure", "rate_limit", 429, "/error/code", "429"},
        Case{"azure", "not_found", 404, "/error/code", "DeploymentNotFound"},
        Case{"azure", "content_filter", 400, "/error/innererror/code", "ResponsibleAIPolicyViolation"},
        Case{"azure", "context_length", 400, "/error/code", "context_length_exceeded"},
        Case{"azure", "auth", 401, "/error/code", "401"},
        Case{"anthropic", "rate_limit", 429, "/error/type", "rate_limit_error"},
        Case{"anthropic", "rate_limit_tokens", 429, "/error/type", "rate_limit_error"},
        Case{"anthropic", "insufficient_quota", 429, "/error/details/error_code", "credit_balance_exhausted"},
        Case{"anthropic", "payment_required", 402, "/error/type", "billing_error"},
        Case{"anthropic", "specified_limit", 400, "/error/type", "invalid_request_error"},
        Case{"anthropic", "context_length", 400, "/error/message",
             "prompt is too long: 210000 tokens > 200000 maximum"},
        Case{"anthropic", "permission", 403, "/error/type", "permission_error"},
        Case{"anthropic", "not_found", 404, "/error/type", "not_found_error"},
        Case{"anthropic", "too_large", 413, "/error/type", "request_too_large"},
        Case{"anthropic", "server", 500, "/error/type", "api_error"},
        Case{"anthropic", "gateway_timeout", 504, "/error/type", "timeout_error"},
        Case{"anthropic", "overloaded", 529, "/error/type", "overloaded_error"},
        Case{"anthropic", "too_many_requests", 429, "/error/type", "rate_limit_error"},
        Case{"cohere", "auth", 401, "/message", "invalid api token"},
        Case{"cohere", "rate_limit", 429, "/message",
             "You are using a Trial key, which is limited to 20 API calls / minute."},
        Case{"cohere", "quota_month", 429, "/message",
             "You are using a Trial key, which is limited to 1000 API calls / month."},
        Case{"cohere", "blocked_token", 498, "/message", "blocked token"},
        Case{"cohere-v1", "client_closed", 499, "/message", "request cancelled"},
        Case{"together", "credit_limit", 402, "/error/type", "credit_limit"},
        Case{"together", "rate_limit", 429, "/error/type", "rate_limit"},
        Case{"together", "site_overloaded", 529, "/error/type", "null"},
        Case{"gemini", "rate_limit", 429, "/error/details/0/violations/0/quotaId",
             "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"},
        Case{"gemini", "quota_day", 429, "/error/details/0/violations/0/quotaId",
             "GenerateRequestsPerDayPerProjectPerModel-FreeTier"},
        Case{"gemini", "rate_limit_tokens", 429, "/error/status", "RESOURCE_EXHAUSTED"},
        Case{"gemini", "auth", 400, "/error/details/0/reason", "API_KEY_INVALID"},
        Case{"gemini", "unauthenticated", 401, "/error/status", "UNAUTHENTICATED"},
        Case{"gemini", "permission", 403, "/error/status", "PERMISSION_DENIED"},
        Case{"gemini", "not_found", 404, "/error/status", "NOT_FOUND"},
        Case{"gemini", "server", 500, "/error/status", "INTERNAL"},
        Case{"gemini", "overloaded", 503, "/error/status", "UNAVAILABLE"},
        Case{"gemini", "gateway_timeout", 504, "/error/status", "DEADLINE_EXCEEDED"},
        Case{"gemini", "too_large", 413, "/error/status", "FAILED_PRECONDITION"},
        Case{"ollama", "not_found", 404, "/error", "model not found, try pulling it first"},
        Case{"ollama", "overloaded", 503, "/error",
             "server busy, please try again.  maximum pending requests exceeded"},
        Case{"llama", "context_length", 400, "/error/n_ctx", "4096"},
        Case{"llama", "context_length", 400, "/error/type", "exceed_context_size_error"},
        Case{"llama", "auth", 401, "/error/code", "401"},
        Case{"llama", "loading", 503, "/error/type", "unavailable_error"},
        Case{"llama", "not_implemented", 501, "/error/type", "not_supported_error"},
        Case{"llama", "server", 500, "/error/type", "server_error"},
        Case{"openrouter", "payment_required", 402, "/error/metadata/limit_source", "openrouter_credits"},
        Case{"openrouter", "in_flight_budget", 402, "/error/metadata/limit_source", "openrouter_in_flight_budget"},
        Case{"openrouter", "key_limit", 403, "/error/metadata/limit_source", "openrouter_key_limit"},
        Case{"openrouter", "workspace_budget", 403, "/error/metadata/limit_source", "openrouter_workspace_budget"},
        Case{"openrouter", "content_filter", 403, "/error/metadata/reasons/0", "violence"},
        Case{"openrouter", "rate_limit", 429, "/error/code", "429"},
        Case{"deepinfra", "auth", 401, "/detail", "Incorrect API key provided"},
        Case{"deepseek", "payment_required", 402, "/error/message", "Insufficient Balance"},
        Case{"deepseek", "concurrency", 429, "/error/message", "concurrency limit exceeded"},
        Case{"vllm", "not_found", 404, "/code", "404"},
        Case{"vllm", "unprocessable", 422, "/detail/0/loc/0", "body"},
        Case{"groq", "rate_limit", 429, "/error/code", "rate_limit_exceeded"}}) {
    CAPTURE(c.provider);
    CAPTURE(c.error);
    mock.rules(R"([{"do":{"error":")" + std::string(c.error) + "\"}}]");
    const std::string answer = ask_provider(mock.port(), c.provider, "x");
    CHECK(status_of(answer) == c.status);
    CHECK(value_at(Json::parse(body_of(answer)), c.pointer) == c.value);
  }
}

TEST_CASE("every error of the list and every status can be asked for at every provider") {
  MockServer mock;
  for (const std::string& provider : providers()) {
    Raw raw(mock.port());
    const std::string bytes = bytes_of(question(provider, "x"));
    for (const char* error : {"rate_limit",
                              "rate_limit_tokens",
                              "rate_limit_day",
                              "too_many_requests",
                              "concurrency",
                              "slow_down",
                              "insufficient_quota",
                              "quota_day",
                              "quota_month",
                              "credit_limit",
                              "payment_required",
                              "insufficient_balance",
                              "auth",
                              "account_deactivated",
                              "permission",
                              "unsupported_country",
                              "not_found",
                              "bad_request",
                              "context_length",
                              "content_filter",
                              "unprocessable",
                              "too_large",
                              "request_timeout",
                              "conflict",
                              "too_early",
                              "server",
                              "not_implemented",
                              "overloaded",
                              "loading",
                              "gateway_timeout",
                              "site_overloaded",
                              "in_flight_budget",
                              "specified_limit",
                              "blocked_token",
                              "client_closed"}) {
      CAPTURE(provider);
      CAPTURE(error);
      mock.rules(R"([{"do":{"error":")" + std::string(error) + R"(","message":"said \"so\""}}])");
      raw.send(bytes);
      const std::string answer = raw.answer();
      CHECK(status_of(answer) >= 400);
      const Json body = Json::parse(body_of(answer), nullptr, false);
      CHECK(body.is_object());
      CHECK(body.dump().find("said \\\"so\\\"") != std::string::npos);
    }
    for (const int status : {400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 501, 502, 503, 504, 529}) {
      mock.rules("[{\"do\":" + std::to_string(status) + "}]");
      raw.send(bytes);
      CHECK(status_of(raw.answer()) == status);
    }
  }
}

TEST_CASE("an answer can be cut short, filtered, refused, empty or thought about, in each provider's words") {
  struct Case {
    const char *provider, *form, *pointer, *value;
  };
  MockServer mock;
  mock.config(R"({"reply":"fine"})");
  for (const Case& c :
       {Case{"openai", "length", "/choices/0/finish_reason", "length"},
        Case{"openai", "refusal", "/choices/0/message/refusal", "I can't help with that."},
        Case{"openai", "no_choices", "/choices", "[]"},
        Case{"azure", "content_filter", "/choices/0/finish_reason", "content_filter"},
        Case{"anthropic", "length", "/stop_reason", "max_tokens"},
        Case{"anthropic", "refusal", "/stop_reason", "refusal"},
        Case{"anthropic", "empty_length", "/content", "[]"},
        Case{"anthropic", "reasoning_first", "/content/0/thinking", "First I think. "},
        Case{"anthropic", "reasoning_first", "/usage/output_tokens_details/thinking_tokens", "4"},
        Case{"anthropic", "no_choices", "/content", "(absent)"},
        Case{"cohere", "length", "/finish_reason", "MAX_TOKENS"},
        Case{"cohere", "null_content", "/message/content", "null"},
        Case{"cohere", "reasoning_first", "/message/content/0/type", "thinking"},
        Case{"cohere-v1", "content_filter", "/finish_reason", "ERROR_TOXIC"},
        Case{"cohere-v1", "missing_usage", "/meta", "(absent)"},
        Case{"gemini", "length", "/candidates/0/finishReason", "MAX_TOKENS"},
        Case{"gemini", "empty_length", "/candidates/0/content/parts", "(absent)"},
        Case{"gemini", "content_filter", "/promptFeedback/blockReason", "PROHIBITED_CONTENT"},
        Case{"gemini", "refusal", "/candidates/0/finishReason", "SAFETY"},
        Case{"gemini", "reasoning_first", "/candidates/0/content/parts/0/thought", "true"},
        Case{"gemini", "reasoning_first", "/usageMetadata/thoughtsTokenCount", "4"},
        Case{"gemini", "no_choices", "/candidates", "(absent)"},
        Case{"ollama", "length", "/done_reason", "length"},
        Case{"ollama", "reasoning_first", "/message/thinking", "First I think. "},
        Case{"ollama", "missing_usage", "/eval_count", "(absent)"},
        Case{"llama", "reasoning_first", "/choices/0/message/reasoning_content", "First I think. "},
        Case{"llama", "missing_usage", "/timings", "(absent)"},
        Case{"together", "think_tags", "/choices/0/message/content", "<think>First I think.</think>\nfine"},
        Case{"together", "empty_text", "/choices/0/finish_reason", "eos"},
        Case{"openrouter", "reasoning_first", "/choices/0/message/reasoning", "First I think. "}}) {
    CAPTURE(c.provider);
    CAPTURE(c.form);
    mock.rules(R"([{"do":{"body":")" + std::string(c.form) + "\"}}]");
    const std::string answer = ask_provider(mock.port(), c.provider, "x");
    CHECK(status_of(answer) == 200);
    CHECK(value_at(Json::parse(body_of(answer)), c.pointer) == c.value);
    // The same streamed still comes to its end.
    const std::string form = c.form;
    if (form != "no_choices") {
      const std::string text =
          text_of_stream(c.provider, unchunk(body_of(ask_provider(mock.port(), c.provider, "x", true))));
      CHECK(text.find("(unfinished)") == std::string::npos);
      if (form == "reasoning_first" || form == "length" || form == "missing_usage") CHECK(text == "fine");
      if (form == "empty_length" || form == "null_content") CHECK(text == "");
    }
  }
}

TEST_CASE("usage is told in each provider's own numbers") {
  MockServer mock;
  mock.config(R"({"usage":{"prompt_tokens":100,"cached_tokens":30,"cache_write_tokens":20,"completion_tokens":50,
                           "reasoning_tokens":10},"prices":{"*":{"in":1,"out":2}}})");
  struct Case {
    const char *provider, *pointer, *value;
  };
  for (const Case& c : {Case{"openai", "/usage/prompt_tokens", "100"},
                        Case{"openai", "/usage/prompt_tokens_details/cached_tokens", "30"},
                        Case{"openai", "/usage/completion_tokens_details/reasoning_tokens", "10"},
                        Case{"anthropic", "/usage/input_tokens", "50"},
                        Case{"anthropic", "/usage/cache_read_input_tokens", "30"},
                        Case{"anthropic", "/usage/cache_creation_input_tokens", "20"},
                        Case{"anthropic", "/usage/output_tokens", "50"},
                        Case{"cohere", "/usage/billed_units/input_tokens", "100"},
                        Case{"cohere", "/usage/tokens/input_tokens", "166"},
                        Case{"cohere", "/usage/cached_tokens", "30"},
                        Case{"cohere-v1", "/meta/billed_units/output_tokens", "50"},
                        Case{"gemini", "/usageMetadata/candidatesTokenCount", "40"},
                        Case{"gemini", "/usageMetadata/thoughtsTokenCount", "10"},
                        Case{"gemini", "/usageMetadata/cachedContentTokenCount", "30"},
                        Case{"ollama", "/prompt_eval_count", "100"},
                        Case{"ollama", "/eval_count", "50"},
                        Case{"llama", "/timings/prompt_n", "70"},
                        Case{"llama", "/timings/cache_n", "30"},
                        Case{"openrouter", "/usage/cost", "0.0002"},
                        Case{"openrouter", "/usage/prompt_tokens_details/cache_write_tokens", "20"},
                        Case{"deepinfra", "/usage/estimated_cost", "0.0002"}}) {
    CAPTURE(c.provider);
    CAPTURE(c.pointer);
    CHECK(value_at(Json::parse(body_of(ask_provider(mock.port(), c.provider, "x"))), c.pointer) == c.value);
  }
  const Json more = {{"stream_options", {{"include_usage", true}}}};
  const auto events = events_of(unchunk(body_of(ask_provider(mock.port(), "openrouter", "x", true, more))));
  CHECK(value_at(Json::parse(events[events.size() - 2].data), "/usage/cost") == "0.0002");
}

TEST_CASE("log-probabilities of the answer, and of the prompt where a provider echoes it") {
  MockServer mock;
  mock.config(R"({"reply":"one two"})");
  const auto reply = [&](const char* provider, const char* more) {
    return Json::parse(body_of(ask_provider(mock.port(), provider, "is it so", false, Json::parse(more))));
  };
  const Json openai = reply("openai", R"({"logprobs":true,"top_logprobs":3})")["choices"][0]["logprobs"]["content"];
  CHECK(openai.size() == 2);
  CHECK(openai[0]["top_logprobs"].size() == 3);
  CHECK(openai[0]["logprob"] == openai[0]["top_logprobs"][0]["logprob"]);
  CHECK(openai[1]["logprob"].get<double>() < 0);
  CHECK(reply("gemini",
              R"({"generationConfig":{"responseLogprobs":true,"logprobs":2}})")["candidates"][0]["logprobsResult"]
                                                                               ["chosenCandidates"]
                                                                                   .size() == 2);
  CHECK(reply("cohere", R"({"logprobs":true})")["logprobs"].size() == 2);
  CHECK(reply("ollama", R"({"logprobs":true})")["logprobs"].size() == 2);
  const Json together = reply("together", R"({"echo":true,"logprobs":1,"max_tokens":1})");
  CHECK(together["choices"][0]["logprobs"]["tokens"].size() == 2);
  const Json prompt = together["prompt"][0]["logprobs"]["token_logprobs"];
  CHECK(prompt.size() == 3);
  CHECK(prompt[0].is_null());
  CHECK(prompt[1].get<double>() < 0);
  CHECK(reply("together", "{}")["prompt"].empty());
  const Json echoed = reply("completions", R"({"echo":true,"logprobs":1,"max_tokens":1})")["choices"][0];
  CHECK(echoed["text"] == "is it soone two");
  CHECK(echoed["logprobs"]["tokens"].size() == echoed["logprobs"]["token_logprobs"].size());
  CHECK(echoed["logprobs"]["token_logprobs"][0].is_null());
  CHECK(echoed["logprobs"]["text_offset"][1] == 2);
  Raw raw(mock.port());
  raw.send(http_post("/llama/v1/completions", R"({"prompt":"abc","max_tokens":1,"echo":true,"logprobs":1})", kNoKey));
  const Json llama = Json::parse(body_of(raw.answer()));
  CHECK(llama["choices"][0]["logprobs"].is_null());
  CHECK(llama.contains("timings"));
}

TEST_CASE("Gemini without alt=sse streams one array, and errs in one") {
  MockServer mock;
  const Asked asked = question("gemini", "A: 1 B: 2");
  const std::string path = "/v1beta/models/m1:streamGenerateContent";
  Raw raw(mock.port());
  raw.send(http_post(path, asked.body, asked.headers));
  const Json list = Json::parse(body_of(raw.answer()));
  REQUIRE(list.is_array());
  CHECK(list[0]["candidates"][0]["content"]["parts"][0]["text"] == "3");
  mock.rules(R"([{"do":"quota_day"}])");
  raw.send(http_post(path, asked.body, asked.headers));
  CHECK(value_at(Json::parse(body_of(raw.answer())), "/0/error/status") == "RESOURCE_EXHAUSTED");
}

TEST_CASE("the model of Gemini's path and Azure's deployment count like a body's") {
  MockServer mock;
  mock.rules(R"([{"match":{"model":"bad"},"do":{"status":403}}])");
  Raw raw(mock.port());
  const Asked gemini = question("gemini", "x"), azure = question("azure", "x");
  raw.send(http_post("/v1beta/models/bad:generateContent", gemini.body, gemini.headers));
  CHECK(status_of(raw.answer()) == 403);
  raw.send(http_post("/v1beta/models/good:generateContent", gemini.body, gemini.headers));
  CHECK(status_of(raw.answer()) == 200);
  raw.send(http_post("/openai/deployments/bad/chat/completions?api-version=1", azure.body, azure.headers));
  CHECK(status_of(raw.answer()) == 403);
  CHECK(mock.stats()["duplicates"]["fingerprints"] == 3);
  CHECK(mock.stats()["duplicates"]["asked_again"] == 0);
}
