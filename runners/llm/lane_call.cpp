#include "runners/llm/lane_call.hpp"

namespace assay {

CallSize call_size(const ChatRequest& request, std::int64_t max_tokens, std::int64_t image_tokens,
                   std::string_view provider_type) {
  CallSize size;
  size.rule = token_rule_of(provider_type);
  size.max_tokens = max_tokens;
  for (const Message& message : request.messages) {
    for (const Part& part : message.parts) {
      if (part.image)
        size.image_tokens += image_tokens;
      else
        size.bytes += static_cast<std::int64_t>(part.text.size());
    }
  }
  return size;
}

CallEnd call_end(const tl::expected<ChatReply, CallError>& outcome, std::string_view provider,
                 const std::vector<Header>& headers, std::string_view body, double wall_s) {
  CallEnd end;
  end.limits = read_limit_headers(provider, headers, wall_s);
  if (outcome) {
    end.kind = CallEnd::Kind::answered;
    if (outcome->usage) {
      end.tokens_in = outcome->usage->in;
      end.tokens_out = outcome->usage->out;
      end.cached_in = outcome->usage->cached;
    }
  } else if (outcome.error().kind == ErrorKind::rate_limit) {
    end.kind = CallEnd::Kind::rejected;
    end.sub = outcome.error().sub;
    end.hint = find_wait_hint(headers, parse_json_lenient(body).value_or(Json()), wall_s);
  }
  return end;
}

}  // namespace assay
