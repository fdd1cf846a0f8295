// Gemini's generateContent (models.md 2.9). Without `alt=sse` a stream is one JSON array, errors in it too.

#include "tests/mock_server/server/shape.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {
namespace {

using Form = ErrorRow::Form;

#define ASSAY_QUOTA(METRIC, ID)                                                                                \
  R"({"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"generativelanguage)" \
  R"(.googleapis.com/)" METRIC R"(","quotaId":")" ID R"(","quotaValue":"10"}]})"

// `code` is the status word, `extra` the elements of `details`.
constexpr ErrorRow kErrors[] = {
    {"bad_request", 400, "", "INVALID_ARGUMENT", "Request contains an invalid argument."},
    {"auth", 400, "", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", Form::json, "",
     R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"})"},
    {"context_length", 400, "", "INVALID_ARGUMENT",
     "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."},
    {"unauthenticated", 401, "", "UNAUTHENTICATED", "Request had invalid authentication credentials."},
    {"permission", 403, "", "PERMISSION_DENIED", "The caller does not have permission"},
    {"not_found", 404, "", "NOT_FOUND", "The model is not found for API version v1beta"},
    {"method", 404, "", "NOT_FOUND", "Not found"},
    {"conflict", 409, "", "ABORTED", "Aborted"},
    {"rate_limit", 429, "", "RESOURCE_EXHAUSTED", "You exceeded your current quota", Form::json, "",
     ASSAY_QUOTA("generate_content_free_tier_requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier")},
    {"rate_limit_tokens", 429, "", "RESOURCE_EXHAUSTED", "You exceeded your current quota", Form::json, "",
     ASSAY_QUOTA("generate_content_free_tier_input_token_count",
                 "GenerateContentInputTokensPerModelPerMinute-FreeTier")},
    {"rate_limit_day", 429, "", "RESOURCE_EXHAUSTED", "You exceeded your current quota", Form::json, "",
     ASSAY_QUOTA("generate_content_free_tier_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier")},
    {"quota_day", 429, "", "RESOURCE_EXHAUSTED", "You exceeded your current quota", Form::json, "",
     ASSAY_QUOTA("generate_content_free_tier_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier")},
    {"insufficient_quota", 429, "", "RESOURCE_EXHAUSTED", "You exceeded your current quota", Form::json, "",
     ASSAY_QUOTA("generate_content_free_tier_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier")},
    {"server", 500, "", "INTERNAL", "An internal error has occurred."},
    {"not_implemented", 501, "", "UNIMPLEMENTED", "Not implemented"},
    {"overloaded", 503, "", "UNAVAILABLE", "The model is overloaded. Please try again later."},
    {"gateway_timeout", 504, "", "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."},
};
#undef ASSAY_QUOTA

const char* word_of(const ErrorCall& call) {
  for (const ErrorRow& row : kErrors) {
    if (&row == &call.row) return row.code;
  }
  for (const ErrorRow& row : kErrors) {
    if (row.status == call.status) return row.code;
  }
  return call.status == 429 ? "RESOURCE_EXHAUSTED" : call.status >= 500 ? "INTERNAL" : "FAILED_PRECONDITION";
}

const char* finish_of(const Reply& r) {
  switch (r.finish) {
    case Reply::Finish::length:
      return "MAX_TOKENS";
    case Reply::Finish::filter:
    case Reply::Finish::refusal:
      return "SAFETY";
    default:
      return "STOP";
  }
}

void usage(const Reply& r, std::string& out) {
  out += ",\"usageMetadata\":{\"promptTokenCount\":";
  append_number(out, r.in_tokens);
  out += ",\"candidatesTokenCount\":";
  append_number(out, r.out_tokens - r.reasoning_tokens);
  if (r.reasoning_tokens > 0) {
    out += ",\"thoughtsTokenCount\":";
    append_number(out, r.reasoning_tokens);
  }
  out += ",\"cachedContentTokenCount\":";
  append_number(out, r.cached);
  out += ",\"totalTokenCount\":";
  append_number(out, r.in_tokens + r.out_tokens);
  out += '}';
}

void tail(const Reply& r, bool with_usage, std::string& out) {
  if (with_usage && r.usage) usage(r, out);
  out.append(",\"modelVersion\":\"").append(r.model).append("\",\"responseId\":\"r");
  append_number(out, r.n);
  out += "\"}";
}

std::string logprobs(const Reply& r) {
  std::string chosen, top;
  std::uint64_t place = 0;
  for (const std::string_view token : cut_text(r.text, 0)) {
    std::string one = "{\"token\":";
    quote(one, token);
    one.append(",\"tokenId\":").append(std::to_string(token_id_of(token)));
    one.append(",\"logProbability\":").append(number_text(logprob_of(token, place))).append("}");
    const char* comma = place++ == 0 ? "" : ",";
    chosen.append(comma).append(one);
    top.append(comma).append("{\"candidates\":[").append(one).append("]}");
  }
  return ",\"avgLogprobs\":-0.5,\"logprobsResult\":{\"topCandidates\":[" + top + "],\"chosenCandidates\":[" + chosen +
         "]}";
}

// A prompt that was filtered: no candidates at all.
bool blocked(const Reply& r) { return r.finish == Reply::Finish::filter; }
constexpr std::string_view kBlocked = "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}";

std::string candidate(const std::string& parts, const char* finish) {
  std::string out = "{\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\"";
  if (!parts.empty()) out.append(",\"parts\":[").append(parts).append("]");
  out += '}';
  if (finish != nullptr) out.append(",\"finishReason\":\"").append(finish).append("\"");
  return out;
}

std::string part_of(std::string_view text, bool thought) {
  std::string out = "{\"text\":";
  quote(out, text);
  return out + (thought ? ",\"thought\":true}" : "}");
}

void gemini_reply(const Reply& r, std::string& out) {
  if (blocked(r)) {
    out += kBlocked;
  } else {
    std::string parts;
    if (!r.reasoning.empty()) parts = part_of(r.reasoning, true);
    if (!r.text.empty() && r.content != Reply::Content::null) {
      parts.append(parts.empty() ? "" : ",").append(part_of(r.text, false));
    }
    out += candidate(parts, finish_of(r));
    if (r.logprobs) out += logprobs(r);
    out += "}]";
  }
  tail(r, true, out);
}

void gemini_error(const ErrorCall& call, std::string& out) {
  out.append("{\"error\":{\"code\":").append(std::to_string(call.status)).append(",\"message\":\"");
  out.append(call.message).append("\",\"status\":\"").append(word_of(call)).append("\",\"details\":[");
  const bool more = call.row.extra[0] == '{';
  if (more) out += call.row.extra;
  if (!call.retry_delay.empty()) {
    out.append(more ? "," : "").append(R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":")");
    out.append(call.retry_delay).append("\"}");
  }
  out += "]}}";
}

std::vector<Event> gemini_events(const Reply& r, const StreamWish& wish) {
  std::vector<Event> out;
  if (blocked(r)) {
    Event only{std::string(kBlocked), "", true};
    tail(r, true, only.data);
    out.push_back(std::move(only));
    return out;
  }
  std::vector<std::string> parts;
  for (const std::string_view part : cut_text(r.reasoning, wish.chunk_bytes)) parts.push_back(part_of(part, true));
  for (const std::string_view part : cut_text(r.text, wish.chunk_bytes)) {
    if (r.content != Reply::Content::null) parts.push_back(part_of(part, false));
  }
  if (parts.empty()) parts.emplace_back();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    Event e{candidate(parts[i], last ? finish_of(r) : nullptr) + "}]", "", last};
    tail(r, last, e.data);
    out.push_back(std::move(e));
  }
  return out;
}

void array_reply(const Reply& r, std::string& out) {
  const char* before = "[";
  for (const Event& e : gemini_events(r, {})) {
    out.append(before).append(e.data);
    before = ",\r\n";
  }
  out += "]";
}

void array_error(const ErrorCall& call, std::string& out) {
  out += '[';
  gemini_error(call, out);
  out += ']';
}

Flaw gemini_flaw(const Asking& asking) {
  const ChatFacts& f = asking.facts;
  if (asking.request.query.find("key=") != std::string_view::npos) return {"auth", "A key in the URL"};
  if (f.model.empty()) return {"not_found", "models/ is not found for API version v1beta"};
  if (!f.has_contents || f.message_count == 0) {
    return {"bad_request", "* GenerateContentRequest.contents: contents is not specified"};
  }
  if ((f.roles & ~(ChatFacts::kUser | ChatFacts::kModel | ChatFacts::kNoRole)) != 0U) {
    return {"bad_request", "Please use a valid role: user, model."};
  }
  if (f.without_content) {
    return {"bad_request", "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty."};
  }
  if (f.temperature < 0 || f.temperature > 2) return {"bad_request", "temperature must be in the range [0.0, 2.0]."};
  return {};
}

}  // namespace

const Shape kGemini{.name = "gemini",
                    .key_header = KeyHeader::x_goog_api_key,
                    .errors = kErrors,
                    .hollow = R"({"usageMetadata":{}})",
                    .reply = gemini_reply,
                    .error = gemini_error,
                    .events = gemini_events,
                    .flaw = gemini_flaw};

const Shape kGeminiArray{.name = "gemini-array",
                         .key_header = KeyHeader::x_goog_api_key,
                         .errors = kErrors,
                         .hollow = R"([{"usageMetadata":{}}])",
                         .reply = array_reply,
                         .error = array_error,
                         .events = gemini_events,
                         .flaw = gemini_flaw};

}  // namespace assay::mock
