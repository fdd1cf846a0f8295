// Cohere's chat, both versions: the address tells which one is asked, a reply tells by itself which one it is.
// Specs: models.md 2.7.

#include "runners/llm/body.hpp"
#include "runners/llm/openai_shape.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

/// By the address, and where that doesn't tell by the entry.
bool is_v1(const ModelEntry& entry) {
  const std::string_view path = std::string_view(entry.path).substr(0, entry.path.find('?'));
  if (path.ends_with("/v1/chat")) return true;
  return entry.api == "v1" && !path.ends_with("/v2/chat");
}

Stop stop_from(std::string_view word) {
  if (word == "COMPLETE" || word == "STOP_SEQUENCE") return Stop::stop;
  if (word == "MAX_TOKENS") return Stop::max_tokens;
  if (word == "TOOL_CALL") return Stop::tool_calls;
  if (word == "ERROR" || word == "TIMEOUT") return Stop::error;
  if (word == "ERROR_TOXIC") return Stop::content_filter;
  if (word == "ERROR_LIMIT") return Stop::model_length;
  return Stop::unknown;
}

/// `usage` of v2, `meta` of v1.
std::optional<Usage> read_usage(const Json* told) {
  if (told == nullptr) return std::nullopt;
  const Json* tokens = json_member(*told, "tokens");
  const Json* billed = json_member(*told, "billed_units");
  if (tokens == nullptr && billed == nullptr) return std::nullopt;
  Usage usage;
  if (tokens != nullptr) {
    usage.in = json_integer(json_member(*tokens, "input_tokens"));
    usage.out = json_integer(json_member(*tokens, "output_tokens"));
  }
  if (billed != nullptr) {
    usage.billed_in = json_integer(json_member(*billed, "input_tokens"));
    usage.billed_out = json_integer(json_member(*billed, "output_tokens"));
  }
  usage.cached = json_integer(json_member(*told, "cached_tokens")).value_or(0);
  usage.cache_write = 0;
  return usage;
}

/// {"text","token_ids","logprobs"}: one value a token, the text of all of them together.
void read_logprobs(const Json* item, std::vector<TokenLogprob>& to) {
  const Json* values = item == nullptr ? nullptr : json_member(*item, "logprobs");
  if (values == nullptr || !values->is_array()) return;
  for (std::size_t i = 0; i < values->size(); ++i) {
    to.push_back({i == 0 ? json_text(json_member(*item, "text")) : "", json_number(&(*values)[i]), {}});
  }
}

void read_part(const Json& part, ChatReply& reply) {
  reply.text += json_word(json_member(part, "text"));
  reply.reasoning += json_word(json_member(part, "thinking"));
}

/// A v1 reply, which is also what the last event of a v1 stream holds.
void read_v1(const Json& document, ChatReply& reply) {
  reply.id = json_text(json_member(document, "response_id"));
  reply.usage = read_usage(json_member(document, "meta"));
  if (reply.text.empty()) reply.text = json_text(json_member(document, "text"));
}

class CohereStream final : public ReplyStream {
 public:
  using ReplyStream::ReplyStream;

 protected:
  void event(const Json& event) override {
    if (complete()) return;
    const std::string_view type = json_word(json_member(event, "type"));
    if (type == "message-start") {
      reply_.id = json_text(json_member(event, "id"));
    } else if (type == "content-start" || type == "content-delta") {
      const Json* delta = json_member(event, "delta");
      const Json* message = delta == nullptr ? nullptr : json_member(*delta, "message");
      if (const Json* content = message == nullptr ? nullptr : json_member(*message, "content")) {
        read_part(*content, reply_);
      }
      read_logprobs(json_member(event, "logprobs"), reply_.logprobs);
    } else if (type == "message-end") {
      if (const Json* delta = json_member(event, "delta")) {
        reply_.stop = stop_from(json_word(json_member(*delta, "finish_reason")));
        reply_.usage = read_usage(json_member(*delta, "usage"));
      }
      set_complete();
    } else if (type.empty()) {
      v1_event(event);
    }
  }

 private:
  void v1_event(const Json& event) {
    const std::string_view type = json_word(json_member(event, "event_type"));
    if (type == "text-generation") {
      reply_.text += json_word(json_member(event, "text"));
    } else if (type == "stream-end") {
      reply_.stop = stop_from(json_word(json_member(event, "finish_reason")));
      if (const Json* response = json_member(event, "response")) read_v1(*response, reply_);
      set_complete();
    } else if (type.empty() && json_member(event, "message") != nullptr) {
      fail(classify_error(vendor(), 200, event));
    }
  }
};

void write_response_format(ObjectWriter& body, const ResponseFormat& format) {
  if (format.kind == ResponseFormat::Kind::text) return;
  ObjectWriter object(body.key("response_format"));
  if (format.kind == ResponseFormat::Kind::json_schema) object.json("json_schema", format.schema);
  object.text("type", "json_object");
  object.end();
}

/// `chat_history`, `message` and `preamble` stand apart in the order of keys.
struct V1Messages {
  std::string history, message, preamble;
};
tl::expected<V1Messages, CallError> v1_messages(const std::vector<Message>& messages) {
  const auto split = split_system(messages);
  if (!split) return tl::unexpected(split.error());
  if (split->others.empty() || split->others.back()->role != Role::user) {
    return refused("the last message to Cohere v1 is the user's");
  }
  V1Messages out;
  out.preamble = split->system;
  for (const Message* message : split->others) {
    if (message->has_image()) return refused("Cohere v1 takes no images");
    if (message == split->others.back()) {
      out.message = message->text();
      continue;
    }
    out.history += out.history.empty() ? '[' : ',';
    ObjectWriter item(out.history);
    item.text("message", message->text());
    item.text("role", message->role == Role::assistant ? "CHATBOT" : "USER");
    item.end();
  }
  if (!out.history.empty()) out.history += ']';
  return out;
}

class Cohere final : public Provider {
 public:
  std::string_view type() const override { return "cohere"; }

  tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const override {
    if (request.messages.empty()) return refused("a request has at least one message");
    const ChatParams p = request.params.over(entry.params);
    const bool v1 = is_v1(entry);
    V1Messages parts;
    if (v1) {
      auto split = v1_messages(request.messages);
      if (!split) return tl::unexpected(std::move(split.error()));
      parts = std::move(*split);
    }

    std::vector<std::string> dropped;
    const bool logprobs = p.logprobs || p.top_logprobs;
    if (v1 && logprobs) dropped.emplace_back("logprobs");
    if (v1 && p.reasoning) dropped.emplace_back("reasoning");
    if (!v1 && p.top_logprobs) dropped.emplace_back("top_logprobs");
    if (!v1 && p.reasoning && p.reasoning->kind == Reasoning::Kind::effort) dropped.emplace_back("reasoning.effort");

    std::string text;
    text.reserve(expected_body_size(request));
    ObjectWriter body(text);  // keys in byte order
    if (!parts.history.empty()) body.key("chat_history") += parts.history;
    if (p.frequency_penalty) body.number("frequency_penalty", *p.frequency_penalty);
    if (p.top_k) body.integer("k", *p.top_k);
    if (logprobs && !v1) body.boolean("logprobs", true);
    if (p.max_tokens) body.integer("max_tokens", *p.max_tokens);
    if (v1) {
      body.text("message", parts.message);
    } else if (auto written = append_openai_messages(body.key("messages"), request.messages, false); !written) {
      return tl::unexpected(std::move(written.error()));
    }
    body.text("model", entry.model);
    if (p.top_p) body.number("p", *p.top_p);
    if (!parts.preamble.empty()) body.text("preamble", parts.preamble);
    if (p.presence_penalty) body.number("presence_penalty", *p.presence_penalty);
    if (p.response_format) write_response_format(body, *p.response_format);
    if (p.seed) body.integer("seed", *p.seed);
    if (!p.stop.empty()) body.texts("stop_sequences", p.stop);
    if (p.temperature) body.number("temperature", *p.temperature);
    if (!v1 && p.reasoning && p.reasoning->kind == Reasoning::Kind::budget) {
      ObjectWriter thinking(body.key("thinking"));
      thinking.integer("token_budget", p.reasoning->budget);
      thinking.text("type", "enabled");
      thinking.end();
    } else if (!v1 && p.reasoning && p.reasoning->kind == Reasoning::Kind::off) {
      body.key("thinking") += R"({"type":"disabled"})";
    }
    body.end();

    RequestForm form;
    form.otherwise = R"("stream":false)";
    return finish_request(std::move(text), std::move(dropped), request, p, entry, form);
  }

  std::unique_ptr<ReplyStream> open_stream(const ModelEntry& entry) const override {
    return std::make_unique<CohereStream>(std::string(vendor_of(entry)), false);
  }

 protected:
  bool streams_lines() const override { return true; }

  tl::expected<ChatReply, CallError> read_document(const Json& document, const ModelEntry& entry,
                                                   bool utf8_repaired) const override {
    if (auto error = error_of_document(vendor_of(entry), document)) return tl::unexpected(std::move(*error));
    if (json_member(document, "event_type") != nullptr) {  // the only line of a stream
      const auto stream = open_stream(entry);
      stream->feed_event(document, utf8_repaired);
      return stream->finish();
    }
    const Json* message = json_member(document, "message");
    const Json* text = json_member(document, "text");
    ChatReply reply;
    if (message != nullptr && message->is_object()) {
      const Json* content = json_member(*message, "content");
      if (content != nullptr && !content->is_array()) {
        return tl::unexpected(bad_response("shape", "the reply's content is no list"));
      }
      for (std::size_t i = 0; content != nullptr && i < content->size(); ++i) read_part((*content)[i], reply);
      reply.id = json_text(json_member(document, "id"));
      reply.usage = read_usage(json_member(document, "usage"));
      if (const Json* list = json_member(document, "logprobs"); list != nullptr && list->is_array()) {
        for (const Json& item : *list) read_logprobs(&item, reply.logprobs);
      }
    } else if (text != nullptr && text->is_string()) {
      read_v1(document, reply);
    } else if (message != nullptr && message->is_string()) {
      return tl::unexpected(classify_error(vendor_of(entry), 200, document));
    } else {
      return tl::unexpected(bad_response("shape", "the reply has neither message nor text"));
    }
    reply.stop = stop_from(json_word(json_member(document, "finish_reason")));
    return finish_reply(std::move(reply), false, utf8_repaired);
  }
};

}  // namespace

const Provider& cohere_provider() {
  static const Cohere provider;
  return provider;
}

}  // namespace assay
