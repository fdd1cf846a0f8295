// Ollama's chat (models.md 2.10). Its streams are JSON lines, and the default.

#include "tests/mock_server/server/shape.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {
namespace {

constexpr ErrorRow kErrors[] = {
    {"bad_request", 400, "", "", "invalid request"},
    {"context_length", 400, "", "", "the prompt exceeds the context window"},
    {"auth", 401, "", "", "unauthorized"},
    {"not_found", 404, "", "", "model not found, try pulling it first"},
    {"rate_limit", 429, "", "", "too many requests"},
    {"server", 500, "", "", "llama runner process has terminated"},
    {"bad_gateway", 502, "", "", "bad gateway"},
    {"overloaded", 503, "", "", "server busy, please try again.  maximum pending requests exceeded"},
};

constexpr const char* kCreated =
    "\",\"created_at\":\"2025-01-01T00:00:00.000000Z\",\"message\":{\"role\":\"assistant\"";

void counters(const Reply& r, std::string& out) {
  out.append(",\"done\":true,\"done_reason\":\"").append(r.finish == Reply::Finish::length ? "length" : "stop");
  out += "\",\"total_duration\":5043500667,\"load_duration\":5025959";
  if (r.usage) {
    out += ",\"prompt_eval_count\":";
    append_number(out, r.in_tokens);
    out += ",\"prompt_eval_duration\":325953000,\"eval_count\":";
    append_number(out, r.out_tokens);
    out += ",\"eval_duration\":4709213000";
  }
}

void ollama_reply(const Reply& r, std::string& out) {
  out.append("{\"model\":\"").append(r.model).append(kCreated).append(",\"content\":");
  quote(out, r.content == Reply::Content::null ? std::string_view() : std::string_view(r.text));
  if (!r.reasoning.empty()) out.append(",\"thinking\":\"").append(r.reasoning).append("\"");
  out += '}';
  if (r.logprobs) {
    out += ",\"logprobs\":[";
    std::uint64_t place = 0;
    for (const std::string_view token : cut_text(r.text, 0)) {
      out.append(place == 0 ? "" : ",").append("{\"token\":");
      quote(out, token);
      out.append(",\"logprob\":").append(number_text(logprob_of(token, place++))).append(",\"top_logprobs\":[]}");
    }
    out += ']';
  }
  counters(r, out);
  out += '}';
}

void ollama_error(const ErrorCall& call, std::string& out) {
  out.append("{\"error\":\"").append(call.message).append("\"}");
}

std::vector<Event> ollama_events(const Reply& r, const StreamWish& wish) {
  std::vector<Event> out;
  const std::string start = "{\"model\":\"" + std::string(r.model) + kCreated;
  for (const std::string_view part : cut_text(r.reasoning, wish.chunk_bytes)) {
    out.push_back({start + ",\"content\":\"\",\"thinking\":\"" + std::string(part) + "\"},\"done\":false}"});
  }
  for (const std::string_view part : cut_text(r.text, wish.chunk_bytes)) {
    if (r.content == Reply::Content::null) break;
    out.push_back({start + ",\"content\":\"" + std::string(part) + "\"},\"done\":false}"});
  }
  Event last{start + ",\"content\":\"\"}", "", true};
  counters(r, last.data);
  last.data += '}';
  out.push_back(std::move(last));
  return out;
}

Flaw ollama_flaw(const Asking& asking) {
  const ChatFacts& f = asking.facts;
  if (f.model.empty()) return {"bad_request", "model is required"};
  if (!f.has_messages) return {"bad_request", "messages is required"};
  if ((f.roles & (ChatFacts::kNoRole | ChatFacts::kOtherRole | ChatFacts::kModel | ChatFacts::kDeveloper)) != 0U) {
    return {"bad_request", "invalid role, must be one of [system, user, assistant, tool]"};
  }
  return {};
}

}  // namespace

const Shape kOllama{.name = "ollama",
                    .key_needed = false,
                    .json_lines = true,
                    .streams_unasked = true,
                    .errors = kErrors,
                    .hollow = R"({"model":"x"})",
                    .reply = ollama_reply,
                    .error = ollama_error,
                    .events = ollama_events,
                    .flaw = ollama_flaw};

}  // namespace assay::mock
