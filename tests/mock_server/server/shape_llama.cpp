// llama-server's chat and text completions (models.md 2.11; shapes as a llama-server 0.5.0-dev sends them), and the
// text completions of OpenAI and vLLM.

#include "tests/mock_server/server/shape.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {
namespace {

using Form = ErrorRow::Form;

constexpr ErrorRow kErrors[] = {
    {"bad_request", 400, "invalid_request_error", "", "Invalid request"},
    {"context_length", 400, "exceed_context_size_error", "",
     "the request exceeds the available context size, try increasing it", Form::json, "",
     R"(,"n_prompt_tokens":5000,"n_ctx":4096)"},
    {"auth", 401, "authentication_error", "", "Invalid API Key"},
    {"permission", 403, "permission_error", "", "Permission denied"},
    {"not_found", 404, "not_found_error", "", "File Not Found"},
    {"method", 404, "not_found_error", "", "File Not Found"},
    {"server", 500, "server_error", "", "Internal error"},
    {"not_implemented", 501, "not_supported_error", "", "This feature is not supported"},
    {"loading", 503, "unavailable_error", "", "Loading model"},
    {"overloaded", 503, "unavailable_error", "", "Loading model"},
};

void timings(const Reply& r, std::string& out) {
  out += ",\"timings\":{\"cache_n\":";
  append_number(out, r.cached);
  out += ",\"prompt_n\":";
  append_number(out, r.in_tokens - r.cached);
  out += ",\"prompt_ms\":4.5,\"prompt_per_token_ms\":0.5,\"prompt_per_second\":2000.0,\"predicted_n\":";
  append_number(out, r.out_tokens);
  out += ",\"predicted_ms\":9.5,\"predicted_per_token_ms\":1.5,\"predicted_per_second\":500.0}";
}

void usage(const Reply& r, std::string& out) {
  out += ",\"usage\":{\"completion_tokens\":";
  append_number(out, r.out_tokens);
  out += ",\"prompt_tokens\":";
  append_number(out, r.in_tokens);
  out += ",\"total_tokens\":";
  append_number(out, r.in_tokens + r.out_tokens);
  out += ",\"prompt_tokens_details\":{\"cached_tokens\":";
  append_number(out, r.cached);
  out += "}}";
}

void common(const Reply& r, const char* object, std::string& out) {
  out.append(",\"created\":1700000000,\"model\":\"").append(r.model.empty() ? "mock" : r.model);
  out.append("\",\"system_fingerprint\":\"b1-mock\",\"object\":\"").append(object).append("\"");
}

void id(const Reply& r, std::string& out) {
  out += ",\"id\":\"chatcmpl-";
  append_number(out, r.n);
  out += '"';
}

void llama_reply(const Reply& r, std::string& out) {
  out.append("{\"choices\":[{\"finish_reason\":\"").append(openai_finish(r));
  out.append("\",\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
  if (r.content == Reply::Content::null) {
    out += "null";
  } else {
    quote(out, r.text);
  }
  if (!r.reasoning.empty()) out.append(",\"reasoning_content\":\"").append(r.reasoning).append("\"");
  out += "}";
  if (r.logprobs) {
    out += ",\"logprobs\":";
    openai_logprobs(r, r.text, out);
  }
  out += "}]";
  common(r, "chat.completion", out);
  if (r.usage) usage(r, out);
  id(r, out);
  if (r.usage) timings(r, out);
  out += '}';
}

void llama_error(const ErrorCall& call, std::string& out) {
  out.append("{\"error\":{\"code\":").append(std::to_string(call.status)).append(",\"message\":\"");
  out.append(call.message).append("\",\"type\":\"").append(call.row.type).append("\"").append(call.row.extra);
  out.append("}}");
}

std::vector<Event> llama_events(const Reply& r, const StreamWish& wish) {
  const auto event = [&](const std::string& delta, const std::string& finish) {
    std::string e = "{\"choices\":[{\"finish_reason\":" + finish + ",\"index\":0,\"delta\":{" + delta + "}}]";
    common(r, "chat.completion.chunk", e);
    id(r, e);
    return Event{e, "", finish != "null"};
  };
  std::vector<Event> out{event("\"role\":\"assistant\",\"content\":null", "null")};
  for (const std::string_view part : cut_text(r.reasoning, wish.chunk_bytes)) {
    out.push_back(event("\"reasoning_content\":\"" + std::string(part) + "\"", "null"));
  }
  for (const std::string_view part : cut_text(r.text, wish.chunk_bytes)) {
    out.push_back(event("\"content\":\"" + std::string(part) + "\"", "null"));
  }
  out.push_back(event("", "\"" + std::string(openai_finish(r)) + "\""));
  if (wish.include_usage && r.usage) {
    Event last{"{\"choices\":[]"};
    common(r, "chat.completion.chunk", last.data);
    usage(r, last.data);
    id(r, last.data);
    out.push_back(std::move(last));
  }
  if (r.usage) timings(r, out.back().data);
  for (Event& e : out) e.data += '}';
  return out;
}

Flaw llama_flaw(const Asking& asking) {
  if (!asking.facts.has_messages) return {"bad_request", "'messages' is required"};
  if (asking.facts.without_content) return {"bad_request", "All non-assistant messages must contain 'content'"};
  return {};
}

void completion_reply(const Reply& r, bool with_logprobs, std::string& out) {
  const std::string text = r.echo ? std::string(r.prompt) + r.text : r.text;
  out += "{\"id\":\"cmpl-";
  append_number(out, r.n);
  out.append("\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"").append(r.model);
  out += "\",\"choices\":[{\"index\":0,\"text\":";
  quote(out, text);
  out += ",\"logprobs\":";
  if (r.logprobs && with_logprobs) {
    std::string tokens, values, tops, offsets;
    std::uint64_t place = 0;
    std::size_t offset = 0;
    for (const std::string_view token : cut_text(text, 0)) {
      const char* comma = place == 0 ? "" : ",";
      const std::string value = place == 0 && r.echo ? "null" : number_text(logprob_of(token, place));
      tokens += comma;
      quote(tokens, token);
      values.append(comma).append(value);
      tops += comma;
      if (value == "null") {
        tops += "null";
      } else {
        tops += '{';
        quote(tops, token);
        tops.append(":").append(value).append("}");
      }
      offsets.append(comma).append(std::to_string(offset));
      offset += token.size();
      ++place;
    }
    out.append("{\"tokens\":[").append(tokens).append("],\"token_logprobs\":[").append(values);
    out.append("],\"top_logprobs\":[").append(tops).append("],\"text_offset\":[").append(offsets).append("]}");
  } else {
    out += "null";
  }
  out.append(",\"finish_reason\":\"").append(openai_finish(r)).append("\"}]");
  if (r.usage) usage(r, out);
  out += '}';
}

void openai_completion(const Reply& r, std::string& out) { completion_reply(r, true, out); }

// It takes echo and logprobs, and answers `logprobs: null`.
void llama_completion(const Reply& r, std::string& out) {
  completion_reply(r, false, out);
  out.pop_back();
  if (r.usage) timings(r, out);
  out += '}';
}

std::vector<Event> completion_events(const Reply& r, const StreamWish& wish) {
  const std::string start = "{\"id\":\"cmpl-" + std::to_string(r.n) +
                            "\",\"object\":\"text_completion\",\"created\":1700000000,\"model\":\"" +
                            std::string(r.model) + "\",\"choices\":[";
  std::vector<Event> out;
  const std::string text = r.echo ? std::string(r.prompt) + r.text : r.text;
  for (const std::string_view part : cut_text(text, wish.chunk_bytes)) {
    out.push_back(
        {start + "{\"index\":0,\"text\":\"" + std::string(part) + "\",\"logprobs\":null,\"finish_reason\":null}]}"});
  }
  out.push_back(
      {start + "{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"" + openai_finish(r) + "\"}]}", "",
       true});
  if (wish.include_usage && r.usage) {
    Event last{start + "]"};
    usage(r, last.data);
    last.data += '}';
    out.push_back(std::move(last));
  }
  return out;
}

Flaw completion_flaw(const Asking& asking) {
  if (asking.facts.model.empty()) return {"bad_request", "you must provide a model parameter"};
  if (!asking.facts.has_prompt) return {"bad_request", "'prompt' is a required property"};
  return {};
}

Flaw llama_completion_flaw(const Asking& asking) {
  if (!asking.facts.has_prompt) return {"bad_request", "'prompt' is required"};
  return {};
}

constexpr const char* kHollow = "{\"choices\":[],\"object\":\"chat.completion\"}";

}  // namespace

const Shape kLlama{.name = "llama",
                   .key_needed = false,
                   .done_marker = true,
                   .llama_server = true,
                   .malformed_error = "server",
                   .errors = kErrors,
                   .hollow = kHollow,
                   .reply = llama_reply,
                   .error = llama_error,
                   .events = llama_events,
                   .flaw = llama_flaw};

const Shape kCompletions{.name = "completions",
                         .done_marker = true,
                         .errors = {},
                         .hollow = kHollow,
                         .reply = openai_completion,
                         .error = openai_error,
                         .events = completion_events,
                         .flaw = completion_flaw,
                         .limit_headers = openai_limit_headers,
                         .reset_headers = openai_reset_headers};

const Shape kLlamaCompletions{.name = "llama-completions",
                              .key_needed = false,
                              .done_marker = true,
                              .llama_server = true,
                              .malformed_error = "server",
                              .errors = kErrors,
                              .hollow = kHollow,
                              .reply = llama_completion,
                              .error = llama_error,
                              .events = completion_events,
                              .flaw = llama_completion_flaw};

}  // namespace assay::mock
