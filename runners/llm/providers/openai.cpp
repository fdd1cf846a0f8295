// OpenAI's chat completions and every server that speaks them: presets, vLLM, own providers. Specs: models.md 2.4.

#include <algorithm>
#include <array>

#include "runners/llm/body.hpp"
#include "runners/llm/openai_reply.hpp"
#include "runners/llm/provider.hpp"

namespace assay {
namespace {

tl::unexpected<CallError> refuse(std::string message) {
  return tl::unexpected(make_error(ErrorKind::bad_request, "", std::move(message)));
}

/// What a compatible server understands beside OpenAI's own fields.
struct Dialect {
  bool original = false;  // OpenAI itself (and Azure): role developer, reasoning models, its ranges
  bool top_k = false;
  enum class Thinking { effort, openrouter, vllm } thinking = Thinking::effort;
};

Dialect dialect_of(const ModelEntry& entry) {
  Dialect dialect;
  dialect.original = entry.provider == "openai" || entry.type == "azure";
  for (const char* name : {"vllm", "llama", "deepinfra", "openrouter", "together", "sim"}) {
    dialect.top_k = dialect.top_k || entry.provider == name;
  }
  if (entry.provider == "openrouter") dialect.thinking = Dialect::Thinking::openrouter;
  if (entry.provider == "vllm") dialect.thinking = Dialect::Thinking::vllm;
  return dialect;
}

/// ^(o[1-9]|gpt-5) after the last '/', without -chat.
bool is_reasoning_model(const ModelEntry& entry, const Dialect& dialect) {
  if (entry.reasoning_model) return *entry.reasoning_model;
  if (!dialect.original || entry.type == "azure") return false;
  const std::string_view model = std::string_view(entry.model).substr(entry.model.rfind('/') + 1);
  const bool o_series = model.size() >= 2 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9';
  return (o_series || model.starts_with("gpt-5")) && model.find("-chat") == std::string_view::npos;
}

tl::expected<void, CallError> append_content(std::string& out, const Message& message) {
  const bool images =
      std::any_of(message.parts.begin(), message.parts.end(), [](const Part& part) { return part.image.has_value(); });
  if (!images) {
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
    std::string url = part.image->url;
    if (!part.image->data.empty()) {
      std::string_view type = image_type_of_base64(part.image->data);
      if (type.empty()) type = part.image->media_type;
      if (type.empty()) return refuse("an image is neither PNG, JPEG, GIF nor WebP, and no media_type is given");
      url = "data:" + std::string(type) + ";base64," + part.image->data;
    } else if (url.empty()) {
      return refuse("an image has neither data nor url");
    }
    out += R"({"image_url":{)";
    if (!part.image->detail.empty()) {
      out += R"("detail":)";
      append_json_string(out, part.image->detail);
      out += ',';
    }
    out += R"("url":)";
    append_json_string(out, url);
    out += R"(},"type":"image_url"})";
  }
  out += ']';
  return {};
}

void write_response_format(ObjectWriter& body, const ResponseFormat& format) {
  switch (format.kind) {
    case ResponseFormat::Kind::text:
      break;
    case ResponseFormat::Kind::json:
      body.key("response_format") += R"({"type":"json_object"})";
      break;
    case ResponseFormat::Kind::json_schema: {
      ObjectWriter outer(body.key("response_format"));
      ObjectWriter schema(outer.key("json_schema"));
      schema.text("name", format.name);
      schema.json("schema", format.schema);
      schema.boolean("strict", format.strict);
      schema.end();
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

ReasoningFields reasoning_fields(const Reasoning& reasoning, const ModelEntry& entry, const Dialect& dialect,
                                 bool reasoning_model, std::vector<std::string>& dropped) {
  ReasoningFields fields;
  using Kind = Reasoning::Kind;
  if (dialect.original) {
    const std::string_view model = std::string_view(entry.model).substr(entry.model.rfind('/') + 1);
    if (reasoning.kind == Kind::budget) dropped.emplace_back("reasoning.budget");
    if (reasoning.kind == Kind::effort) {
      if (reasoning_model)
        fields.effort = reasoning.effort;
      else
        dropped.emplace_back("reasoning.effort");
    }
    if (reasoning.kind == Kind::off && reasoning_model) {
      if (model.starts_with("gpt-5."))
        fields.effort = "none";
      else if (model.starts_with("gpt-5"))
        fields.effort = "minimal";
      else
        dropped.emplace_back("reasoning.off");
    }
    return fields;
  }
  switch (reasoning.kind) {
    case Kind::effort:
      if (dialect.thinking == Dialect::Thinking::openrouter) {
        fields.openrouter = R"({"effort":")" + reasoning.effort + R"("})";
      } else {
        fields.effort = reasoning.effort;
      }
      break;
    case Kind::budget:
      if (dialect.thinking == Dialect::Thinking::openrouter) {
        fields.openrouter = R"({"max_tokens":)" + std::to_string(reasoning.budget) + "}";
      } else if (dialect.thinking == Dialect::Thinking::vllm) {
        fields.thinking_budget = reasoning.budget;
      } else {
        dropped.emplace_back("reasoning.budget");
      }
      break;
    case Kind::off:
      if (dialect.thinking == Dialect::Thinking::openrouter)
        fields.openrouter = R"({"enabled":false})";
      else if (dialect.thinking == Dialect::Thinking::vllm)
        fields.disable_thinking = true;
      else
        dropped.emplace_back("reasoning.off");
      break;
  }
  return fields;
}

class OpenAi final : public Provider {
 public:
  explicit OpenAi(bool simulated) : simulated_(simulated) {}
  std::string_view type() const override { return simulated_ ? "sim" : "openai"; }
  bool simulated() const override { return simulated_; }
  bool idempotency_key() const override { return !simulated_; }

  tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const override {
    if (request.messages.empty()) return refuse("a request has at least one message");
    const Dialect dialect = dialect_of(entry);
    const ChatParams p = request.params.over(entry.params);
    const bool reasoning_model = is_reasoning_model(entry, dialect);
    if (dialect.original) {
      if (p.temperature && !(*p.temperature >= 0 && *p.temperature <= 2)) return refuse("temperature lies in 0 to 2");
      if (p.top_logprobs && (*p.top_logprobs < 0 || *p.top_logprobs > 20))
        return refuse("top_logprobs lies in 0 to 20");
      if (p.stop.size() > 4) return refuse("at most 4 stop sequences");
    }

    PreparedRequest prepared;
    std::vector<std::string>& dropped = prepared.dropped;
    std::size_t size = 256;
    for (const Message& message : request.messages) {
      size += 40;
      for (const Part& part : message.parts) {
        size += part.text.size() + part.text.size() / 8 + (part.image ? part.image->data.size() + 80 : 0);
      }
    }
    std::string text;
    text.reserve(size);
    // Reasoning models refuse the sampling parameters with a 400.
    const auto keep = [&](bool given, const char* name) {
      if (given && reasoning_model) dropped.emplace_back(name);
      return given && !reasoning_model;
    };
    ReasoningFields thinking;
    if (p.reasoning) thinking = reasoning_fields(*p.reasoning, entry, dialect, reasoning_model, dropped);

    ObjectWriter body(text);  // keys in byte order
    if (thinking.disable_thinking) body.key("chat_template_kwargs") += R"({"enable_thinking":false})";
    if (keep(p.frequency_penalty.has_value(), "frequency_penalty"))
      body.number("frequency_penalty", *p.frequency_penalty);
    const bool logprobs = keep(p.logprobs || p.top_logprobs, "logprobs");
    if (logprobs) body.boolean("logprobs", true);
    const bool completion_tokens =
        entry.token_field == "max_completion_tokens" || (entry.token_field == "auto" && reasoning_model);
    if (p.max_tokens) body.integer(completion_tokens ? "max_completion_tokens" : "max_tokens", *p.max_tokens);
    body.key("messages") += '[';
    bool first = true;
    for (const Message& message : request.messages) {
      if (!first) text += ',';
      first = false;
      text += R"({"content":)";
      if (auto written = append_content(text, message); !written) return tl::unexpected(written.error());
      text += R"(,"role":")";
      text += message.role == Role::developer && !dialect.original ? "system" : to_text(message.role);
      text += "\"}";
    }
    text += ']';
    body.text("model", entry.model);
    if (keep(p.presence_penalty.has_value(), "presence_penalty")) body.number("presence_penalty", *p.presence_penalty);
    if (!thinking.openrouter.empty()) body.key("reasoning") += thinking.openrouter;
    if (!thinking.effort.empty()) body.text("reasoning_effort", thinking.effort);
    if (p.response_format) write_response_format(body, *p.response_format);
    if (p.seed) body.integer("seed", *p.seed);
    if (keep(!p.stop.empty(), "stop")) {
      std::string& list = body.key("stop");
      list += '[';
      for (std::size_t i = 0; i < p.stop.size(); ++i) {
        if (i > 0) list += ',';
        append_json_string(list, p.stop[i]);
      }
      list += ']';
    }
    if (keep(p.temperature.has_value(), "temperature")) body.number("temperature", *p.temperature);
    if (thinking.thinking_budget) body.integer("thinking_token_budget", *thinking.thinking_budget);
    if (p.top_k) {
      if (dialect.top_k)
        body.integer("top_k", *p.top_k);
      else
        dropped.emplace_back("top_k");
    }
    if (logprobs && p.top_logprobs) body.integer("top_logprobs", *p.top_logprobs);
    if (keep(p.top_p.has_value(), "top_p")) body.number("top_p", *p.top_p);
    body.end();

    if (!entry.extra.is_null() || !request.extra.is_null()) {
      Json value = parse_json(text, "request");
      if (!entry.extra.is_null()) merge_patch(value, entry.extra);
      if (!request.extra.is_null()) merge_patch(value, request.extra);
      value.erase("stream");
      value.erase("stream_options");
      text.clear();
      append_sorted_json(text, value);
    }
    std::sort(dropped.begin(), dropped.end());
    if (entry.strict_params && !dropped.empty()) return refuse(entry.name + " cannot express " + dropped.front());

    if (!simulated_) {
      const bool reasons = p.reasoning && p.reasoning->kind != Reasoning::Kind::off;
      const bool by_itself = reasons || !p.max_tokens || *p.max_tokens > 2048;
      StreamMode mode = request.stream == StreamMode::automatic ? entry.stream : request.stream;
      prepared.stream = mode == StreamMode::always || (mode == StreamMode::automatic && by_itself);
      prepared.stream_fields = R"("stream":true,"stream_options":{"include_usage":true})";
      prepared.headers.push_back({"Content-Type", "application/json", ""});
      if (!entry.key_env.empty()) prepared.headers.push_back({"Authorization", "Bearer ", entry.key_env});
      for (const auto& [name, value] : entry.headers) prepared.headers.push_back({name, value, ""});
    }
    finish_canonical(prepared, text, entry.type, entry.endpoint, entry.path, request.epoch);
    return prepared;
  }

  tl::expected<ChatReply, CallError> parse(std::string_view body, const ModelEntry& entry, bool whole) const override {
    const bool think_tags =
        entry.provider != "openai" && entry.type != "azure" && !simulated_ && !entry.keep_think_tags;
    return parse_openai_reply(body, entry.provider, think_tags, whole);
  }

  std::string field_to_correct(const CallError& error) const override {
    if (error.http_status != 400 || (error.code != "unsupported_parameter" && error.code != "unsupported_value"))
      return "";
    constexpr std::array fields = {"max_tokens",       "temperature", "top_p",    "frequency_penalty",
                                   "presence_penalty", "stop",        "logprobs", "top_logprobs"};
    return std::find(fields.begin(), fields.end(), error.param) == fields.end() ? "" : error.param;
  }

  void correct(Json& body, const std::string& field) const override {
    if (field == "max_tokens" && body.contains(field)) body["max_completion_tokens"] = body[field];
    if (field == "logprobs") body.erase("top_logprobs");
    body.erase(field);
  }

 private:
  bool simulated_;
};

}  // namespace

const Provider& openai_provider() {
  static const OpenAi provider(false);
  return provider;
}

// The built-in model gets the body a compatible server would get, and answers in its shape.
const Provider& sim_provider() {
  static const OpenAi provider(true);
  return provider;
}

const Provider* find_provider(std::string_view type) {
  static const std::array<const Provider*, 2> rows = {&openai_provider(), &sim_provider()};
  for (const Provider* row : rows) {
    if (row->type() == type) return row;
  }
  return nullptr;
}

}  // namespace assay
