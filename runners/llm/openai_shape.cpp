#include "runners/llm/openai_shape.hpp"

#include <algorithm>
#include <array>

#include "runners/llm/completions.hpp"
#include "runners/llm/openai_reply.hpp"
#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

std::string_view bare_model(const ModelEntry& entry) {
  return std::string_view(entry.model).substr(entry.model.rfind('/') + 1);
}

/// ^(o[1-9]|gpt-5) after the last '/', without -chat.
bool is_reasoning_model(const ModelEntry& entry, const OpenAiDialect& dialect) {
  if (entry.reasoning_model) return *entry.reasoning_model;
  if (!dialect.infer_reasoning) return false;
  const std::string_view model = bare_model(entry);
  const bool o_series = model.size() >= 2 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9';
  return (o_series || model.starts_with("gpt-5")) && model.find("-chat") == std::string_view::npos;
}

tl::expected<void, CallError> append_content(std::string& out, const Message& message) {
  if (!message.has_image()) {
    if (message.parts.size() == 1)
      append_json_string(out, message.parts.front().text);
    else
      append_json_string(out, message.text());
    return {};
  }
  out += '[';
  bool first = true;
  for (const Part& part : message.parts) {
    if (!first) out += ',';
    first = false;
    if (!part.image) {
      out += R"({"text":)";
      append_json_string(out, part.text);
      out += R"(,"type":"text"})";
      continue;
    }
    const auto type = image_media_type(*part.image);
    if (!type) return tl::unexpected(type.error());
    out += R"({"image_url":{)";
    if (!part.image->detail.empty()) {
      out += R"("detail":)";
      append_json_string(out, part.image->detail);
      out += ',';
    }
    out += R"("url":)";
    append_json_string(out, type->empty() ? part.image->url : "data:" + *type + ";base64," + part.image->data);
    out += R"(},"type":"image_url"})";
  }
  out += ']';
  return {};
}

void write_response_format(ObjectWriter& body, const ResponseFormat& format, bool bare_schema) {
  switch (format.kind) {
    case ResponseFormat::Kind::text:
      break;
    case ResponseFormat::Kind::json:
      body.key("response_format") += R"({"type":"json_object"})";
      break;
    case ResponseFormat::Kind::json_schema: {
      ObjectWriter outer(body.key("response_format"));
      if (bare_schema) {
        outer.json("schema", format.schema);
      } else {
        ObjectWriter schema(outer.key("json_schema"));
        schema.text("name", format.name);
        schema.json("schema", format.schema);
        schema.boolean("strict", format.strict);
        schema.end();
      }
      outer.text("type", "json_schema");
      outer.end();
      break;
    }
  }
}

/// What reasoning comes to on the wire: at most one of these fields.
struct ReasoningFields {
  std::string effort;             // reasoning_effort
  std::string openrouter;         // JSON of `reasoning`
  bool disable_thinking = false;  // chat_template_kwargs
  std::optional<std::int64_t> thinking_budget;
};

ReasoningFields original_reasoning(const Reasoning& reasoning, const ModelEntry& entry, bool reasoning_model,
                                   std::vector<std::string>& dropped) {
  using Kind = Reasoning::Kind;
  ReasoningFields fields;
  if (reasoning.kind == Kind::budget) dropped.emplace_back("reasoning.budget");
  if (reasoning.kind == Kind::effort) {
    if (reasoning_model)
      fields.effort = reasoning.effort;
    else
      dropped.emplace_back("reasoning.effort");
  }
  if (reasoning.kind == Kind::off && reasoning_model) {
    if (bare_model(entry).starts_with("gpt-5."))
      fields.effort = "none";
    else if (bare_model(entry).starts_with("gpt-5"))
      fields.effort = "minimal";
    else
      dropped.emplace_back("reasoning.off");
  }
  return fields;
}

ReasoningFields reasoning_fields(const Reasoning& reasoning, OpenAiDialect::Thinking thinking,
                                 std::vector<std::string>& dropped) {
  using Thinking = OpenAiDialect::Thinking;
  ReasoningFields fields;
  switch (reasoning.kind) {
    case Reasoning::Kind::effort:
      if (thinking == Thinking::openrouter)
        fields.openrouter = R"({"effort":")" + reasoning.effort + R"("})";
      else if (thinking == Thinking::llama)
        dropped.emplace_back("reasoning.effort");
      else
        fields.effort = reasoning.effort;
      break;
    case Reasoning::Kind::budget:
      if (thinking == Thinking::openrouter)
        fields.openrouter = R"({"max_tokens":)" + std::to_string(reasoning.budget) + "}";
      else if (thinking == Thinking::vllm)
        fields.thinking_budget = reasoning.budget;
      else
        dropped.emplace_back("reasoning.budget");
      break;
    case Reasoning::Kind::off:
      if (thinking == Thinking::openrouter)
        fields.openrouter = R"({"enabled":false})";
      else if (thinking == Thinking::vllm || thinking == Thinking::llama)
        fields.disable_thinking = true;
      else
        dropped.emplace_back("reasoning.off");
      break;
  }
  return fields;
}

/// OpenAI API reference, "Completions": {"model","prompt",..}; the messages' texts, joined by blank lines, are the
/// prompt.
tl::expected<std::string, CallError> completion_body(const ChatRequest& request, const ModelEntry& entry,
                                                     const ChatParams& p, bool top_k,
                                                     std::vector<std::string>& dropped) {
  std::string prompt;
  for (const Message& message : request.messages) {
    if (message.has_image()) return refused("a text completion takes no images");
    prompt += (prompt.empty() ? "" : "\n\n") + message.text();
  }
  if (p.logprobs || p.top_logprobs) dropped.emplace_back("logprobs");
  if (p.reasoning) dropped.emplace_back("reasoning");
  if (p.response_format) dropped.emplace_back("response_format");
  if (p.top_k && !top_k) dropped.emplace_back("top_k");
  std::string text;
  ObjectWriter body(text);  // keys in byte order
  if (p.frequency_penalty) body.number("frequency_penalty", *p.frequency_penalty);
  if (p.max_tokens) body.integer("max_tokens", *p.max_tokens);
  body.text("model", entry.model);
  if (p.presence_penalty) body.number("presence_penalty", *p.presence_penalty);
  body.text("prompt", prompt);
  if (p.seed) body.integer("seed", *p.seed);
  if (!p.stop.empty()) body.texts("stop", p.stop);
  if (p.temperature) body.number("temperature", *p.temperature);
  if (p.top_k && top_k) body.integer("top_k", *p.top_k);
  if (p.top_p) body.number("top_p", *p.top_p);
  body.end();
  return text;
}

}  // namespace

tl::expected<void, CallError> append_openai_messages(std::string& out, const std::vector<Message>& messages,
                                                     bool developer) {
  out += '[';
  bool first = true;
  for (const Message& message : messages) {
    if (!first) out += ',';
    first = false;
    out += R"({"content":)";
    if (auto written = append_content(out, message); !written) return written;
    out += R"(,"role":")";
    out += message.role == Role::developer && !developer ? "system" : to_text(message.role);
    out += "\"}";
  }
  out += ']';
  return {};
}

RequestForm OpenAiShaped::form() const {
  RequestForm form;
  form.when_streaming = R"("stream":true,"stream_options":{"include_usage":true})";
  return form;
}

tl::expected<PreparedRequest, CallError> OpenAiShaped::build(const ChatRequest& request,
                                                             const ModelEntry& entry) const {
  if (request.messages.empty()) return refused("a request has at least one message");
  const OpenAiDialect dialect = this->dialect(entry);
  const ChatParams p = request.params.over(entry.params);
  if (takes_completions(entry)) {
    std::vector<std::string> unsaid;
    auto body = completion_body(request, entry, p, dialect.top_k, unsaid);
    if (!body) return tl::unexpected(std::move(body.error()));
    auto prepared = finish_request(std::move(*body), std::move(unsaid), request, p, entry, form(), simulated());
    if (prepared) {
      prepared->stream = false;  // its events are of another shape
      prepared->stream_fields = form().otherwise;
    }
    return prepared;
  }
  const bool reasoning_model = is_reasoning_model(entry, dialect);
  if (dialect.original) {
    if (p.temperature && !(*p.temperature >= 0 && *p.temperature <= 2)) return refused("temperature lies in 0 to 2");
    if (p.top_logprobs && (*p.top_logprobs < 0 || *p.top_logprobs > 20)) return refused("top_logprobs lies in 0 to 20");
    if (p.stop.size() > 4) return refused("at most 4 stop sequences");
  }

  std::vector<std::string> dropped;
  std::string text;
  text.reserve(expected_body_size(request));
  // Reasoning models refuse the sampling parameters with a 400.
  const auto keep = [&](bool given, const char* name) {
    if (given && reasoning_model) dropped.emplace_back(name);
    return given && !reasoning_model;
  };
  ReasoningFields thinking;
  if (p.reasoning) {
    thinking = dialect.original ? original_reasoning(*p.reasoning, entry, reasoning_model, dropped)
                                : reasoning_fields(*p.reasoning, dialect.thinking, dropped);
  }

  ObjectWriter body(text);  // keys in byte order
  if (thinking.disable_thinking) body.key("chat_template_kwargs") += R"({"enable_thinking":false})";
  if (keep(p.frequency_penalty.has_value(), "frequency_penalty"))
    body.number("frequency_penalty", *p.frequency_penalty);
  const bool logprobs = keep(p.logprobs || p.top_logprobs, "logprobs");
  if (logprobs) {
    if (dialect.counted_logprobs)
      body.integer("logprobs", p.top_logprobs.value_or(1));
    else
      body.boolean("logprobs", true);
  }
  const bool completion_tokens =
      entry.token_field == "max_completion_tokens" || (entry.token_field == "auto" && reasoning_model);
  if (p.max_tokens) body.integer(completion_tokens ? "max_completion_tokens" : "max_tokens", *p.max_tokens);
  if (auto written = append_openai_messages(body.key("messages"), request.messages, dialect.original); !written) {
    return tl::unexpected(std::move(written.error()));
  }
  body.text("model", entry.model);
  if (keep(p.presence_penalty.has_value(), "presence_penalty")) body.number("presence_penalty", *p.presence_penalty);
  if (!thinking.openrouter.empty()) body.key("reasoning") += thinking.openrouter;
  if (!thinking.effort.empty()) body.text("reasoning_effort", thinking.effort);
  if (p.response_format) write_response_format(body, *p.response_format, dialect.bare_schema);
  if (p.seed) body.integer("seed", *p.seed);
  if (keep(!p.stop.empty(), "stop")) body.texts("stop", p.stop);
  if (keep(p.temperature.has_value(), "temperature")) body.number("temperature", *p.temperature);
  if (thinking.thinking_budget) body.integer("thinking_token_budget", *thinking.thinking_budget);
  if (p.top_k) {
    if (dialect.top_k)
      body.integer("top_k", *p.top_k);
    else
      dropped.emplace_back("top_k");
  }
  if (logprobs && p.top_logprobs && !dialect.counted_logprobs) body.integer("top_logprobs", *p.top_logprobs);
  if (keep(p.top_p.has_value(), "top_p")) body.number("top_p", *p.top_p);
  body.end();
  return finish_request(std::move(text), std::move(dropped), request, p, entry, form(), simulated());
}

bool OpenAiShaped::splits_think_tags(const ModelEntry& entry) const {
  return !entry.keep_think_tags && dialect(entry).think_tags;
}

tl::expected<ChatReply, CallError> OpenAiShaped::parse(std::string_view body, const ModelEntry& entry,
                                                       bool whole) const {
  if (whole && !looks_like_sse(body)) {
    if (auto plain = scan_openai_reply(body)) {
      if (plain->reasoning.empty() && splits_think_tags(entry)) {
        split_think_tags(*plain);
        plain->set_flags();
      }
      return std::move(*plain);
    }
  }
  return Provider::parse(body, entry, whole);
}

tl::expected<ChatReply, CallError> OpenAiShaped::read_document(const Json& document, const ModelEntry& entry,
                                                               bool utf8_repaired) const {
  return read_openai_document(document, vendor_of(entry), splits_think_tags(entry), utf8_repaired);
}

std::unique_ptr<ReplyStream> OpenAiShaped::open_stream(const ModelEntry& entry) const {
  return open_openai_stream(vendor_of(entry), splits_think_tags(entry));
}

std::string OpenAiShaped::field_to_correct(const CallError& error) const {
  if (error.http_status != 400 || (error.code != "unsupported_parameter" && error.code != "unsupported_value"))
    return "";
  constexpr std::array fields = {"max_tokens",       "temperature", "top_p",    "frequency_penalty",
                                 "presence_penalty", "stop",        "logprobs", "top_logprobs"};
  return std::find(fields.begin(), fields.end(), error.param) == fields.end() ? "" : error.param;
}

void OpenAiShaped::correct(Json& body, const std::string& field) const {
  if (field == "max_tokens" && body.contains(field)) body["max_completion_tokens"] = body[field];
  if (field == "logprobs") body.erase("top_logprobs");
  body.erase(field);
}

}  // namespace assay
