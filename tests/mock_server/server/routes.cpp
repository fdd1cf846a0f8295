#include "tests/mock_server/server/routes.hpp"

#include <array>

namespace assay::mock {
namespace {

constexpr std::string_view kChat = "/chat/completions";

// Names that may stand in front of a path. "openai" is none: /openai/.. is Azure's.
constexpr std::array<std::string_view, 12> kPrefixes{"azure",     "anthropic", "cohere",   "together",
                                                     "gemini",    "ollama",    "llama",    "openrouter",
                                                     "deepinfra", "groq",      "deepseek", "vllm"};

const Shape* take_prefix(std::string_view& path) {
  const std::size_t end = path.find('/', 1);
  if (end == std::string_view::npos) return nullptr;
  const std::string_view name = path.substr(1, end - 1);
  for (const std::string_view prefix : kPrefixes) {
    if (name != prefix) continue;
    path.remove_prefix(end);
    return shape_named(name);
  }
  return nullptr;
}

void take_gemini(const HttpRequest& request, std::string_view path, Route& route) {
  const std::size_t models = path.find("/models/"), colon = path.rfind(':');
  if (models == std::string_view::npos || colon == std::string_view::npos) return;
  const std::string_view action = path.substr(colon + 1);
  if (action != "generateContent" && action != "streamGenerateContent") return;
  route.model = path.substr(models + 8, colon - models - 8);
  route.streams = action == "streamGenerateContent" && request.query.find("alt=sse") != std::string_view::npos;
  route.shape = action == "generateContent" || route.streams ? &kGemini : &kGeminiArray;
}

const Shape* family_of(std::string_view path) {
  if (path.starts_with("/v1beta/") || path.find(":generateContent") != std::string_view::npos) return &kGemini;
  if (path.starts_with("/openai/")) return &kAzure;
  if (path == "/v1/messages") return &kAnthropic;
  if (path == "/v2/chat") return &kCohere;
  if (path == "/v1/chat") return &kCohereV1;
  if (path.starts_with("/api/v1/")) return &kOpenrouter;
  if (path.starts_with("/api/")) return &kOllama;
  if (path.starts_with("/v1/openai/")) return &kDeepinfra;
  if (path == "/health" || path == "/props" || path == "/slots") return &kLlama;
  return nullptr;
}

}  // namespace

Route route_of(const HttpRequest& request, const Shape& by_default) {
  std::string_view path = request.path;
  if (path == "/v1/chat/completions") return {&by_default, &by_default, {}, false, path};
  Route route;
  const Shape* named = take_prefix(path);
  const Shape* family = named != nullptr ? nullptr : family_of(path);
  route.rest = path;
  route.errors = named != nullptr ? named : family != nullptr ? family : &by_default;
  if (path.ends_with(kChat)) {
    // Ollama, Gemini and others answer OpenAI's path in OpenAI's shape.
    const bool own = route.errors->flaw == kGemini.flaw || route.errors == &kOllama || route.errors == &kAnthropic ||
                     route.errors == &kCohere;
    route.shape = own ? &kOpenai : route.errors;
    if (named == nullptr && family == nullptr) route.shape = &kOpenai;
    const std::size_t deployment = path.find("/deployments/");
    if (route.shape == &kAzure && deployment != std::string_view::npos) {
      const std::string_view name = path.substr(deployment + 13);
      route.model = name.substr(0, name.find('/'));
    }
    return route;
  }
  if (path == "/v1/completions" || path.ends_with("/v1/completions")) {
    route.shape = route.errors == &kLlama ? &kLlamaCompletions : &kCompletions;
  } else if (path == "/v1/messages") {
    route.shape = &kAnthropic;
  } else if (path == "/v2/chat" || path == "/v1/chat") {
    route.shape = path == "/v2/chat" ? &kCohere : &kCohereV1;
  } else if (path == "/api/chat") {
    route.shape = &kOllama;
  } else if (path.ends_with("enerateContent")) {
    take_gemini(request, path, route);
  }
  if (route.shape != nullptr) route.errors = route.shape;
  return route;
}

}  // namespace assay::mock
