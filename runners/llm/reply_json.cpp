#include "runners/llm/reply_json.hpp"

#include <cmath>
#include <utility>

namespace assay {
namespace {

constexpr std::size_t kMaxDepth = 200;

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

const Json* json_member(const Json& value, const char* name) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(name);
  return found == value.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::int64_t> json_integer(const Json* value) {
  if (value == nullptr || !value->is_number()) return std::nullopt;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{INT64_MAX}) return std::nullopt;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  const double number = value->get<double>();
  if (!(std::fabs(number) < 9e15)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

double json_number(const Json* value) { return value != nullptr && value->is_number() ? value->get<double>() : 0; }

std::string_view json_word(const Json* value) {
  return value != nullptr && value->is_string() ? std::string_view(value->get_ref<const std::string&>())
                                                : std::string_view();
}

std::string json_text(const Json* value) { return std::string(json_word(value)); }

CallError bad_response(std::string sub, std::string message) {
  CallError error = make_error(ErrorKind::bad_response, std::move(sub), std::move(message));
  error.ambiguous = true;
  return error;
}

CallError cut_reply(std::string message) {
  CallError error = make_error(ErrorKind::network, "cut", std::move(message));
  error.ambiguous = true;
  return error;
}

tl::expected<Json, CallError> parse_reply_json(std::string_view body, bool* utf8_repaired) {
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  body.remove_prefix(begin == std::string_view::npos ? body.size() : begin);
  if (body.empty()) return tl::unexpected(bad_response("not_json", "the reply is empty"));
  std::string why;
  std::optional<Json> value = parse_json_lenient(body, {}, utf8_repaired, &why);
  if (value) return std::move(*value);
  if (too_deep(body)) return tl::unexpected(bad_response("too_deep", "the reply is nested more than 200 deep"));
  return tl::unexpected(bad_response("not_json", "the reply is no JSON: " + why));
}

std::optional<CallError> error_of_document(std::string_view vendor, const Json& document) {
  if (document.is_array() && !document.empty()) {
    if (!error_of_document(vendor, document.front())) return std::nullopt;
    return classify_error(vendor, 200, document);
  }
  const Json* error = json_member(document, "error");
  const bool told = error != nullptr && (error->is_object() || !json_word(error).empty());
  if (!told && json_word(json_member(document, "object")) != "error") return std::nullopt;
  return classify_error(vendor, 200, document);
}

void append_token_logprobs(const Json* list, std::vector<TokenLogprob>& to) {
  if (list == nullptr || !list->is_array()) return;
  for (const Json& item : *list) {
    TokenLogprob token;
    token.token = json_text(json_member(item, "token"));
    token.logprob = json_number(json_member(item, "logprob"));
    if (const Json* top = json_member(item, "top_logprobs"); top != nullptr && top->is_array()) {
      for (const Json& other : *top) {
        token.top.emplace_back(json_text(json_member(other, "token")), json_number(json_member(other, "logprob")));
      }
    }
    to.push_back(std::move(token));
  }
}

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

tl::expected<ChatReply, CallError> finish_reply(ChatReply reply, bool think_tags, bool utf8_repaired) {
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

}  // namespace assay
