#pragma once
// What tests of providers share: entries written by hand, outcomes as the vector files write them, bytes in any splits.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/text/json.hpp"
#include "runners/llm/provider.hpp"

namespace assay::test {

/// An entry of a provider at its vendor's address, with a key where the vendor wants one.
inline ModelEntry entry_of(const std::string& provider, const std::string& model, const std::string& type = "",
                           const std::string& api = "v2") {
  ModelEntry entry;
  entry.provider = provider;
  const bool own = find_provider(provider) != nullptr;
  entry.type = !type.empty() ? type : own ? provider : "openai";
  entry.model = model;
  entry.name = provider + "/" + model;
  if (entry.type == "azure") {
    entry.endpoint = "https://example.openai.azure.com";
    entry.path = "/openai/deployments/" + model + "/chat/completions?api-version=2024-02-15-preview";
  } else if (entry.type == "anthropic") {
    entry.endpoint = "https://api.anthropic.com";
    entry.path = "/v1/messages";
  } else if (entry.type == "cohere") {
    entry.endpoint = api == "v1" ? "https://api.cohere.ai" : "https://api.cohere.com";
    entry.path = "/" + api + "/chat";
  } else if (entry.type == "gemini") {
    entry.endpoint = "https://generativelanguage.googleapis.com";
    entry.path = "/v1beta/models/" + model + ":generateContent";
  } else if (entry.type == "ollama") {
    entry.endpoint = "http://127.0.0.1:11434";
    entry.path = "/api/chat";
  } else if (entry.type == "together") {
    entry.endpoint = "https://api.together.xyz";
    entry.path = "/v1/chat/completions";
  } else if (entry.type == "llama" || provider == "vllm") {
    entry.endpoint = provider == "vllm" ? "http://127.0.0.1:8000" : "http://127.0.0.1:8080";
    entry.path = "/v1/chat/completions";
  } else if (provider == "deepinfra") {
    entry.endpoint = "https://api.deepinfra.com";
    entry.path = "/v1/openai/chat/completions";
  } else if (provider == "openrouter") {
    entry.endpoint = "https://openrouter.ai";
    entry.path = "/api/v1/chat/completions";
  } else {
    entry.endpoint = "https://api.openai.com";
    entry.path = "/v1/chat/completions";
  }
  entry.url = entry.endpoint + entry.path;
  const bool keyless = entry.type == "ollama" || entry.type == "llama";
  if (!keyless) entry.key_env = "THE_KEY";
  return entry;
}

inline const Provider& provider_of(const ModelEntry& entry) { return *find_provider(entry.type); }

/// The value of a header as it goes out, "{key}" for the key; "" when it is not there.
inline std::string header_of(const PreparedRequest& request, std::string_view name) {
  for (const Header& header : request.headers) {
    if (header.name == name) return header.value + (header.secret.empty() ? "" : "{key}");
  }
  return "";
}

inline Json usage_json(const std::optional<Usage>& usage) {
  if (!usage) return nullptr;
  Json out;
  const auto put = [&](const char* name, const std::optional<std::int64_t>& value) {
    out[name] = value ? Json(*value) : Json();
  };
  put("in", usage->in);
  put("out", usage->out);
  put("cached", usage->cached);
  put("cache_write", usage->cache_write);
  put("reasoning", usage->reasoning);
  if (usage->billed_in) put("billed_in", usage->billed_in);
  if (usage->billed_out) put("billed_out", usage->billed_out);
  if (usage->told_cost) out["cost_usd"] = static_cast<double>(*usage->told_cost) / 1e12;
  return out;
}

/// An outcome as the vector files write it; `partial`: with the partial text of a failed one.
inline Json outcome_json(const tl::expected<ChatReply, CallError>& outcome, bool partial) {
  Json out;
  out["ok"] = outcome.has_value();
  if (outcome) {
    out["text"] = outcome->text;
    out["reasoning"] = outcome->reasoning.empty() ? Json() : Json(outcome->reasoning);
    out["stop"] = std::string(to_text(outcome->stop));
    out["usage"] = usage_json(outcome->usage);
    out["model"] = outcome->model.empty() ? Json() : Json(outcome->model);
    out["id"] = outcome->id.empty() ? Json() : Json(outcome->id);
    out["flags"] = outcome->flags.names();
  } else {
    const CallError& error = outcome.error();
    out["kind"] = std::string(to_text(error.kind));
    out["sub"] = error.sub.empty() ? Json() : Json(error.sub);
    out["code"] = error.code.empty() ? Json() : Json(error.code);
    out["by_text"] = error.by_text;
    if (partial) out["partial_text"] = error.partial_text;
  }
  return out;
}

/// The outcome of a whole HTTP reply.
inline tl::expected<ChatReply, CallError> outcome_of(const ModelEntry& entry, int status, std::string_view body) {
  if (status >= 200 && status < 300) return provider_of(entry).parse(body, entry);
  return tl::unexpected(provider_of(entry).classify(status, parse_json_lenient(body).value_or(Json()), entry));
}

/// A stream fed in pieces; `next`: the length of the next one.
template <typename Next>
tl::expected<ChatReply, CallError> streamed(const ModelEntry& entry, std::string_view bytes, Next next) {
  const auto stream = provider_of(entry).open_stream(entry);
  while (!bytes.empty()) {
    const std::size_t length = std::min(bytes.size(), std::max<std::size_t>(next(), 1));
    stream->feed(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return stream->finish();
}

}  // namespace assay::test
