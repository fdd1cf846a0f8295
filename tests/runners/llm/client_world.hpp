#pragma once
// A client with all that it needs, under virtual time and on a transport that answers from a list.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "runners/llm/client.hpp"
#include "tests/runners/llm/fake_transport.hpp"
#include "tests/support/fake_step.hpp"

namespace assay::test {

/// A client under virtual time, with settings that a test may change.
struct World {
  FakeClock clock;
  FakeEntropy entropy;
  FakeTransport transport;
  SecretStore secrets;
  Limiter limiter{clock};
  std::map<std::string, std::string, std::less<>> settings;
  std::vector<PauseInfo> pauses;
  ModelRegistry registry{[](std::string_view name) -> std::optional<std::string> {
                           if (name == "OPENAI_API_KEY") return "sk-test-CANARY0123456789abcdef";
                           return std::nullopt;
                         },
                         secrets,
                         {},
                         &limiter};
  ChatClient client{ClientOptions{clock, entropy, transport, secrets, limiter,
                                  [this, fallback = default_llm_settings()](std::string_view name) {
                                    const auto found = settings.find(name);
                                    return found == settings.end() ? fallback(name) : found->second;
                                  },
                                  "0123456789abcdef", "1.0",
                                  [this](const PauseInfo& pause) { pauses.push_back(pause); }}};
  FakeStep step{clock, &clock};

  ModelHandle gpt() { return registry.callable("openai/gpt-4o", Json::parse(R"({"price":{"in":2.5,"out":10}})")); }
  double elapsed() const { return std::chrono::duration<double>(clock.steady() - begun).count(); }
  SteadyTime begun = clock.steady();
};

inline ChatRequest ask(const std::string& text) {
  ChatRequest request;
  request.messages.emplace_back(Role::user, text);
  request.params.max_tokens = 16;
  return request;
}

}  // namespace assay::test
