#include "runners/llm/reply.hpp"

#include <array>

namespace assay {

std::string_view to_text(Stop stop) {
  constexpr std::array<std::string_view, 8> names = {"stop",           "max_tokens", "model_length", "tool_calls",
                                                     "content_filter", "refusal",    "error",        "unknown"};
  return names.at(static_cast<std::size_t>(stop));
}

std::vector<std::string> Flags::names() const {
  std::vector<std::string> out;
  if (empty) out.emplace_back("empty");
  if (fallback) out.emplace_back("fallback");
  if (filtered) out.emplace_back("filtered");
  if (hedged) out.emplace_back("hedged");
  if (refused) out.emplace_back("refused");
  if (truncated) out.emplace_back("truncated");
  if (utf8_repaired) out.emplace_back("utf8_repaired");
  return out;
}

void ChatReply::set_flags() {
  flags.truncated = stop == Stop::max_tokens || stop == Stop::model_length;
  flags.filtered = stop == Stop::content_filter;
  flags.refused = stop == Stop::refusal;
  flags.empty = text.empty() && stop != Stop::tool_calls;
}

}  // namespace assay
