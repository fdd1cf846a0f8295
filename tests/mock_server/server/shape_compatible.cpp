// Providers that answer as OpenAI does, with differences (models.md 2.4, 2.8): together and the presets.

#include "tests/mock_server/server/shape.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {
namespace {

using Form = ErrorRow::Form;

constexpr const char* kHollow = "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[]}";

constexpr ErrorRow kTogetherErrors[] = {
    {"auth", 401, "invalid_request_error", "invalid_api_key", "Invalid API key provided"},
    {"payment_required", 402, "", "", "Payment required"},
    {"credit_limit", 402, "credit_limit", "", "Credit limit exceeded"},
    {"insufficient_quota", 402, "credit_limit", "", "Credit limit exceeded, please add credits"},
    {"rate_limit", 429, "rate_limit", "", "You have been rate limited"},
    {"rate_limit_tokens", 429, "rate_limit", "", "You have been rate limited on tokens"},
    {"overloaded", 503, "service_unavailable", "", "The server is overloaded or not ready yet."},
    {"site_overloaded", 529, "", "", "Overloaded"},
};

constexpr ErrorRow kOpenrouterErrors[] = {
    {"auth", 401, "", "", "No auth credentials found"},
    {"payment_required", 402, "", "", "Insufficient credits", Form::json, "",
     R"(,"metadata":{"limit_source":"openrouter_credits"})"},
    {"insufficient_quota", 402, "", "", "Insufficient credits", Form::json, "",
     R"(,"metadata":{"limit_source":"openrouter_credits"})"},
    {"in_flight_budget", 402, "", "", "Requests in flight exceed the budget", Form::json, "",
     R"(,"metadata":{"limit_source":"openrouter_in_flight_budget"})"},
    {"permission", 403, "", "", "Forbidden"},
    {"key_limit", 403, "", "", "Key limit exceeded", Form::json, "",
     R"(,"metadata":{"limit_source":"openrouter_key_limit"})"},
    {"guardrail_budget", 403, "", "", "Guardrail budget exceeded", Form::json, "",
     R"(,"metadata":{"limit_source":"openrouter_guardrail_budget"})"},
    {"workspace_budget", 403, "", "", "Workspace budget exceeded", Form::json, "",
     R"(,"metadata":{"limit_source":"openrouter_workspace_budget"})"},
    {"content_filter", 403, "", "", "The input was flagged", Form::json, "",
     R"(,"metadata":{"reasons":["violence"],"flagged_input":"x"})"},
};

constexpr ErrorRow kDeepseekErrors[] = {
    {"payment_required", 402, "unknown_error", "invalid_request_error", "Insufficient Balance"},
    {"insufficient_quota", 402, "unknown_error", "invalid_request_error", "Insufficient Balance"},
    {"concurrency", 429, "rate_limit", "", "concurrency limit exceeded"},
};

constexpr ErrorRow kVllmErrors[] = {
    {"bad_request", 400, "BadRequestError", "", "Bad request"},
    {"context_length", 400, "BadRequestError", "", "This model's maximum context length is 4096 tokens."},
    {"auth", 401, "AuthenticationError", "", "Unauthorized"},
    {"not_found", 404, "NotFoundError", "", "The model does not exist."},
    {"server", 500, "InternalServerError", "", "Internal server error"},
    {"overloaded", 503, "ServiceUnavailableError", "", "Service unavailable"},
};

void replace_first(std::string& text, std::size_t from, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what, from);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

void together_reply(const Reply& r, std::string& out) {
  const std::size_t begin = out.size();
  openai_reply(r, out);
  const auto replace = [&](std::string_view what, std::string_view with) { replace_first(out, begin, what, with); };
  replace("\"finish_reason\":\"stop\"", "\"finish_reason\":\"eos\"");
  const auto listed = [](std::string_view text, bool first_is_null, std::string& to) {
    std::string tokens, values, ids;
    std::uint64_t place = 0;
    for (const std::string_view token : cut_text(text, 0)) {
      const char* comma = place == 0 ? "" : ",";
      tokens += comma;
      quote(tokens, token);
      values.append(comma).append(place == 0 && first_is_null ? "null" : number_text(logprob_of(token, place)));
      ids.append(comma).append(std::to_string(token_id_of(token)));
      ++place;
    }
    to.append("{\"tokens\":[").append(tokens).append("],\"token_logprobs\":[").append(values);
    to.append("],\"token_ids\":[").append(ids).append("]}");
  };
  if (r.logprobs) {
    std::string as_openai = "\"logprobs\":", as_together = "\"logprobs\":";
    openai_logprobs(r, r.text, as_openai);
    listed(r.text, false, as_together);
    replace(as_openai, as_together);
  }
  std::string prompt = ",\"prompt\":[";
  if (r.echo) {
    prompt.append("{\"text\":\"").append(r.prompt).append("\",\"logprobs\":");
    if (r.logprobs) {
      listed(r.prompt, true, prompt);
    } else {
      prompt += "null";
    }
    prompt += "}";
  }
  out.insert(out.size() - 1, prompt + "]");
}

std::vector<Event> together_events(const Reply& r, const StreamWish& wish) {
  // Usage comes unasked, in the last chunk with a choice.
  std::vector<Event> out = openai_events(r, {wish.chunk_bytes, false});
  Event& last = out.back();
  const std::size_t stop = last.data.find("\"finish_reason\":\"stop\"");
  if (stop != std::string::npos) last.data.replace(stop, 22, "\"finish_reason\":\"eos\"");
  if (r.usage) {
    last.data.pop_back();
    last.data += ",\"usage\":";
    openai_usage(r, last.data);
    last.data += '}';
  }
  return out;
}

void together_limit_headers(const Announced& limit, std::string& headers) {
  const auto whole = [](double value) { return std::to_string(static_cast<std::int64_t>(value)); };
  if (limit.of != Announced::Of::requests) {
    put_header(headers, "x-tokenlimit-limit", whole(limit.limit));
    put_header(headers, "x-tokenlimit-remaining", whole(limit.remaining));
    return;
  }
  put_header(headers, "x-ratelimit-limit", whole(limit.limit));
  put_header(headers, "x-ratelimit-remaining", whole(limit.remaining));
  put_header(headers, "x-ratelimit-reset", whole(limit.reset_s + 1));
}

// What OpenRouter and DeepInfra write differently in an answer, or in an event of a stream, that begins at `begin`.
void as_openrouter(const Reply& r, std::size_t begin, std::string& out) {
  replace_first(out, begin, "\"reasoning_content\":", "\"reasoning\":");
  replace_first(out, begin, "\"cached_tokens\":",
                "\"cache_write_tokens\":" + std::to_string(r.cache_write) + ",\"cached_tokens\":");
  if (r.cost_usd >= 0) {
    replace_first(out, begin, "\"usage\":{", "\"usage\":{\"cost\":" + number_text(r.cost_usd) + ",");
  }
}

void as_deepinfra(const Reply& r, std::size_t begin, std::string& out) {
  if (r.cost_usd < 0) return;
  replace_first(out, begin, "\"usage\":{", "\"usage\":{\"estimated_cost\":" + number_text(r.cost_usd) + ",");
}

void openrouter_reply(const Reply& r, std::string& out) {
  const std::size_t begin = out.size();
  openai_reply(r, out);
  as_openrouter(r, begin, out);
}

std::vector<Event> openrouter_events(const Reply& r, const StreamWish& wish) {
  std::vector<Event> out = openai_events(r, wish);
  for (Event& e : out) as_openrouter(r, 0, e.data);
  return out;
}

void deepinfra_reply(const Reply& r, std::string& out) {
  const std::size_t begin = out.size();
  openai_reply(r, out);
  as_deepinfra(r, begin, out);
}

std::vector<Event> deepinfra_events(const Reply& r, const StreamWish& wish) {
  std::vector<Event> out = openai_events(r, wish);
  as_deepinfra(r, 0, out.back().data);
  return out;
}

void openrouter_error(const ErrorCall& call, std::string& out) {
  out.append("{\"error\":{\"code\":").append(std::to_string(call.status)).append(",\"message\":\"");
  out.append(call.message).append("\"").append(call.row.extra).append("}}");
}

void deepinfra_error(const ErrorCall& call, std::string& out) {
  if (call.status != 401 && call.status != 403 && call.status != 404) return openai_error(call, out);
  out.append("{\"detail\":\"").append(call.message).append("\"}");
}

// Older vLLM: the error object is the body; what its web framework refuses is a list.
void vllm_error(const ErrorCall& call, std::string& out) {
  if (call.status == 422) {
    out.append(R"({"detail":[{"loc":["body","messages"],"msg":")").append(call.message);
    out.append(R"(","type":"missing"}]})");
    return;
  }
  out.append("{\"object\":\"error\",\"message\":\"").append(call.message).append("\",\"type\":\"");
  out.append(call.row.type).append("\",\"param\":null,\"code\":").append(std::to_string(call.status)).append("}");
}

// What the compatible servers ask of a request: no rules about models that reason.
Flaw compatible_flaw(const Asking& asking) {
  const Flaw flaw = openai_flaw(asking);
  const std::string_view error = flaw.error == nullptr ? "" : flaw.error;
  if (error == "unsupported_max_tokens" || error == "unsupported_value") return {};
  return flaw;
}

}  // namespace

const Shape kTogether{.name = "together",
                      .done_marker = true,
                      .errors = kTogetherErrors,
                      .hollow = kHollow,
                      .reply = together_reply,
                      .error = openai_error,
                      .events = together_events,
                      .flaw = compatible_flaw,
                      .limit_headers = together_limit_headers,
                      .reset_headers = plain_reset_headers};

const Shape kOpenrouter{.name = "openrouter",
                        .done_marker = true,
                        .id_header = "X-Generation-Id",
                        .errors = kOpenrouterErrors,
                        .hollow = kHollow,
                        .reply = openrouter_reply,
                        .error = openrouter_error,
                        .events = openrouter_events,
                        .flaw = compatible_flaw,
                        .limit_headers = plain_limit_headers,
                        .reset_headers = plain_reset_headers};

const Shape kDeepinfra{.name = "deepinfra",
                       .done_marker = true,
                       .errors = {},
                       .hollow = kHollow,
                       .reply = deepinfra_reply,
                       .error = deepinfra_error,
                       .events = deepinfra_events,
                       .flaw = compatible_flaw,
                       .limit_headers = openai_limit_headers,
                       .reset_headers = openai_reset_headers};

const Shape kGroq{.name = "groq",
                  .done_marker = true,
                  .errors = {},
                  .hollow = kHollow,
                  .reply = openai_reply,
                  .error = openai_error,
                  .events = openai_events,
                  .flaw = compatible_flaw,
                  .limit_headers = openai_limit_headers,
                  .reset_headers = openai_reset_headers};

const Shape kDeepseek{.name = "deepseek",
                      .done_marker = true,
                      .errors = kDeepseekErrors,
                      .hollow = kHollow,
                      .reply = openai_reply,
                      .error = openai_error,
                      .events = openai_events,
                      .flaw = compatible_flaw,
                      .reset_headers = openai_reset_headers};

const Shape kVllm{.name = "vllm",
                  .key_needed = false,
                  .done_marker = true,
                  .errors = kVllmErrors,
                  .hollow = kHollow,
                  .reply = openai_reply,
                  .error = vllm_error,
                  .events = openai_events,
                  .flaw = compatible_flaw,
                  .reset_headers = openai_reset_headers};

}  // namespace assay::mock
