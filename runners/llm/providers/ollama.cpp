// Ollama's own chat, whose sampling parameters stand in `options`. A reply that is not streamed is the only event of a
// stream. Specs: models.md 2.10.

#include "runners/llm/body.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

Stop stop_from(std::string_view word) {
  if (word == "stop") return Stop::stop;
  if (word == "length") return Stop::max_tokens;
  if (word == "load" || word == "unload") return Stop::error;
  return Stop::unknown;
}

std::optional<Usage> read_usage(const Json& document) {
  Usage usage;
  usage.in = json_integer(json_member(document, "prompt_eval_count"));
  usage.out = json_integer(json_member(document, "eval_count"));
  if (!usage.in && !usage.out) return std::nullopt;
  usage.cached = 0;
  usage.cache_write = 0;
  return usage;
}

class OllamaStream final : public ReplyStream {
 public:
  using ReplyStream::ReplyStream;

 protected:
  void event(const Json& event) override {
    if (complete()) return;
    if (reply_.model.empty()) reply_.model = json_text(json_member(event, "model"));
    if (const Json* message = json_member(event, "message")) {
      reply_.text += json_word(json_member(*message, "content"));
      reply_.reasoning += json_word(json_member(*message, "thinking"));
    }
    append_token_logprobs(json_member(event, "logprobs"), reply_.logprobs);
    const Json* done = json_member(event, "done");
    if (done == nullptr || !done->is_boolean() || !done->get<bool>()) return;
    reply_.stop = stop_from(json_word(json_member(event, "done_reason")));
    reply_.usage = read_usage(event);
    set_complete();
  }
};

void write_options(ObjectWriter& options, const ChatParams& p) {
  if (p.frequency_penalty) options.number("frequency_penalty", *p.frequency_penalty);
  if (p.max_tokens) options.integer("num_predict", *p.max_tokens);
  if (p.presence_penalty) options.number("presence_penalty", *p.presence_penalty);
  if (p.seed) options.integer("seed", *p.seed);
  if (!p.stop.empty()) options.texts("stop", p.stop);
  if (p.temperature) options.number("temperature", *p.temperature);
  if (p.top_k) options.integer("top_k", *p.top_k);
  if (p.top_p) options.number("top_p", *p.top_p);
}

tl::expected<void, CallError> append_message(std::string& out, const Message& message) {
  ObjectWriter object(out);
  object.text("content", message.text());
  if (message.has_image()) {
    object.key("images") += '[';
    bool first = true;
    for (const Part& part : message.parts) {
      if (!part.image) continue;
      const auto type = image_media_type(*part.image);
      if (!type) return tl::unexpected(type.error());
      if (type->empty()) return refused("ollama takes images as data, not by their address");
      if (!first) out += ',';
      first = false;
      append_json_string(out, part.image->data);
    }
    out += ']';
  }
  object.text("role", message.role == Role::developer ? "system" : to_text(message.role));
  object.end();
  return {};
}

class Ollama final : public Provider {
 public:
  std::string_view type() const override { return "ollama"; }

  tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const override {
    if (request.messages.empty()) return refused("a request has at least one message");
    const ChatParams p = request.params.over(entry.params);
    std::vector<std::string> dropped;
    std::string think;
    if (p.reasoning) {
      if (p.reasoning->kind == Reasoning::Kind::off)
        think = "false";
      else if (p.reasoning->kind == Reasoning::Kind::budget)
        dropped.emplace_back("reasoning.budget");
      else if (p.reasoning->effort == "minimal")  // it knows no such level
        dropped.emplace_back("reasoning.effort");
      else
        append_json_string(think, p.reasoning->effort);
    }

    std::string text;
    text.reserve(expected_body_size(request));
    ObjectWriter body(text);  // keys in byte order
    if (p.response_format && p.response_format->kind == ResponseFormat::Kind::json) body.text("format", "json");
    if (p.response_format && p.response_format->kind == ResponseFormat::Kind::json_schema) {
      body.json("format", p.response_format->schema);
    }
    if (p.logprobs || p.top_logprobs) body.boolean("logprobs", true);
    body.key("messages") += '[';
    bool first = true;
    for (const Message& message : request.messages) {
      if (!first) text += ',';
      first = false;
      if (auto written = append_message(text, message); !written) return tl::unexpected(std::move(written.error()));
    }
    text += ']';
    body.text("model", entry.model);
    std::string options;
    ObjectWriter settings(options);
    write_options(settings, p);
    settings.end();
    if (options != "{}") body.key("options") += options;
    if (!think.empty()) body.key("think") += think;
    if (p.top_logprobs) body.integer("top_logprobs", *p.top_logprobs);
    body.end();

    RequestForm form;
    form.otherwise = R"("stream":false)";
    return finish_request(std::move(text), std::move(dropped), request, p, entry, form);
  }

  std::unique_ptr<ReplyStream> open_stream(const ModelEntry& entry) const override {
    return std::make_unique<OllamaStream>(std::string(vendor_of(entry)), !entry.keep_think_tags);
  }

 protected:
  bool streams_lines() const override { return true; }

  tl::expected<ChatReply, CallError> read_document(const Json& document, const ModelEntry& entry,
                                                   bool utf8_repaired) const override {
    if (auto error = error_of_document(vendor_of(entry), document)) return tl::unexpected(std::move(*error));
    const Json* message = json_member(document, "message");
    if (message == nullptr || !message->is_object()) {
      return tl::unexpected(bad_response("shape", "the reply has no message"));
    }
    const auto stream = open_stream(entry);
    stream->feed_event(document, utf8_repaired);
    return stream->finish();
  }
};

}  // namespace

const Provider& ollama_provider() {
  static const Ollama provider;
  return provider;
}

}  // namespace assay
