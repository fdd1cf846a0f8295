// The paths that generate nothing: lists of models, what a llama-server tells about itself, files and batches.

#include "tests/mock_server/server/server.hpp"

namespace assay::mock {

std::string Server::models_text(const Route& route) const {
  const Json names = chat_.default_models();
  Json data = Json::array();
  const bool anthropic = route.errors == &kAnthropic, gemini = route.errors == &kGemini;
  const bool ollama = route.errors == &kOllama;
  for (const Json& name : names) {
    if (anthropic) {
      data.push_back({{"type", "model"}, {"id", name}, {"display_name", name}, {"created_at", "2025-01-01T00:00:00Z"}});
    } else if (gemini) {
      data.push_back({{"name", "models/" + name.get<std::string>()}, {"displayName", name}});
    } else if (ollama) {
      data.push_back({{"name", name}, {"model", name}, {"modified_at", "2025-01-01T00:00:00Z"}, {"size", 454000}});
    } else {
      data.push_back({{"id", name}, {"object", "model"}, {"created", 1700000000}, {"owned_by", "mock"}});
    }
  }
  if (gemini || ollama) return Json{{"models", data}}.dump();
  if (anthropic) return Json{{"data", data}, {"has_more", false}}.dump();
  return Json{{"object", "list"}, {"data", data}}.dump();
}

void Server::side(const Route& given, const HttpRequest& request, Connection& c) {
  Route route = given;
  const std::string_view path = route.rest;
  const bool health = path == "/health", files = Batches::takes(path);
  const bool models = path.ends_with("/models") || path == "/api/tags";
  // A list is asked for with the key of whoever asks.
  if (models && route.errors == &kOpenai && request.key_header == KeyHeader::x_api_key) route.errors = &kAnthropic;
  if (chat_.interferes(route, request, seconds(), !health && (models || files), c)) return;
  const auto refuse = [&](const char* name, const std::string& message) {
    chat_.side_refusal(route, name, message, c);
  };
  if (files) {
    const Batches::Result result = batches_.handle(route, request, seconds());
    if (result.error != nullptr) return refuse(result.error, result.text);
    if (result.raw) return plain(c, 200, result.text, "application/octet-stream");
    return chat_.side_answer(route, result.text, c);
  }
  const Llama& llama = chat_.llama();
  Json answer;
  if (request.method != "GET") {
    if (models || health) return refuse("method", "");
  } else if (models) {
    return chat_.side_answer(route, models_text(route), c);
  } else if (health) {
    answer = {{"status", "ok"}};
  } else if (path == "/api/version") {
    answer = {{"version", "0.0.0-mock"}};
  } else if (path == "/props") {
    answer = {{"default_generation_settings", {{"n_ctx", llama.n_ctx}}},
              {"total_slots", llama.slots},
              {"model_alias", chat_.default_models().at(0)},
              {"model_path", "mock.gguf"},
              {"modalities", {{"vision", llama.vision}, {"audio", false}}},
              {"chat_template", ""},
              {"build_info", "b1-mock"}};
  } else if (path == "/slots") {
    answer = Json::array();
    for (std::uint64_t i = 0; i < llama.slots; ++i) {
      answer.push_back({{"id", i},
                        {"n_ctx", llama.n_ctx},
                        {"speculative", false},
                        {"is_processing", i < chat_.stats().in_flight()}});
    }
  }
  if (!answer.is_null()) return chat_.side_answer(route, answer.dump(), c);
  if (route.errors != &kOpenai) return refuse("not_found", "");
  plain(
      c, 404,
      R"({"error":{"message":"Unknown request URL","type":"invalid_request_error","param":null,"code":"unknown_url"}})");
}

}  // namespace assay::mock
