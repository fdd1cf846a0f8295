#include "runners/llm/completions.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::string_view kChat = "/chat/completions", kText = "/completions";

/// "../chat/completions?x" -> "../completions?x".
std::string beside_chat(const std::string& address) {
  const std::size_t end = std::min(address.find('?'), address.size());
  return address.substr(0, end - kChat.size()) + std::string(kText) + address.substr(end);
}

bool ends_path(std::string_view address, std::string_view tail) {
  return address.substr(0, address.find('?')).ends_with(tail);
}

}  // namespace

bool takes_completions(const ModelEntry& entry) { return ends_path(entry.url, kText) && !ends_path(entry.url, kChat); }

ModelHandle completions_of(const ModelEntry& entry) {
  if ((entry.type != "openai" && entry.type != "together") || !ends_path(entry.url, kChat)) {
    throw Error("unsupported", entry.name + " has no endpoint for text completions that is known here", "mode",
                "mode=chat; models of OpenAI's shape have one: openai, together, vLLM and others by base_url");
  }
  auto other = std::make_shared<ModelEntry>(entry);
  other->url = beside_chat(entry.url);
  if (ends_path(entry.path, kChat)) other->path = beside_chat(entry.path);
  other->fallback_entries.clear();
  return other;
}

}  // namespace assay
