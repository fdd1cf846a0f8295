// Anthropic's messages. Specs: models.md 2.6.

#include "runners/llm/body.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

constexpr std::int64_t kDefaultMaxTokens = 4096;
constexpr std::int64_t kSmallestBudget = 1024;

tl::expected<void, CallError> append_content(std::string& out, const Message& message) {
  if (!message.has_image()) {
    append_json_string(out, message.text());
    return {};
  }
  out += '[';
  bool first = true;
  for (const Part& part : message.parts) {
    if (!first) out += ',';
    first = false;
    ObjectWriter block(out);
    if (part.image) {
      const auto type = image_media_type(*part.image);
      if (!type) return tl::unexpected(type.error());
      ObjectWriter source(block.key("source"));
      if (type->empty()) {
        source.text("type", "url");
        source.text("url", part.image->url);
      } else {
        source.text("data", part.image->data);
        source.text("media_type", *type);
        source.text("type", "base64");
      }
      source.end();
      block.text("type", "image");
    } else {
      block.text("text", part.text);
      block.text("type", "text");
    }
    block.end();
  }
  out += ']';
  return {};
}

Stop stop_from(std::string_view word) {
  if (word == "end_turn" || word == "stop_sequence") return Stop::stop;
  if (word == "max_tokens") return Stop::max_tokens;
  if (word == "tool_use") return Stop::tool_calls;
  if (word == "refusal") return Stop::refusal;
  if (word == "model_context_window_exceeded") return Stop::model_length;
  return Stop::unknown;
}

/// The counters as the API splits them; in a stream later values replace earlier ones.
struct Counters {
  std::optional<std::int64_t> input, created, read, output, thinking;
  bool told = false;

  void take(const Json* usage) {
    if (usage == nullptr || !usage->is_object() || usage->empty()) return;
    told = true;
    const auto put = [](std::optional<std::int64_t>& to, const Json* value) {
      if (const auto count = json_integer(value)) to = count;
    };
    put(input, json_member(*usage, "input_tokens"));
    put(created, json_member(*usage, "cache_creation_input_tokens"));
    put(read, json_member(*usage, "cache_read_input_tokens"));
    put(output, json_member(*usage, "output_tokens"));
    if (const Json* details = json_member(*usage, "output_tokens_details")) {
      put(thinking, json_member(*details, "thinking_tokens"));
    }
  }

  std::optional<Usage> usage() const {
    if (!told) return std::nullopt;
    Usage usage;
    usage.cached = read.value_or(0);
    usage.cache_write = created.value_or(0);
    if (input) usage.in = *input + *usage.cached + *usage.cache_write;
    usage.out = output;
    usage.reasoning = thinking;
    return usage;
  }
};

void read_block(const Json* block, ChatReply& reply) {
  if (block == nullptr) return;
  const std::string_view type = json_word(json_member(*block, "type"));
  if (type == "text" || type == "text_delta") reply.text += json_word(json_member(*block, "text"));
  if (type == "thinking" || type == "thinking_delta") reply.reasoning += json_word(json_member(*block, "thinking"));
}

class AnthropicStream final : public ReplyStream {
 public:
  using ReplyStream::ReplyStream;

 protected:
  void event(const Json& event) override {
    if (complete()) return;
    const std::string_view type = json_word(json_member(event, "type"));
    if (type == "message_start") {
      if (const Json* message = json_member(event, "message")) {
        reply_.id = json_text(json_member(*message, "id"));
        reply_.model = json_text(json_member(*message, "model"));
        counters_.take(json_member(*message, "usage"));
      }
    } else if (type == "content_block_start") {
      read_block(json_member(event, "content_block"), reply_);
    } else if (type == "content_block_delta") {
      read_block(json_member(event, "delta"), reply_);
    } else if (type == "message_delta") {
      if (const Json* delta = json_member(event, "delta")) {
        if (const Json* reason = json_member(*delta, "stop_reason")) reply_.stop = stop_from(json_word(reason));
      }
      counters_.take(json_member(event, "usage"));
    } else if (type == "message_stop") {
      set_complete();
    }
  }

  void conclude() override { reply_.usage = counters_.usage(); }

 private:
  Counters counters_;
};

class Anthropic final : public Provider {
 public:
  std::string_view type() const override { return "anthropic"; }

  tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const override {
    const auto split = split_system(request.messages);
    if (!split) return tl::unexpected(split.error());
    if (!split->has_user) return refused("a request to anthropic has at least one user message");
    const ChatParams p = request.params.over(entry.params);
    const std::int64_t max_tokens = p.max_tokens ? *p.max_tokens : entry.max_output.value_or(kDefaultMaxTokens);
    if (p.temperature && !(*p.temperature >= 0 && *p.temperature <= 1)) return refused("temperature lies in 0 to 1");
    const bool budgeted = p.reasoning && p.reasoning->kind == Reasoning::Kind::budget;
    if (budgeted && (p.reasoning->budget < kSmallestBudget || p.reasoning->budget >= max_tokens)) {
      return refused("a reasoning budget is at least 1024 and less than max_tokens");
    }

    std::vector<std::string> dropped;
    const auto drop = [&](bool given, const char* name) {
      if (given) dropped.emplace_back(name);
    };
    drop(p.seed.has_value(), "seed");
    drop(p.frequency_penalty.has_value(), "frequency_penalty");
    drop(p.presence_penalty.has_value(), "presence_penalty");
    drop(p.logprobs || p.top_logprobs, "logprobs");
    drop(p.response_format && p.response_format->kind == ResponseFormat::Kind::json, "response_format");
    // With thinking on the API refuses these.
    const bool temperature = p.temperature && !(budgeted && *p.temperature != 1);
    drop(p.temperature && !temperature, "temperature");
    drop(p.top_k && budgeted, "top_k");
    const bool schema = p.response_format && p.response_format->kind == ResponseFormat::Kind::json_schema;
    const bool asked_effort = p.reasoning && p.reasoning->kind == Reasoning::Kind::effort;
    const bool effort = asked_effort && p.reasoning->effort != "minimal";  // it knows no such level
    drop(asked_effort && !effort, "reasoning.effort");

    std::string text;
    text.reserve(expected_body_size(request));
    ObjectWriter body(text);  // keys in byte order
    body.integer("max_tokens", max_tokens);
    body.key("messages") += '[';
    bool first = true;
    for (const Message* message : split->others) {
      if (!first) text += ',';
      first = false;
      ObjectWriter item(text);
      if (auto written = append_content(item.key("content"), *message); !written) {
        return tl::unexpected(std::move(written.error()));
      }
      item.text("role", to_text(message->role));
      item.end();
    }
    text += ']';
    body.text("model", entry.model);
    if (effort || schema) {
      ObjectWriter config(body.key("output_config"));
      if (effort) config.text("effort", p.reasoning->effort);
      if (schema) {
        ObjectWriter format(config.key("format"));
        format.json("schema", p.response_format->schema);
        format.text("type", "json_schema");
        format.end();
      }
      config.end();
    }
    if (!p.stop.empty()) body.texts("stop_sequences", p.stop);
    if (!split->system.empty()) body.text("system", split->system);
    if (temperature) body.number("temperature", *p.temperature);
    if (budgeted) {
      ObjectWriter thinking(body.key("thinking"));
      thinking.integer("budget_tokens", p.reasoning->budget);
      thinking.text("type", "enabled");
      thinking.end();
    } else if (p.reasoning && p.reasoning->kind == Reasoning::Kind::off) {
      body.key("thinking") += R"({"type":"disabled"})";
    }
    if (p.top_k && !budgeted) body.integer("top_k", *p.top_k);
    if (p.top_p) body.number("top_p", *p.top_p);
    body.end();

    RequestForm form;
    form.key_header = "x-api-key";
    form.key_prefix = "";
    auto prepared = finish_request(std::move(text), std::move(dropped), request, p, entry, form);
    if (prepared) prepared->headers.push_back({"anthropic-version", "2023-06-01", ""});
    return prepared;
  }

  std::unique_ptr<ReplyStream> open_stream(const ModelEntry& entry) const override {
    return std::make_unique<AnthropicStream>(std::string(vendor_of(entry)), false);
  }

 protected:
  tl::expected<ChatReply, CallError> read_document(const Json& document, const ModelEntry& entry,
                                                   bool utf8_repaired) const override {
    if (auto error = error_of_document(vendor_of(entry), document)) return tl::unexpected(std::move(*error));
    const Json* content = json_member(document, "content");
    if (content == nullptr || !content->is_array()) {
      return tl::unexpected(bad_response("shape", "the reply's content is no list"));
    }
    ChatReply reply;
    for (const Json& block : *content) read_block(&block, reply);
    reply.id = json_text(json_member(document, "id"));
    reply.model = json_text(json_member(document, "model"));
    reply.stop = stop_from(json_word(json_member(document, "stop_reason")));
    Counters counters;
    counters.take(json_member(document, "usage"));
    reply.usage = counters.usage();
    return finish_reply(std::move(reply), false, utf8_repaired);
  }
};

}  // namespace

const Provider& anthropic_provider() {
  static const Anthropic provider;
  return provider;
}

}  // namespace assay
