// Any program as a model. What is hashed is the body that a compatible server would get; what goes out is made of the
// same body with `params` as models.yaml writes them, so that nothing a runner asked for is lost. Specs:
// models.md 2.13.

#include <array>
#include <cmath>

#include "core/text/error.hpp"
#include "runners/llm/local_target.hpp"
#include "runners/llm/openai_shape.hpp"
#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

Stop stop_from(std::string_view word) {
  constexpr std::array all = {Stop::stop,           Stop::max_tokens, Stop::model_length, Stop::tool_calls,
                              Stop::content_filter, Stop::refusal,    Stop::error,        Stop::unknown};
  if (word.empty()) return Stop::stop;  // it says so only when there is something to say
  if (word == "length") return Stop::max_tokens;
  for (const Stop stop : all) {
    if (word == to_text(stop)) return stop;
  }
  return Stop::unknown;
}

std::optional<Usage> usage_of(const Json& document) {
  Usage usage;
  bool told = false;
  if (const Json* object = json_member(document, "usage")) {
    usage.in = json_integer(json_member(*object, "in"));
    usage.out = json_integer(json_member(*object, "out"));
    usage.cached = json_integer(json_member(*object, "cached")).value_or(0);
    usage.cache_write = 0;
    usage.reasoning = json_integer(json_member(*object, "reasoning"));
    told = usage.in.has_value() || usage.out.has_value();
  }
  const Json* cost = json_member(document, "cost_usd");
  if (cost != nullptr && cost->is_number() && cost->get<double>() >= 0 && cost->get<double>() < 9e6) {
    usage.told_cost = std::llround(cost->get<double>() * 1e12);
    told = true;
  }
  return told ? std::optional(usage) : std::nullopt;
}

/// The error that a line tells; its kind where it is one of ours, else `server`.
CallError error_of(const Json& error) {
  if (!error.is_object()) return make_error(ErrorKind::server, "", json_text(&error));
  const std::string word = json_text(json_member(error, "kind"));
  const std::size_t slash = word.find('/');
  const auto kind = error_kind_from_text(word.substr(0, slash));
  CallError out =
      make_error(kind.value_or(ErrorKind::server), kind && slash != std::string::npos ? word.substr(slash + 1) : "",
                 json_text(json_member(error, "message")));
  if (!kind) out.code = word;
  if (out.message.empty()) out.message = "an error without a message";
  return out;
}

class Exec final : public OpenAiShaped {
 public:
  std::string_view type() const override { return "exec"; }

  tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const override {
    auto prepared = OpenAiShaped::build(request, entry);
    if (!prepared) return prepared;
    Json params = to_json(request.params.over(entry.params));
    for (const Json* extra : {&entry.extra, &request.extra}) {
      if (!extra->is_null()) merge_patch(params, *extra);
    }
    if (params.is_null()) params = Json::object();
    prepared->stream = false;
    prepared->stream_fields = "\"epoch\":" + std::to_string(request.epoch) + ",\"params\":" + dump_json(params);
    prepared->headers.clear();
    try {
      prepared->url = url_of(exec_target(entry));
    } catch (const Error& error) {
      return refused(error.message());
    }
    return prepared;
  }

  tl::expected<ChatReply, CallError> parse(std::string_view body, const ModelEntry& entry, bool) const override {
    bool repaired = false;
    auto document = parse_reply_json(body, &repaired);
    if (!document) return tl::unexpected(std::move(document.error()));
    return read_document(*document, entry, repaired);
  }

  CallError classify(int http_status, const Json& document, const ModelEntry& entry) const override {
    const Json* error = json_member(document, "error");
    return error == nullptr ? OpenAiShaped::classify(http_status, document, entry) : error_of(*error);
  }

 protected:
  /// All of reasoning has its place in the body: what differs is to be hashed.
  OpenAiDialect dialect(const ModelEntry&) const override {
    OpenAiDialect dialect;
    dialect.thinking = OpenAiDialect::Thinking::vllm;
    dialect.think_tags = false;
    return dialect;
  }

  tl::expected<ChatReply, CallError> read_document(const Json& document, const ModelEntry& entry,
                                                   bool utf8_repaired) const override {
    if (const Json* error = json_member(document, "error")) return tl::unexpected(error_of(*error));
    const Json* text = json_member(document, "text");
    if (text == nullptr || !text->is_string()) {
      return tl::unexpected(bad_response("shape", "the line has neither a text nor an error"));
    }
    ChatReply reply;
    reply.text = text->get<std::string>();
    reply.reasoning = json_text(json_member(document, "reasoning"));
    reply.model = entry.model;
    reply.stop = stop_from(json_word(json_member(document, "stop")));
    reply.usage = usage_of(document);
    return finish_reply(std::move(reply), false, utf8_repaired);
  }
};

}  // namespace

const Provider& exec_provider() {
  static const Exec provider;
  return provider;
}

}  // namespace assay
