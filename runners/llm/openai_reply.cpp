#include "runners/llm/openai_reply.hpp"

#include <cmath>
#include <utility>

#include "core/text/json.hpp"
#include "core/text/utf8.hpp"
#include "runners/llm/sse.hpp"

namespace assay {
namespace {

constexpr std::size_t kMaxDepth = 200;

tl::unexpected<CallError> bad_response(const char* sub, std::string message) {
  CallError error = make_error(ErrorKind::bad_response, sub, std::move(message));
  error.ambiguous = true;
  return tl::unexpected(std::move(error));
}

Stop stop_from(std::string_view word) {
  if (word == "stop" || word == "eos") return Stop::stop;
  if (word == "length") return Stop::max_tokens;
  if (word == "tool_calls" || word == "function_call") return Stop::tool_calls;
  if (word == "content_filter") return Stop::content_filter;
  if (word == "refusal") return Stop::refusal;
  if (word == "error") return Stop::error;
  return Stop::unknown;
}

bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

const Json* member(const Json& value, const char* name) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(name);
  return found == value.end() || found->is_null() ? nullptr : &*found;
}
std::optional<std::int64_t> integer(const Json* value) {
  if (value == nullptr || !value->is_number()) return std::nullopt;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  const double number = value->get<double>();
  if (!(std::fabs(number) < 9e15)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}
std::string text_of(const Json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<Usage> read_usage(const Json& document) {
  const Json* object = member(document, "usage");
  if (object != nullptr && object->is_object() && !object->empty()) {
    Usage usage;
    usage.in = integer(member(*object, "prompt_tokens"));
    usage.out = integer(member(*object, "completion_tokens"));
    usage.cached = 0;
    usage.cache_write = 0;
    if (const Json* details = member(*object, "prompt_tokens_details")) {
      usage.cached = integer(member(*details, "cached_tokens")).value_or(0);
      usage.cache_write = integer(member(*details, "cache_write_tokens")).value_or(0);
    }
    if (const auto hits = integer(member(*object, "prompt_cache_hit_tokens"))) usage.cached = hits;
    if (const Json* details = member(*object, "completion_tokens_details")) {
      usage.reasoning = integer(member(*details, "reasoning_tokens"));
    }
    for (const char* name : {"cost", "estimated_cost"}) {
      const Json* cost = member(*object, name);
      if (cost != nullptr && cost->is_number() && std::fabs(cost->get<double>()) < 9e6) {
        usage.told_cost = std::llround(cost->get<double>() * 1e12);
        break;
      }
    }
    return usage;
  }
  if (const Json* timings = member(document, "timings")) {  // llama-server without usage
    Usage usage;
    const auto prompt = integer(member(*timings, "prompt_n"));
    usage.cached = integer(member(*timings, "cache_n")).value_or(0);
    usage.cache_write = 0;
    if (prompt) usage.in = *prompt + *usage.cached;
    usage.out = integer(member(*timings, "predicted_n"));
    if (usage.in || usage.out) return usage;
  }
  return std::nullopt;
}

void read_logprobs(const Json& choice, std::vector<TokenLogprob>& to) {
  const Json* logprobs = member(choice, "logprobs");
  const Json* content = logprobs == nullptr ? nullptr : member(*logprobs, "content");
  if (content == nullptr || !content->is_array()) return;
  const auto number = [](const Json* value) {
    return value != nullptr && value->is_number() ? value->get<double>() : 0;
  };
  for (const Json& item : *content) {
    TokenLogprob token;
    token.token = text_of(member(item, "token"));
    token.logprob = number(member(item, "logprob"));
    if (const Json* top = member(item, "top_logprobs"); top != nullptr && top->is_array()) {
      for (const Json& other : *top)
        token.top.emplace_back(text_of(member(other, "token")), number(member(other, "logprob")));
    }
    to.push_back(std::move(token));
  }
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
    else if (text_of(member(part, "type")) == "text")
      to += text_of(member(part, "text"));
  }
  return true;
}

void read_reasoning(const Json& message, std::string& to) {
  for (const char* name : {"reasoning_content", "reasoning"}) {
    const std::string text = text_of(member(message, name));
    if (text.empty()) continue;
    to += text;
    return;
  }
}

CallError error_in_reply(std::string_view provider, const Json& document) {
  CallError error = classify_error(provider, 200, document);
  return error;
}

tl::expected<ChatReply, CallError> finish(ChatReply reply, std::string refusal, bool think_tags, bool utf8_repaired) {
  if (!refusal.empty()) {
    reply.stop = Stop::refusal;
    reply.text = std::move(refusal);
  }
  if (reply.stop == Stop::error) {
    CallError error = make_error(ErrorKind::server, "stop_error", "the provider ended the reply with an error");
    error.partial_text = std::move(reply.text);
    error.ambiguous = true;
    return tl::unexpected(std::move(error));
  }
  if (think_tags && reply.reasoning.empty()) split_think_tags(reply);
  reply.set_flags();
  reply.flags.utf8_repaired = utf8_repaired;
  return reply;
}

tl::expected<ChatReply, CallError> read_document(const Json& document, std::string_view provider, bool think_tags,
                                                 bool utf8_repaired) {
  if (!document.is_object()) {
    if (document.is_array() && find_error_object(document) != nullptr) {
      return tl::unexpected(error_in_reply(provider, document));
    }
    return bad_response("shape", "the reply is no JSON object");
  }
  if (const Json* error = member(document, "error"); error != nullptr && (error->is_object() || error->is_string())) {
    return tl::unexpected(error_in_reply(provider, document));
  }
  const Json* choices = member(document, "choices");
  if (choices == nullptr && text_of(member(document, "object")) == "error") {
    return tl::unexpected(error_in_reply(provider, document));
  }
  if (choices == nullptr || !choices->is_array() || choices->empty()) {
    return bad_response("no_choices", "the reply has no choices");
  }
  const Json* choice = &choices->front();
  for (const Json& candidate : *choices) {
    if (integer(member(candidate, "index")) == 0) choice = &candidate;
  }
  if (const Json* error = member(*choice, "error"); error != nullptr && error->is_object()) {
    return tl::unexpected(error_in_reply(provider, *choice));
  }
  const Json* message = member(*choice, "message");
  ChatReply reply;
  if (message == nullptr || !message->is_object() || !read_content(member(*message, "content"), reply.text)) {
    return bad_response("shape", "the reply's message has no known shape");
  }
  reply.id = text_of(member(document, "id"));
  reply.model = text_of(member(document, "model"));
  reply.stop = stop_from(text_of(member(*choice, "finish_reason")));
  reply.usage = read_usage(document);
  read_reasoning(*message, reply.reasoning);
  read_logprobs(*choice, reply.logprobs);
  return finish(std::move(reply), text_of(member(*message, "refusal")), think_tags, utf8_repaired);
}

/// The state of one stream; events after the end are ignored but for the usage.
struct StreamReader {
  std::string_view provider;
  ChatReply reply;
  std::string refusal;
  bool finished = false, done = false, repaired = false;
  std::optional<CallError> error;

  void event(const SseParser::Event& event) {
    if (error || done) return;
    if (event.data == "[DONE]") {
      done = true;
      return;
    }
    bool fixed = false;
    const std::optional<Json> value = parse_json_lenient(event.data, {}, &fixed);
    if (!value || !value->is_object()) {
      if (!finished) {
        error = make_error(ErrorKind::bad_response, "bad_event", "an event of the stream is no JSON object");
        error->ambiguous = true;
      }
      return;
    }
    repaired = repaired || fixed;
    if (const Json* failure = member(*value, "error");
        !finished && failure != nullptr && (failure->is_object() || failure->is_string())) {
      error = error_in_reply(provider, *value);
      return;
    }
    if (reply.id.empty()) reply.id = text_of(member(*value, "id"));
    if (reply.model.empty()) reply.model = text_of(member(*value, "model"));
    if (auto usage = read_usage(*value)) reply.usage = std::move(usage);
    const Json* choices = member(*value, "choices");
    if (finished || choices == nullptr || !choices->is_array()) return;
    for (const Json& choice : *choices) {
      if (integer(member(choice, "index")).value_or(0) == 0) this->choice(choice);
    }
  }

  void choice(const Json& choice) {
    if (const Json* failure = member(choice, "error"); failure != nullptr && failure->is_object()) {
      error = error_in_reply(provider, choice);
      return;
    }
    if (const Json* delta = member(choice, "delta")) {
      read_content(member(*delta, "content"), reply.text);
      refusal += text_of(member(*delta, "refusal"));
      read_reasoning(*delta, reply.reasoning);
    }
    read_logprobs(choice, reply.logprobs);
    if (const Json* reason = member(choice, "finish_reason"); reason != nullptr && reason->is_string()) {
      finished = true;
      reply.stop = stop_from(reason->get_ref<const std::string&>());
    }
  }
};

tl::expected<ChatReply, CallError> read_stream(std::string_view body, std::string_view provider, bool think_tags) {
  StreamReader reader;
  reader.provider = provider;
  SseParser parser([&](const SseParser::Event& event) { reader.event(event); });
  const bool fits = parser.feed(body);
  parser.finish();
  if (!reader.error && !fits && !reader.finished) {
    reader.error = make_error(ErrorKind::bad_response, "too_big", "a line of the stream is longer than 4 MiB");
    reader.error->ambiguous = true;
  }
  const bool some_text = !reader.reply.text.empty() || !reader.refusal.empty();
  if (!reader.error && !reader.finished && !(reader.done && some_text)) {
    reader.error = make_error(ErrorKind::network, "cut", "the stream ended before its end");
    reader.error->ambiguous = true;
  }
  if (reader.error) {
    reader.error->partial_text = std::move(reader.reply.text);
    return tl::unexpected(std::move(*reader.error));
  }
  return finish(std::move(reader.reply), std::move(reader.refusal), think_tags, reader.repaired);
}

std::string_view strip_blank_lines(std::string_view text, bool front, bool back) {
  while (front && !text.empty() && (text.front() == '\n' || text.front() == '\r' || text.front() == ' ')) {
    text.remove_prefix(1);
  }
  while (back && !text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

void split_think_tags(ChatReply& reply) {
  constexpr std::string_view open = "<think>";
  constexpr std::string_view close = "</think>";
  std::string_view text = reply.text;
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const bool opened = begin != std::string_view::npos && text.substr(begin).starts_with(open);
  const std::size_t end = text.find(close);
  if (!opened && end == std::string_view::npos) return;
  const std::size_t from = opened ? begin + open.size() : 0;
  std::string reasoning(
      strip_blank_lines(text.substr(from, end == std::string_view::npos ? end : end - from), true, true));
  std::string rest;
  if (end != std::string_view::npos) rest = strip_blank_lines(text.substr(end + close.size()), true, false);
  reply.reasoning = std::move(reasoning);
  reply.text = std::move(rest);
}

tl::expected<Json, CallError> parse_reply_json(std::string_view body, bool* utf8_repaired) {
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  body.remove_prefix(begin == std::string_view::npos ? body.size() : begin);
  if (body.empty()) return bad_response("not_json", "the reply is empty");
  std::string why;
  std::optional<Json> value = parse_json_lenient(body, {}, utf8_repaired, &why);
  if (value) return std::move(*value);
  if (too_deep(body)) return bad_response("too_deep", "the reply is nested more than 200 deep");
  return bad_response("not_json", "the reply is no JSON: " + why);
}

tl::expected<ChatReply, CallError> parse_openai_reply(std::string_view body, std::string_view provider, bool think_tags,
                                                      bool whole) {
  if (looks_like_sse(body)) return read_stream(body, provider, think_tags);
  if (!whole) {
    CallError error = make_error(ErrorKind::network, "cut", "the reply was cut");
    error.ambiguous = true;
    return tl::unexpected(std::move(error));
  }
  if (auto plain = scan_openai_reply(body)) {
    if (think_tags && plain->reasoning.empty()) {
      split_think_tags(*plain);
      plain->set_flags();
    }
    return std::move(*plain);
  }
  bool repaired = false;
  auto document = parse_reply_json(body, &repaired);
  if (!document) return tl::unexpected(document.error());
  return read_document(*document, provider, think_tags, repaired);
}

}  // namespace assay
