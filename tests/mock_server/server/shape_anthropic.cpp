// Anthropic's messages (models.md 2.6).

#include <algorithm>
#include <iterator>

#include "tests/mock_server/server/shape.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {
namespace {

constexpr ErrorRow kErrors[] = {
    {"bad_request", 400, "invalid_request_error", "", "Invalid request"},
    {"context_length", 400, "invalid_request_error", "", "prompt is too long: 210000 tokens > 200000 maximum"},
    {"specified_limit", 400, "invalid_request_error", "",
     "You have reached your specified API usage limits. You will regain access on 2099-01-01 at 00:00 UTC."},
    {"content_filter", 400, "invalid_request_error", "content_filter", "Output blocked by content filtering policy"},
    {"auth", 401, "authentication_error", "", "invalid x-api-key"},
    {"unauthenticated", 401, "authentication_error", "", "invalid authentication"},
    {"payment_required", 402, "billing_error", "", "Your credit balance is too low"},
    {"permission", 403, "permission_error", "", "Your API key does not have permission to use the resource"},
    {"not_found", 404, "not_found_error", "", "model: not found"},
    {"method", 405, "invalid_request_error", "", "Method Not Allowed"},
    {"conflict", 409, "invalid_request_error", "", "Conflict"},
    {"too_large", 413, "request_too_large", "", "Request exceeds the maximum size"},
    {"rate_limit", 429, "rate_limit_error", "", "Number of requests has exceeded your per-minute rate limit"},
    {"rate_limit_tokens", 429, "rate_limit_error", "",
     "Number of request tokens has exceeded your per-minute rate limit"},
    {"concurrency", 429, "rate_limit_error", "", "Number of concurrent connections has exceeded your rate limit"},
    {"insufficient_quota", 429, "rate_limit_error", "credit_balance_exhausted", "Your credit balance is exhausted"},
    {"server", 500, "api_error", "", "Internal server error"},
    {"gateway_timeout", 504, "timeout_error", "", "Request timed out"},
    {"overloaded", 529, "overloaded_error", "", "Overloaded"},
    {"site_overloaded", 529, "overloaded_error", "", "Overloaded"},
};

const char* type_of(const ErrorCall& call) {
  switch (call.status) {
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 401:
      return "authentication_error";
    default:
      return call.status >= 500 ? "api_error" : "invalid_request_error";
  }
}

const char* stop_of(const Reply& r) {
  switch (r.finish) {
    case Reply::Finish::length:
      return "max_tokens";
    case Reply::Finish::filter:
    case Reply::Finish::refusal:
      return "refusal";
    default:
      return "end_turn";
  }
}

void input_usage(const Reply& r, std::string& out) {
  out += "\"input_tokens\":";
  append_number(out, r.in_tokens - r.cached - r.cache_write);
  out += ",\"cache_creation_input_tokens\":";
  append_number(out, r.cache_write);
  out += ",\"cache_read_input_tokens\":";
  append_number(out, r.cached);
}

void output_usage(const Reply& r, std::string& out) {
  out += "\"output_tokens\":";
  append_number(out, r.out_tokens);
  if (r.reasoning_tokens > 0) {
    out += ",\"output_tokens_details\":{\"thinking_tokens\":";
    append_number(out, r.reasoning_tokens);
    out += '}';
  }
}

void start(const Reply& r, std::string& out) {
  out += "{\"id\":\"msg_";
  append_number(out, r.n);
  out.append("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"").append(r.model).append("\",\"content\":[");
}

bool has_text(const Reply& r) { return !r.text.empty() && r.content != Reply::Content::null; }

void anthropic_reply(const Reply& r, std::string& out) {
  start(r, out);
  if (!r.reasoning.empty()) {
    out.append("{\"type\":\"thinking\",\"thinking\":\"").append(r.reasoning).append("\",\"signature\":\"sig\"}");
    if (has_text(r)) out += ',';
  }
  if (has_text(r)) out.append("{\"type\":\"text\",\"text\":\"").append(r.text).append("\"}");
  out.append("],\"stop_reason\":\"").append(stop_of(r)).append("\",\"stop_sequence\":null");
  if (r.usage) {
    out += ",\"usage\":{";
    input_usage(r, out);
    out += ',';
    output_usage(r, out);
    out += '}';
  }
  out += '}';
}

void anthropic_error(const ErrorCall& call, std::string& out) {
  // A row of OpenAI's has words that Anthropic doesn't know: the status says the type.
  const bool own =
      std::any_of(std::begin(kErrors), std::end(kErrors), [&](const ErrorRow& r) { return &r == &call.row; });
  out.append("{\"type\":\"error\",\"error\":{\"type\":\"");
  out.append(own ? call.row.type : type_of(call));
  out.append("\",\"message\":\"").append(call.message).append("\"");
  if (*call.row.code != '\0') out.append(",\"details\":{\"error_code\":\"").append(call.row.code).append("\"}");
  out += "},\"request_id\":\"req_";
  append_number(out, call.n);
  out += "\"}";
}

std::vector<Event> anthropic_events(const Reply& r, const StreamWish& wish) {
  std::vector<Event> out;
  Event first{"{\"type\":\"message_start\",\"message\":", "message_start"};
  start(r, first.data);
  first.data += "],\"stop_reason\":null,\"stop_sequence\":null";
  if (r.usage) {
    first.data += ",\"usage\":{";
    input_usage(r, first.data);
    first.data += ",\"output_tokens\":1}";
  }
  first.data += "}}";
  out.push_back(std::move(first));
  int index = 0;
  const auto delta = [&](const std::string& inner) {
    out.push_back(
        {"{\"type\":\"content_block_delta\",\"index\":" + std::to_string(index) + ",\"delta\":{" + inner + "}}",
         "content_block_delta"});
  };
  const auto block = [&](const char* type, const char* field, std::string_view text) {
    const std::string at = std::to_string(index);
    out.push_back({"{\"type\":\"content_block_start\",\"index\":" + at + ",\"content_block\":{\"type\":\"" + type +
                       "\",\"" + field + "\":\"\"}}",
                   "content_block_start"});
    if (index == 0) out.push_back({"{\"type\":\"ping\"}", "ping"});
    for (const std::string_view part : cut_text(text, wish.chunk_bytes)) {
      delta(std::string("\"type\":\"") + field + "_delta\",\"" + field + "\":\"" + std::string(part) + "\"");
    }
    if (*type == 't' && type[1] == 'h') delta(R"("type":"signature_delta","signature":"sig")");
    out.push_back({"{\"type\":\"content_block_stop\",\"index\":" + at + "}", "content_block_stop"});
    ++index;
  };
  if (!r.reasoning.empty()) block("thinking", "thinking", r.reasoning);
  if (has_text(r)) block("text", "text", r.text);
  Event last{std::string("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"") + stop_of(r) +
                 "\",\"stop_sequence\":null}",
             "message_delta", true};
  if (r.usage) {
    last.data += ",\"usage\":{";
    output_usage(r, last.data);
    last.data += '}';
  }
  last.data += '}';
  out.push_back(std::move(last));
  out.push_back({"{\"type\":\"message_stop\"}", "message_stop", true});
  return out;
}

Event anthropic_stream_error(const ErrorCall& call) {
  Event e{"", "error"};
  anthropic_error(call, e.data);
  return e;
}

Flaw anthropic_flaw(const Asking& asking) {
  const ChatFacts& f = asking.facts;
  if (header_value(asking.request.headers, "anthropic-version").empty()) {
    return {"bad_request", "anthropic-version: header is required"};
  }
  if (f.model.empty()) return {"bad_request", "model: Field required"};
  if (f.max_tokens == 0) return {"bad_request", "max_tokens: Field required"};
  if (!f.has_messages) return {"bad_request", "messages: Field required"};
  if (f.message_count == 0) return {"bad_request", "messages: at least one message is required"};
  if ((f.roles & ~(ChatFacts::kUser | ChatFacts::kAssistant)) != 0U) {
    return {"bad_request", "messages: Unexpected role. The Messages API accepts a top-level `system` parameter."};
  }
  if (f.without_content) return {"bad_request", "messages: content: Field required"};
  if (f.temperature < 0 || f.temperature > 1) return {"bad_request", "temperature: range: 0..1"};
  return {};
}

void anthropic_limit_headers(const Announced& limit, std::string& headers) {
  const char* dimension = limit.of == Announced::Of::requests ? "requests"
                          : limit.of == Announced::Of::input  ? "input-tokens"
                          : limit.of == Announced::Of::output ? "output-tokens"
                                                              : "tokens";
  const std::string start_of_name = std::string("anthropic-ratelimit-") + dimension;
  put_header(headers, start_of_name + "-limit", std::to_string(static_cast<std::int64_t>(limit.limit)));
  put_header(headers, start_of_name + "-remaining", std::to_string(static_cast<std::int64_t>(limit.remaining)));
  put_header(headers, start_of_name + "-reset", rfc3339_in(limit.reset_s));
}

void anthropic_reset_headers(std::string_view value, std::string& headers) {
  put_header(headers, "anthropic-ratelimit-requests-limit", "60");
  put_header(headers, "anthropic-ratelimit-requests-remaining", "0");
  put_header(headers, "anthropic-ratelimit-requests-reset", value);
}

}  // namespace

const Shape kAnthropic{.name = "anthropic",
                       .key_header = KeyHeader::x_api_key,
                       .id_header = "request-id",
                       .errors = kErrors,
                       .hollow = R"({"type":"message"})",
                       .reply = anthropic_reply,
                       .error = anthropic_error,
                       .events = anthropic_events,
                       .stream_error = anthropic_stream_error,
                       .flaw = anthropic_flaw,
                       .limit_headers = anthropic_limit_headers,
                       .reset_headers = anthropic_reset_headers};

}  // namespace assay::mock
