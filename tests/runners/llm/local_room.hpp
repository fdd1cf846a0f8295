#pragma once
// A client whose models are programs: the real transport for them, real sockets beyond it, models.yaml as a text.

#include <atomic>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/text/error.hpp"
#include "runners/llm/child_environment.hpp"
#include "runners/llm/client.hpp"
#include "runners/llm/http.hpp"
#include "runners/llm/local_models.hpp"
#include "tests/support/fake_step.hpp"

namespace assay::test {

inline std::string exec_program() { return ASSAY_BUILD_DIR "/tests/local_programs/exec_program"; }
inline std::string stand_in_folder() { return ASSAY_BUILD_DIR "/tests/local_programs"; }

struct LocalRoom {
  /// `variables`: what of the environment the client sees; PATH finds the stand-ins.
  explicit LocalRoom(const std::string& yaml, std::map<std::string, std::string, std::less<>> variables = {})
      : environment(std::move(variables)), config(parse_models_text(yaml, "models.yaml")) {
    environment.emplace("PATH", stand_in_folder() + ":/usr/bin:/bin");
  }

  std::map<std::string, std::string, std::less<>> environment;
  ModelsConfig config;
  SystemClock clock;
  SystemEntropy entropy;
  SecretStore secrets;
  Limiter limiter{clock};
  InProcessTransport http{secrets};
  std::mutex mutex;
  std::vector<std::string> notices;  // guarded by mutex
  std::map<std::string, std::string, std::less<>> settings{
      {"retry.network", "20 20ms 100ms"}, {"retry.server", "1 1ms 5ms"}, {"retry.timeout", "1 1ms 5ms"}};

  std::optional<std::string> variable(std::string_view name) const {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  }
  LocalModels local{http, secrets,
                    LocalOptions{[this](std::string_view name) { return variable(name); },
                                 [this](const std::vector<std::string>& allowed) {
                                   return environment_without_keys(
                                       key_variables(config), secrets,
                                       [this](std::string_view name) { return variable(name); }, allowed);
                                 },
                                 [this](const std::string& line) {
                                   const std::lock_guard lock(mutex);
                                   notices.push_back(line);
                                 },
                                 [this] { return entropy.next(); }}};
  ChatClient client{ClientOptions{clock,
                                  entropy,
                                  local,
                                  secrets,
                                  limiter,
                                  [this, fallback = default_llm_settings()](std::string_view name) {
                                    const auto found = settings.find(name);
                                    return found == settings.end() ? fallback(name) : found->second;
                                  },
                                  "0123456789abcdef",
                                  "1.0",
                                  {}}};
  ModelRegistry registry{[this](std::string_view name) { return variable(name); },
                         secrets,
                         config,
                         &limiter,
                         {},
                         [this] { return client.target_states(); },
                         {.local = &local}};
  std::atomic<CallId> next_call{1};

  struct Outcome {
    tl::expected<ChatReply, CallError> reply;
    FakeRecord kept;
    double seconds = 0;
    std::string name() const { return reply ? "answered" : reply.error().name(); }
    std::string text() const { return reply ? reply->text : reply.error().message; }
  };
  Outcome ask(const std::string& model, const std::string& text) {
    FakeStep step(clock, nullptr, next_call++);
    ChatRequest request;
    request.messages.emplace_back(Role::user, text);
    request.params.max_tokens = 16;
    request.stream = StreamMode::never;
    const auto begun = std::chrono::steady_clock::now();
    Outcome outcome{client.call(step, "", registry.callable(model), request), {}, 0};
    outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    outcome.kept = step.kept(0);
    return outcome;
  }
  /// The target is asked again although it was held.
  void resume() {
    client.try_targets_again();
    local.try_again();
  }
  LocalFacts facts(const std::string& model) { return local.facts(*registry.entry(model)).value_or(LocalFacts{}); }
  std::string log(const std::string& model) {
    std::string out;
    for (const std::string& line : registry.log(model)) out += line + "\n";
    return out;
  }
  /// Waits, at most 10 s, until it is so.
  template <class Condition>
  static bool soon(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
};

/// Whether a process is there (a zombie of somebody else's is not).
inline bool is_alive(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const std::size_t at = line.rfind(')');
  return at != std::string::npos && line.substr(at + 2, 1) != "Z";
}

}  // namespace assay::test
