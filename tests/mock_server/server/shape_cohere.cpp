// Cohere's chat, versions 2 and 1 (models.md 2.7).

#include "tests/mock_server/server/shape.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {
namespace {

// What the vendor adds to a prompt and does not bill.
constexpr std::uint64_t kUnbilledIn = 66, kUnbilledOut = 2;

constexpr ErrorRow kErrors[] = {
    {"bad_request", 400, "", "", "invalid request"},
    {"context_length", 400, "", "", "too many tokens: size limit exceeded by 100 tokens"},
    {"auth", 401, "", "", "invalid api token"},
    {"permission", 403, "", "", "your api token is not permitted to use this resource"},
    {"not_found", 404, "", "", "model not found"},
    {"unprocessable", 422, "", "", "invalid request: unprocessable"},
    {"rate_limit", 429, "", "", "You are using a Trial key, which is limited to 20 API calls / minute."},
    {"insufficient_quota", 429, "", "", "You are using a Trial key, which is limited to 1000 API calls / month."},
    {"quota_month", 429, "", "", "You are using a Trial key, which is limited to 1000 API calls / month."},
    {"blocked_token", 498, "", "", "blocked token"},
    {"client_closed", 499, "", "", "request cancelled"},
    {"server", 500, "", "", "internal server error"},
    {"not_implemented", 501, "", "", "not implemented"},
    {"overloaded", 503, "", "", "service unavailable"},
    {"gateway_timeout", 504, "", "", "gateway timeout"},
};

const char* finish_of(const Reply& r, bool v1) {
  switch (r.finish) {
    case Reply::Finish::length:
      return "MAX_TOKENS";
    case Reply::Finish::filter:
    case Reply::Finish::refusal:
      return v1 ? "ERROR_TOXIC" : "COMPLETE";
    default:
      return "COMPLETE";
  }
}

void units(const Reply& r, std::string& out) {
  out += "\"billed_units\":{\"input_tokens\":";
  append_number(out, r.in_tokens);
  out += ",\"output_tokens\":";
  append_number(out, r.out_tokens);
  out += "},\"tokens\":{\"input_tokens\":";
  append_number(out, r.in_tokens + kUnbilledIn);
  out += ",\"output_tokens\":";
  append_number(out, r.out_tokens + kUnbilledOut);
  out += "}";
}

void usage(const Reply& r, std::string& out) {
  out += "\"usage\":{";
  units(r, out);
  out += ",\"cached_tokens\":";
  append_number(out, r.cached);
  out += '}';
}

std::string logprobs(const Reply& r) {
  std::string out = ",\"logprobs\":[";
  std::uint64_t place = 0;
  for (const std::string_view token : cut_text(r.text, 0)) {
    out.append(place == 0 ? "" : ",").append("{\"token_ids\":[").append(std::to_string(token_id_of(token)));
    out += "],\"text\":";
    quote(out, token);
    out.append(",\"logprobs\":[").append(number_text(logprob_of(token, place))).append("]}");
    ++place;
  }
  return out + "]";
}

void cohere_reply(const Reply& r, std::string& out) {
  out += "{\"id\":\"c";
  append_number(out, r.n);
  out.append("\",\"finish_reason\":\"").append(finish_of(r, false));
  out += "\",\"message\":{\"role\":\"assistant\",\"content\":";
  if (r.content == Reply::Content::null) {
    out += "null";
  } else {
    out += '[';
    if (!r.reasoning.empty()) {
      out.append("{\"type\":\"thinking\",\"thinking\":\"").append(r.reasoning).append("\"}");
      if (!r.text.empty()) out += ',';
    }
    if (!r.text.empty()) out.append("{\"type\":\"text\",\"text\":\"").append(r.text).append("\"}");
    out += ']';
  }
  out += '}';
  if (r.logprobs) out += logprobs(r);
  if (r.usage) {
    out += ',';
    usage(r, out);
  }
  out += '}';
}

void v1_body(const Reply& r, std::string& out) {
  out += "{\"response_id\":\"r";
  append_number(out, r.n);
  out += "\",\"text\":";
  quote(out, r.content == Reply::Content::null ? std::string_view() : std::string_view(r.text));
  out += ",\"generation_id\":\"g";
  append_number(out, r.n);
  out.append("\",\"finish_reason\":\"").append(finish_of(r, true)).append("\"");
  if (r.usage) {
    out += ",\"meta\":{";
    units(r, out);
    out += '}';
  }
  out += '}';
}

void cohere_error(const ErrorCall& call, std::string& out) {
  out.append("{\"message\":\"").append(call.message).append("\"}");
}

std::vector<Event> cohere_events(const Reply& r, const StreamWish& wish) {
  std::vector<Event> out;
  out.push_back({"{\"type\":\"message-start\",\"id\":\"c" + std::to_string(r.n) +
                     "\",\"delta\":{\"message\":{\"role\":\"assistant\"}}}",
                 "message-start"});
  int index = 0;
  const auto block = [&](const char* type, std::string_view text) {
    const std::string at = std::to_string(index++);
    out.push_back({"{\"type\":\"content-start\",\"index\":" + at + ",\"delta\":{\"message\":{\"content\":{\"type\":\"" +
                       type + "\",\"" + type + "\":\"\"}}}}",
                   "content-start"});
    for (const std::string_view part : cut_text(text, wish.chunk_bytes)) {
      out.push_back({"{\"type\":\"content-delta\",\"index\":" + at + ",\"delta\":{\"message\":{\"content\":{\"" + type +
                         "\":\"" + std::string(part) + "\"}}}}",
                     "content-delta"});
    }
    out.push_back({"{\"type\":\"content-end\",\"index\":" + at + "}", "content-end"});
  };
  if (!r.reasoning.empty()) block("thinking", r.reasoning);
  if (!r.text.empty() && r.content != Reply::Content::null) block("text", r.text);
  Event last{std::string("{\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"") + finish_of(r, false) + "\"",
             "message-end", true};
  if (r.usage) {
    last.data += ',';
    usage(r, last.data);
  }
  last.data += "}}";
  out.push_back(std::move(last));
  return out;
}

std::vector<Event> v1_events(const Reply& r, const StreamWish& wish) {
  std::vector<Event> out;
  out.push_back(
      {"{\"is_finished\":false,\"event_type\":\"stream-start\",\"generation_id\":\"g" + std::to_string(r.n) + "\"}"});
  for (const std::string_view part : cut_text(r.text, wish.chunk_bytes)) {
    out.push_back(
        {"{\"is_finished\":false,\"event_type\":\"text-generation\",\"text\":\"" + std::string(part) + "\"}"});
  }
  Event last{std::string("{\"is_finished\":true,\"event_type\":\"stream-end\",\"finish_reason\":\"") +
                 finish_of(r, true) + "\",\"response\":",
             "", true};
  v1_body(r, last.data);
  last.data += '}';
  out.push_back(std::move(last));
  return out;
}

Event cohere_stream_error(const ErrorCall& call) {
  return {"{\"type\":\"message-end\",\"delta\":{\"error\":\"" + std::string(call.message) +
              "\",\"finish_reason\":\"ERROR\"}}",
          "message-end", true};
}

Event v1_stream_error(const ErrorCall& call) {
  return {"{\"is_finished\":true,\"event_type\":\"stream-end\",\"finish_reason\":\"ERROR\",\"error\":\"" +
              std::string(call.message) + "\"}",
          "", true};
}

Flaw cohere_flaw(const Asking& asking) {
  const ChatFacts& f = asking.facts;
  if (f.model.empty()) return {"bad_request", "invalid request: model is required"};
  if (!f.has_messages || f.message_count == 0) {
    return {"bad_request", "invalid request: message must be at least 1 token long or tool results must be specified."};
  }
  if ((f.roles & (ChatFacts::kNoRole | ChatFacts::kOtherRole | ChatFacts::kModel | ChatFacts::kDeveloper)) != 0U) {
    return {"unprocessable", "invalid type: parameter messages.role is of an unknown value"};
  }
  if (f.without_content) return {"bad_request", "invalid request: all messages need content"};
  return {};
}

Flaw v1_flaw(const Asking& asking) {
  if (asking.facts.model.empty()) return {"bad_request", "invalid request: model is required"};
  if (!asking.facts.has_message) return {"bad_request", "invalid request: message must be at least 1 token long"};
  if (asking.facts.has_messages) return {"unprocessable", "unknown parameter: messages"};
  return {};
}

}  // namespace

const Shape kCohere{.name = "cohere",
                    .done_marker = true,
                    .errors = kErrors,
                    .hollow = R"({"id":"c"})",
                    .reply = cohere_reply,
                    .error = cohere_error,
                    .events = cohere_events,
                    .stream_error = cohere_stream_error,
                    .flaw = cohere_flaw,
                    .limit_headers = plain_limit_headers,
                    .reset_headers = plain_reset_headers};

const Shape kCohereV1{.name = "cohere-v1",
                      .json_lines = true,
                      .errors = kErrors,
                      .hollow = R"({"response_id":"r"})",
                      .reply = v1_body,
                      .error = cohere_error,
                      .events = v1_events,
                      .stream_error = v1_stream_error,
                      .flaw = v1_flaw,
                      .limit_headers = plain_limit_headers,
                      .reset_headers = plain_reset_headers};

}  // namespace assay::mock
