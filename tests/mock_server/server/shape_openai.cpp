// OpenAI's chat completions (models.md 2.4), which a family of others shares, and the older text completions.

#include "tests/mock_server/server/shape.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {

const char* openai_finish(const Reply& reply) {
  switch (reply.finish) {
    case Reply::Finish::length:
      return "length";
    case Reply::Finish::filter:
      return "content_filter";
    default:
      return "stop";
  }
}

void openai_usage(const Reply& r, std::string& out) {
  out += "{\"prompt_tokens\":";
  append_number(out, r.in_tokens);
  out += ",\"completion_tokens\":";
  append_number(out, r.out_tokens);
  out += ",\"total_tokens\":";
  append_number(out, r.in_tokens + r.out_tokens);
  out += ",\"prompt_tokens_details\":{\"cached_tokens\":";
  append_number(out, r.cached);
  out += "},\"completion_tokens_details\":{\"reasoning_tokens\":";
  append_number(out, r.reasoning_tokens);
  out += "}}";
}

void openai_logprobs(const Reply& r, std::string_view text, std::string& out) {
  if (!r.logprobs) {
    out += "null";
    return;
  }
  out += "{\"content\":[";
  std::uint64_t place = 0;
  for (const std::string_view token : cut_text(text, 0)) {
    if (place > 0) out += ',';
    const double value = logprob_of(token, place);
    out += "{\"token\":";
    quote(out, token);
    out.append(",\"logprob\":").append(number_text(value)).append(",\"bytes\":null,\"top_logprobs\":[");
    for (std::uint64_t k = 0; k < r.top_logprobs; ++k) {
      if (k > 0) out += ',';
      const std::string other = k == 0 ? std::string(token) : "t" + std::to_string(k);
      out += "{\"token\":";
      quote(out, other);
      const double its = value - static_cast<double>(k) * 0.5;
      out.append(",\"logprob\":").append(number_text(its)).append(",\"bytes\":null}");
    }
    out += "]}";
    ++place;
  }
  out += "],\"refusal\":null}";
}

void openai_reply(const Reply& r, std::string& out) {
  const bool refused = r.finish == Reply::Finish::refusal;
  out += "{\"id\":\"chatcmpl-";
  append_number(out, r.n);
  out += "\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"";
  out += r.model;
  out += "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",";
  if (!r.reasoning.empty()) out.append("\"reasoning_content\":\"").append(r.reasoning).append("\",");
  out += "\"content\":";
  if (refused || r.content == Reply::Content::null) {
    out += "null";
  } else if (r.content == Reply::Content::list) {
    out.append("[{\"type\":\"text\",\"text\":\"").append(r.text).append("\"}]");
  } else {
    quote(out, r.text);
  }
  out += ",\"refusal\":";
  quote_or_null(out, refused ? std::string_view(r.text) : std::string_view());
  out += "},\"logprobs\":";
  openai_logprobs(r, r.text, out);
  out.append(",\"finish_reason\":\"").append(openai_finish(r)).append("\"}]");
  if (r.usage) {
    out += ",\"usage\":";
    openai_usage(r, out);
  }
  out += ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_1\"}";
}

void openai_error(const ErrorCall& call, std::string& out) {
  out.append("{\"error\":{\"message\":\"").append(call.message).append("\",\"type\":");
  quote_or_null(out, call.row.type);
  out += ",\"param\":";
  quote_or_null(out, call.row.param);
  out += ",\"code\":";
  quote_or_null(out, call.row.code);
  out += call.row.extra;
  if (!call.retry_delay.empty()) {
    out.append(R"(,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":")");
    out.append(call.retry_delay).append("\"}]");
  }
  out += "}}";
}

std::vector<Event> openai_events(const Reply& r, const StreamWish& wish) {
  std::string start = "{\"id\":\"chatcmpl-";
  append_number(start, r.n);
  start.append("\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"").append(r.model);
  start += "\",\"choices\":[";
  const auto event = [&](std::string_view delta, std::string_view finish) {
    std::string e = start;
    e.append("{\"index\":0,\"delta\":{").append(delta).append("},\"finish_reason\":").append(finish).append("}]}");
    return Event{e, "", finish != "null"};
  };
  std::vector<Event> out;
  out.push_back(event("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", "null"));
  for (const std::string_view part : cut_text(r.reasoning, wish.chunk_bytes)) {
    out.push_back(event("\"reasoning_content\":\"" + std::string(part) + "\"", "null"));
  }
  const char* field = r.finish == Reply::Finish::refusal ? "\"refusal\":\"" : "\"content\":\"";
  for (const std::string_view part : cut_text(r.text, wish.chunk_bytes)) {
    if (r.content == Reply::Content::null) break;
    Event e = event(field + std::string(part) + "\"", "null");
    if (r.logprobs) {
      e.data.resize(e.data.size() - 3);
      e.data += ",\"logprobs\":";
      openai_logprobs(r, part, e.data);
      e.data += "}]}";
    }
    out.push_back(std::move(e));
  }
  out.push_back(event("", "\"" + std::string(openai_finish(r)) + "\""));
  if (wish.include_usage && r.usage) {
    std::string e = start + "],\"usage\":";
    openai_usage(r, e);
    out.push_back({e + "}"});
  }
  return out;
}

namespace {

// o1, o3-mini, gpt-5: not gpt-5-chat.
bool reasons(std::string_view model) {
  const std::size_t slash = model.rfind('/');
  if (slash != std::string_view::npos) model = model.substr(slash + 1);
  if (model.find("-chat") != std::string_view::npos) return false;
  return model.starts_with("gpt-5") || (model.size() > 1 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9');
}

}  // namespace

Flaw openai_flaw(const Asking& asking) {
  const ChatFacts& f = asking.facts;
  if (f.model.empty()) return {"bad_request", "you must provide a model parameter"};
  if (!f.has_messages) return {"bad_request", "'messages' is a required property"};
  if (f.message_count == 0) return {"bad_request", "[] is too short - 'messages'"};
  if ((f.roles & (ChatFacts::kNoRole | ChatFacts::kOtherRole | ChatFacts::kModel)) != 0U) {
    return {"bad_request", "Invalid value for 'messages[].role'"};
  }
  if (f.without_content) return {"bad_request", "Invalid value for 'content': expected a string, got null."};
  if (f.temperature < 0 || f.temperature > 2) return {"bad_request", "Invalid 'temperature': from 0 to 2"};
  if (reasons(f.model)) {
    if (f.old_max_tokens) {
      return {"unsupported_max_tokens",
              "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
              "instead."};
    }
    if (f.has_temperature && f.temperature != 1) {
      return {"unsupported_value", "Unsupported value: 'temperature' does not support this value with this model."};
    }
  }
  return {};
}

void openai_limit_headers(const Announced& limit, std::string& headers) {
  const std::string dimension = limit.of == Announced::Of::requests ? "requests" : "tokens";
  put_header(headers, "x-ratelimit-limit-" + dimension, std::to_string(static_cast<std::int64_t>(limit.limit)));
  put_header(headers, "x-ratelimit-remaining-" + dimension, std::to_string(static_cast<std::int64_t>(limit.remaining)));
  put_header(headers, "x-ratelimit-reset-" + dimension, go_duration(limit.reset_s));
}

void openai_reset_headers(std::string_view value, std::string& headers) {
  put_header(headers, "x-ratelimit-limit-requests", "60");
  put_header(headers, "x-ratelimit-remaining-requests", "0");
  put_header(headers, "x-ratelimit-reset-requests", value);
}

void plain_reset_headers(std::string_view value, std::string& headers) {
  put_header(headers, "x-ratelimit-limit", "60");
  put_header(headers, "x-ratelimit-remaining", "0");
  put_header(headers, "x-ratelimit-reset", value);
}

void plain_limit_headers(const Announced& limit, std::string& headers) {
  if (limit.of != Announced::Of::requests) return;
  put_header(headers, "x-ratelimit-limit", std::to_string(static_cast<std::int64_t>(limit.limit)));
  put_header(headers, "x-ratelimit-remaining", std::to_string(static_cast<std::int64_t>(limit.remaining)));
  put_header(headers, "x-ratelimit-reset", unix_in(limit.reset_s));
}

constexpr const char* kHollow = "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[]}";

const Shape kOpenai{.name = "openai",
                    .weight = Shape::Weight::larger,
                    .done_marker = true,
                    .errors = {},
                    .hollow = kHollow,
                    .reply = openai_reply,
                    .error = openai_error,
                    .events = openai_events,
                    .flaw = openai_flaw,
                    .limit_headers = openai_limit_headers,
                    .reset_headers = openai_reset_headers};

}  // namespace assay::mock
