#include "runners/llm/provider.hpp"

#include <array>

#include "runners/llm/reply_json.hpp"

namespace assay {

std::string_view vendor_of(const ModelEntry& entry) { return entry.type == "openai" ? entry.provider : entry.type; }

tl::expected<ChatReply, CallError> Provider::parse(std::string_view body, const ModelEntry& entry, bool whole) const {
  if (looks_like_sse(body) || looks_like_json_lines(body, !streams_lines())) {
    const auto stream = open_stream(entry);
    stream->feed(body);
    return stream->finish();
  }
  if (!whole) return tl::unexpected(cut_reply("the reply was cut"));
  bool repaired = false;
  auto document = parse_reply_json(body, &repaired);
  if (!document) return tl::unexpected(std::move(document.error()));
  return read_document(*document, entry, repaired);
}

CallError Provider::classify(int http_status, const Json& document, const ModelEntry& entry) const {
  return classify_error(vendor_of(entry), http_status, document);
}

const Provider* find_provider(std::string_view type) {
  static const std::array rows = {&openai_provider(),   &azure_provider(),  &anthropic_provider(), &cohere_provider(),
                                  &together_provider(), &gemini_provider(), &ollama_provider(),    &llama_provider(),
                                  &exec_provider(),     &sim_provider()};
  for (const Provider* row : rows) {
    if (row->type() == type) return row;
  }
  return nullptr;
}

}  // namespace assay
