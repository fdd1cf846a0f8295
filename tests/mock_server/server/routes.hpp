#pragma once
// Which provider a path belongs to. Pure: any thread.
//
//   /v1/chat/completions                       the provider of the setting `provider`, openai by default
//   /openai/deployments/D/chat/completions, /openai/v1/chat/completions              azure
//   /v1/messages  /v2/chat  /v1/chat  /api/chat                  anthropic, cohere, cohere v1, ollama
//   /v1beta/models/M:generateContent, :streamGenerateContent     gemini
//   /api/v1/chat/completions  /v1/openai/chat/completions        openrouter, deepinfra
//   /v1/completions                                              text completions
//   /NAME/..                                   any of them by name: /together/v1/chat/completions, /llama/health

#include <string_view>

#include "tests/mock_server/server/shape.hpp"

namespace assay::mock {

struct Route {
  const Shape* shape = nullptr;   // nullptr: a path that generates nothing
  const Shape* errors = nullptr;  // in whose words such a path is answered; never nullptr
  std::string_view model;         // of a path that names it, else ""
  bool streams = false;           // by its path
  std::string_view rest;          // the path without the provider's name in front
};

Route route_of(const HttpRequest& request, const Shape& by_default);

}  // namespace assay::mock
