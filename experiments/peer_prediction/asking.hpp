#pragma once
// What agents, critics and judges are asked, and how many calls are kept under way at once. Specs: peer_prediction.md
// 3, 5.2, 6. AskAll: the thread of its Step; the functions: any thread.

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/peer_prediction/runner.hpp"
#include "runners/prompt/random_source.hpp"

namespace assay {

/// What critics and judges may answer at most.
inline constexpr std::int64_t kCriticTokens = 150, kJudgeTokens = 500;

/// Calls of one step at the same time. Each outcome is handed over in the order of asking; all are waited for, so that
/// every answer is recorded, before finish() throws what no run is to blame for (RunHeld); from then on nothing is
/// asked any more.
class AskAll {
 public:
  using Then = std::function<void(tl::expected<ChatReply, CallError>)>;
  AskAll(ChatClient& client, Step& step) : client_(client), step_(step) {}
  void ask(const std::string& key, const ModelHandle& model, const ChatRequest& request, Then then);
  void finish();

 private:
  void take_first();
  ChatClient& client_;
  Step& step_;
  std::deque<std::pair<CallHandle, Then>> asked_;
  std::optional<CallError> held_;
};

/// A reading or strategy with what it is about: `prompt`, blank line, `context`; reading=sandwich: the prompt before
/// and after it.
std::string agent_prompt(const PeerSettings& settings, const std::string& prompt, const std::string& context);
ChatRequest agent_request(const PeerSettings& settings, std::size_t agent, std::string prompt);

/// What one comparison shows.
struct Shown {
  std::string_view x, y, context;  ///< context: of a judge that sees it, else ""
  std::string fence;
};
/// `same`: x and y are of one task; only the built-in model sees it. Throws RunFailure by the template's error.
ChatRequest critic_request(const PeerSettings& settings, const PromptFile& prompt, const Shown& shown, bool same,
                           RandomSource& random);
ChatRequest judge_request(const PeerSettings& settings, const PromptFile& prompt, const Shown& shown,
                          RandomSource& random);
/// Six hexadecimal digits that occur in none of the texts.
std::string fence_for(const std::vector<std::string_view>& texts, RandomSource& random);

/// "KIND: message" of a failed call.
std::string error_text(const CallError& error);

}  // namespace assay
