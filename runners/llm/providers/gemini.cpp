// Google's generateContent. Whether a reply is streamed is told by the address, not by the body. Specs: models.md 2.9.

#include <array>
#include <tuple>

#include "runners/llm/body.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

tl::expected<void, CallError> append_part(std::string& out, const Part& part) {
  ObjectWriter object(out);
  if (!part.image) {
    object.text("text", part.text);
  } else {
    const auto type = image_media_type(*part.image);
    if (!type) return tl::unexpected(type.error());
    if (type->empty()) {
      ObjectWriter file(object.key("fileData"));
      file.text("fileUri", part.image->url);
      file.end();
    } else {
      ObjectWriter data(object.key("inlineData"));
      data.text("data", part.image->data);
      data.text("mimeType", *type);
      data.end();
    }
  }
  object.end();
  return {};
}

void write_config(ObjectWriter& config, const ChatParams& p) {
  using Format = ResponseFormat::Kind;
  const bool json = p.response_format && p.response_format->kind != Format::text;
  if (p.frequency_penalty) config.number("frequencyPenalty", *p.frequency_penalty);
  if (p.top_logprobs) config.integer("logprobs", *p.top_logprobs);
  if (p.max_tokens) config.integer("maxOutputTokens", *p.max_tokens);
  if (p.presence_penalty) config.number("presencePenalty", *p.presence_penalty);
  if (p.logprobs || p.top_logprobs) config.boolean("responseLogprobs", true);
  if (json) config.text("responseMimeType", "application/json");
  if (json && p.response_format->kind == Format::json_schema) config.json("responseSchema", p.response_format->schema);
  if (p.seed) config.integer("seed", *p.seed);
  if (!p.stop.empty()) config.texts("stopSequences", p.stop);
  if (p.temperature) config.number("temperature", *p.temperature);
  if (p.reasoning) {
    ObjectWriter thinking(config.key("thinkingConfig"));
    if (p.reasoning->kind == Reasoning::Kind::effort)
      thinking.text("thinkingLevel", p.reasoning->effort);
    else
      thinking.integer("thinkingBudget", p.reasoning->kind == Reasoning::Kind::budget ? p.reasoning->budget : 0);
    thinking.end();
  }
  if (p.top_k) config.integer("topK", *p.top_k);
  if (p.top_p) config.number("topP", *p.top_p);
}

/// The address of a reply that is not streamed as the one of a streamed reply.
std::string stream_url(std::string url) {
  constexpr std::string_view plain = ":generateContent";
  const std::size_t at = url.rfind(plain);
  if (at != std::string::npos) url.replace(at, plain.size(), ":streamGenerateContent");
  return url + (url.find('?') == std::string::npos ? "?alt=sse" : "&alt=sse");
}

Stop stop_from(std::string_view word) {
  constexpr std::array filters = {"SAFETY", "RECITATION",  "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT",
                                  "SPII",   "IMAGE_SAFETY"};
  if (word == "STOP") return Stop::stop;
  if (word == "MAX_TOKENS") return Stop::max_tokens;
  if (word == "MALFORMED_FUNCTION_CALL") return Stop::error;
  for (const char* filter : filters) {
    if (word == filter) return Stop::content_filter;
  }
  return Stop::unknown;
}

std::optional<Usage> read_usage(const Json& document) {
  const Json* told = json_member(document, "usageMetadata");
  if (told == nullptr || !told->is_object() || told->empty()) return std::nullopt;
  const auto count = [&](const char* name) { return json_integer(json_member(*told, name)); };
  Usage usage;
  const auto prompt = count("promptTokenCount");
  const auto tools = count("toolUsePromptTokenCount");
  if (prompt || tools) usage.in = prompt.value_or(0) + tools.value_or(0);
  usage.cached = count("cachedContentTokenCount").value_or(0);
  usage.cache_write = 0;
  usage.reasoning = count("thoughtsTokenCount");
  usage.out = count("candidatesTokenCount").value_or(0) + usage.reasoning.value_or(0);  // a count of 0 is left out
  return usage;
}

void read_logprobs(const Json& candidate, std::vector<TokenLogprob>& to) {
  const Json* result = json_member(candidate, "logprobsResult");
  const Json* chosen = result == nullptr ? nullptr : json_member(*result, "chosenCandidates");
  if (chosen == nullptr || !chosen->is_array()) return;
  const Json* tops = json_member(*result, "topCandidates");
  const auto read = [](const Json& item) {
    return std::pair{json_text(json_member(item, "token")), json_number(json_member(item, "logProbability"))};
  };
  for (std::size_t i = 0; i < chosen->size(); ++i) {
    TokenLogprob token;
    std::tie(token.token, token.logprob) = read((*chosen)[i]);
    if (tops != nullptr && tops->is_array() && i < tops->size()) {
      const Json* others = json_member((*tops)[i], "candidates");
      if (others != nullptr && others->is_array()) {
        for (const Json& other : *others) token.top.push_back(read(other));
      }
    }
    to.push_back(std::move(token));
  }
}

/// The candidate of index 0; nullptr when there is none.
const Json* find_candidate(const Json& document) {
  const Json* candidates = json_member(document, "candidates");
  if (candidates == nullptr || !candidates->is_array()) return nullptr;
  for (const Json& candidate : *candidates) {
    if (json_integer(json_member(candidate, "index")).value_or(0) == 0) return &candidate;
  }
  return nullptr;
}

/// Adds what one object tells, whole reply or piece of a stream. `finished`: it names an end. False: of no known shape.
bool read_response(const Json& document, ChatReply& reply, bool& finished) {
  if (reply.id.empty()) reply.id = json_text(json_member(document, "responseId"));
  if (reply.model.empty()) reply.model = json_text(json_member(document, "modelVersion"));
  const Json* candidate = find_candidate(document);
  if (candidate == nullptr) {
    const Json* feedback = json_member(document, "promptFeedback");
    if (feedback != nullptr && json_member(*feedback, "blockReason") != nullptr) {
      finished = true;
      reply.stop = Stop::content_filter;
    }
    return true;
  }
  if (const Json* content = json_member(*candidate, "content")) {
    const Json* parts = json_member(*content, "parts");
    if (!content->is_object() || (parts != nullptr && !parts->is_array())) return false;
    for (std::size_t i = 0; parts != nullptr && i < parts->size(); ++i) {
      const Json* thought = json_member((*parts)[i], "thought");
      const bool thinks = thought != nullptr && thought->is_boolean() && thought->get<bool>();
      (thinks ? reply.reasoning : reply.text) += json_word(json_member((*parts)[i], "text"));
    }
  }
  read_logprobs(*candidate, reply.logprobs);
  if (const Json* reason = json_member(*candidate, "finishReason")) {
    finished = true;
    reply.stop = stop_from(json_word(reason));
  }
  return true;
}

class GeminiStream final : public ReplyStream {
 public:
  using ReplyStream::ReplyStream;

 protected:
  void event(const Json& event) override {
    if (!complete() || find_candidate(event) == nullptr) {
      if (auto usage = read_usage(event)) reply_.usage = usage;
    }
    if (complete()) return;
    bool finished = false;
    if (!read_response(event, reply_, finished)) fail(bad_response("bad_event", "an event's parts are no list"));
    if (finished) set_complete();
  }
};

class Gemini final : public Provider {
 public:
  std::string_view type() const override { return "gemini"; }

  tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const override {
    const auto split = split_system(request.messages);
    if (!split) return tl::unexpected(split.error());
    if (!split->has_user) return refused("a request to gemini has at least one user message");
    const ChatParams p = request.params.over(entry.params);

    std::string text;
    text.reserve(expected_body_size(request));
    ObjectWriter body(text);  // keys in byte order
    body.key("contents") += '[';
    bool first = true;
    for (const Message* message : split->others) {
      if (!first) text += ',';
      first = false;
      ObjectWriter item(text);
      item.key("parts") += '[';
      for (std::size_t i = 0; i < message->parts.size(); ++i) {
        if (i > 0) text += ',';
        if (auto written = append_part(text, message->parts[i]); !written) {
          return tl::unexpected(std::move(written.error()));
        }
      }
      text += ']';
      item.text("role", message->role == Role::assistant ? "model" : "user");
      item.end();
    }
    text += ']';
    std::string config;
    ObjectWriter settings(config);
    write_config(settings, p);
    settings.end();
    if (config != "{}") body.key("generationConfig") += config;
    if (!split->system.empty()) {
      ObjectWriter instruction(body.key("systemInstruction"));
      instruction.key("parts") += '[';
      ObjectWriter part(text);
      part.text("text", split->system);
      part.end();
      text += ']';
      instruction.end();
    }
    body.end();

    RequestForm form;
    form.key_header = "x-goog-api-key";
    form.key_prefix = form.when_streaming = "";
    auto prepared = finish_request(std::move(text), {}, request, p, entry, form);
    if (prepared && prepared->stream) prepared->url = stream_url(entry.url);
    return prepared;
  }

  std::unique_ptr<ReplyStream> open_stream(const ModelEntry& entry) const override {
    return std::make_unique<GeminiStream>(std::string(vendor_of(entry)), false);
  }

 protected:
  tl::expected<ChatReply, CallError> read_document(const Json& document, const ModelEntry& entry,
                                                   bool utf8_repaired) const override {
    if (auto error = error_of_document(vendor_of(entry), document)) return tl::unexpected(std::move(*error));
    if (document.is_array() && !document.empty()) {  // a stream that was not asked for as events
      const auto stream = open_stream(entry);
      for (const Json& event : document) stream->feed_event(event, utf8_repaired);
      return stream->finish();
    }
    if (!document.is_object()) return tl::unexpected(bad_response("shape", "the reply is no JSON object"));
    ChatReply reply;
    bool finished = false;
    if (!read_response(document, reply, finished)) {
      return tl::unexpected(bad_response("shape", "the reply's parts are no list"));
    }
    if (!finished && find_candidate(document) == nullptr) {
      return tl::unexpected(bad_response("no_choices", "the reply has no candidates"));
    }
    reply.usage = read_usage(document);
    return finish_reply(std::move(reply), false, utf8_repaired);
  }
};

}  // namespace

const Provider& gemini_provider() {
  static const Gemini provider;
  return provider;
}

}  // namespace assay
