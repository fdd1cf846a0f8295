#include "runners/llm/openai_reply.hpp"

#include <cmath>
#include <utility>

#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

Stop stop_from(std::string_view word) {
  if (word == "stop" || word == "eos") return Stop::stop;
  if (word == "length") return Stop::max_tokens;
  if (word == "tool_calls" || word == "function_call") return Stop::tool_calls;
  if (word == "content_filter") return Stop::content_filter;
  if (word == "refusal") return Stop::refusal;
  if (word == "error") return Stop::error;
  return Stop::unknown;
}

std::optional<Usage> read_usage(const Json& document) {
  const Json* object = json_member(document, "usage");
  if (object != nullptr && object->is_object() && !object->empty()) {
    Usage usage;
    usage.in = json_integer(json_member(*object, "prompt_tokens"));
    usage.out = json_integer(json_member(*object, "completion_tokens"));
    usage.cached = 0;
    usage.cache_write = 0;
    if (const Json* details = json_member(*object, "prompt_tokens_details")) {
      usage.cached = json_integer(json_member(*details, "cached_tokens")).value_or(0);
      usage.cache_write = json_integer(json_member(*details, "cache_write_tokens")).value_or(0);
    }
    if (const auto hits = json_integer(json_member(*object, "prompt_cache_hit_tokens"))) usage.cached = hits;
    if (const Json* details = json_member(*object, "completion_tokens_details")) {
      usage.reasoning = json_integer(json_member(*details, "reasoning_tokens"));
    }
    for (const char* name : {"cost", "estimated_cost"}) {
      const Json* cost = json_member(*object, name);
      if (cost != nullptr && cost->is_number() && std::fabs(cost->get<double>()) < 9e6) {
        usage.told_cost = std::llround(cost->get<double>() * 1e12);
        break;
      }
    }
    return usage;
  }
  if (const Json* timings = json_member(document, "timings")) {  // llama-server without usage
    Usage usage;
    const auto prompt = json_integer(json_member(*timings, "prompt_n"));
    usage.cached = json_integer(json_member(*timings, "cache_n")).value_or(0);
    usage.cache_write = 0;
    if (prompt) usage.in = *prompt + *usage.cached;
    usage.out = json_integer(json_member(*timings, "predicted_n"));
    if (usage.in || usage.out) return usage;
  }
  return std::nullopt;
}

/// Together's form: tokens and their log-probabilities side by side; the first of a prompt has none.
void read_parallel_logprobs(const Json& logprobs, std::vector<TokenLogprob>& to) {
  const Json* tokens = json_member(logprobs, "tokens");
  const Json* values = json_member(logprobs, "token_logprobs");
  const Json* tops = json_member(logprobs, "top_logprobs");
  if (tokens == nullptr || !tokens->is_array() || values == nullptr || !values->is_array()) return;
  for (std::size_t i = 0; i < tokens->size() && i < values->size(); ++i) {
    TokenLogprob token;
    token.token = json_text(&(*tokens)[i]);
    token.logprob = json_number(&(*values)[i]);
    if (tops != nullptr && tops->is_array() && i < tops->size() && (*tops)[i].is_object()) {
      for (const auto& [other, value] : (*tops)[i].items()) token.top.emplace_back(other, json_number(&value));
    }
    to.push_back(std::move(token));
  }
}

void read_logprobs(const Json& holder, std::vector<TokenLogprob>& to) {
  const Json* logprobs = json_member(holder, "logprobs");
  if (logprobs == nullptr) return;
  append_token_logprobs(json_member(*logprobs, "content"), to);
  read_parallel_logprobs(*logprobs, to);
}

/// A text, null, or a list of parts; false: of no known shape.
bool read_content(const Json* content, std::string& to) {
  if (content == nullptr) return true;
  if (content->is_string()) {
    to += content->get_ref<const std::string&>();
    return true;
  }
  if (!content->is_array()) return false;
  for (const Json& part : *content) {
    if (part.is_string())
      to += part.get_ref<const std::string&>();
    else if (json_word(json_member(part, "type")) == "text")
      to += json_word(json_member(part, "text"));
  }
  return true;
}

void read_reasoning(const Json& message, std::string& to) {
  for (const char* name : {"reasoning_content", "reasoning"}) {
    const std::string_view text = json_word(json_member(message, name));
    if (text.empty()) continue;
    to += text;
    return;
  }
}

bool is_error_object(const Json& choice) {
  const Json* error = json_member(choice, "error");
  return error != nullptr && error->is_object();
}

void refuse_with(ChatReply& reply, std::string refusal) {
  if (refusal.empty()) return;
  reply.stop = Stop::refusal;
  reply.text = std::move(refusal);
}

class OpenAiStream final : public ReplyStream {
 public:
  using ReplyStream::ReplyStream;

 protected:
  void event(const Json& event) override {
    if (reply_.id.empty()) reply_.id = json_text(json_member(event, "id"));
    if (reply_.model.empty()) reply_.model = json_text(json_member(event, "model"));
    if (auto usage = read_usage(event)) reply_.usage = usage;  // may come in a chunk after the end
    const Json* choices = json_member(event, "choices");
    if (complete() || choices == nullptr || !choices->is_array()) return;
    for (const Json& choice : *choices) {
      if (json_integer(json_member(choice, "index")).value_or(0) == 0) read_choice(choice);
    }
  }

  void done() override {
    if (!reply_.text.empty() || !refusal_.empty()) set_complete();
  }

  void conclude() override { refuse_with(reply_, std::move(refusal_)); }

 private:
  void read_choice(const Json& choice) {
    if (is_error_object(choice)) return fail(classify_error(vendor(), 200, choice));
    const Json* delta = json_member(choice, "delta");
    if (delta == nullptr && json_member(choice, "message") != nullptr) {
      return fail(bad_response("bad_event", "an event of the stream is a whole reply"));
    }
    if (delta != nullptr) {
      read_content(json_member(*delta, "content"), reply_.text);
      refusal_ += json_word(json_member(*delta, "refusal"));
      read_reasoning(*delta, reply_.reasoning);
    }
    read_logprobs(choice, reply_.logprobs);
    // Some servers write "" until there is a reason.
    if (const std::string_view reason = json_word(json_member(choice, "finish_reason")); !reason.empty()) {
      set_complete();
      reply_.stop = stop_from(reason);
    }
  }

  std::string refusal_;
};

}  // namespace

std::unique_ptr<ReplyStream> open_openai_stream(std::string_view vendor, bool think_tags) {
  return std::make_unique<OpenAiStream>(std::string(vendor), think_tags);
}

tl::expected<ChatReply, CallError> read_openai_document(const Json& document, std::string_view vendor, bool think_tags,
                                                        bool utf8_repaired) {
  if (auto error = error_of_document(vendor, document)) return tl::unexpected(std::move(*error));
  if (!document.is_object()) return tl::unexpected(bad_response("shape", "the reply is no JSON object"));
  const Json* choices = json_member(document, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) {
    return tl::unexpected(bad_response("no_choices", "the reply has no choices"));
  }
  const Json* choice = &choices->front();
  for (const Json& candidate : *choices) {
    if (json_integer(json_member(candidate, "index")) == 0) choice = &candidate;
  }
  if (is_error_object(*choice)) return tl::unexpected(classify_error(vendor, 200, *choice));
  const Json* message = json_member(*choice, "message");
  ChatReply reply;
  Json completed;
  if (const Json* text = json_member(*choice, "text");
      message == nullptr && text != nullptr && json_word(json_member(document, "object")) == "text_completion") {
    completed = Json::object({{"content", *text}});
    message = &completed;
  }
  if (message == nullptr || !message->is_object() || !read_content(json_member(*message, "content"), reply.text)) {
    return tl::unexpected(bad_response("shape", "the reply's message has no known shape"));
  }
  reply.id = json_text(json_member(document, "id"));
  reply.model = json_text(json_member(document, "model"));
  reply.stop = stop_from(json_word(json_member(*choice, "finish_reason")));
  reply.usage = read_usage(document);
  read_reasoning(*message, reply.reasoning);
  read_logprobs(*choice, reply.logprobs);
  if (const Json* prompt = json_member(document, "prompt");
      prompt != nullptr && prompt->is_array() && !prompt->empty()) {
    read_logprobs(prompt->front(), reply.prompt_logprobs);
  }
  refuse_with(reply, json_text(json_member(*message, "refusal")));
  return finish_reply(std::move(reply), think_tags, utf8_repaired);
}

}  // namespace assay
