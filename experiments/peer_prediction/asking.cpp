#include "experiments/peer_prediction/asking.hpp"

#include <algorithm>

#include "core/text/hash.hpp"
#include "core/text/utf8.hpp"
#include "runners/chat_runner.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostAtOnce = 2000;  // calls of one step; the limiter has its own say
constexpr std::size_t kFenceDigits = 6;

ChatRequest rendered(const PromptFile& prompt, const Json& variables, RandomSource& random) {
  ChatRequest request;
  try {
    for (auto& message : prompt.render(prompt::from_json(variables), random)) {
      const Role role = message.role == "system"      ? Role::system
                        : message.role == "assistant" ? Role::assistant
                                                      : Role::user;
      request.messages.emplace_back(role, std::move(message.content));
    }
  } catch (const TemplateError& error) {
    throw RunFailure(error.kind(), error.what());
  }
  return request;
}

Json variables_of(const PeerSettings& settings, const Shown& shown, std::vector<std::string> labels) {
  return Json{{"task_description", settings.task_description},
              {"response1", shown.x},
              {"response2", shown.y},
              {"labels", std::move(labels)},
              {"fence", shown.fence}};
}

std::string in_brackets(const std::string& label) { return "[[" + label + "]]"; }

/// The critic's labels from the highest value to the lowest.
std::vector<std::string> ranked_labels(const PeerSettings& settings) {
  auto labels = settings.critic_labels;
  std::stable_sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> names;
  for (auto& [label, value] : labels) names.push_back(std::move(label));
  return names;
}

}  // namespace

void AskAll::ask(const std::string& key, const ModelHandle& model, const ChatRequest& request, Then then) {
  if (asked_.size() >= kMostAtOnce) take_first();
  if (held_) return;
  asked_.emplace_back(client_.begin(step_, key, model, request), std::move(then));
}

void AskAll::take_first() {
  auto [handle, then] = std::move(asked_.front());
  asked_.pop_front();
  auto reply = client_.get(step_, handle);
  if (!reply && !reply.error().held.empty()) {
    if (!held_) held_ = reply.error();
    return;
  }
  then(std::move(reply));
}

void AskAll::finish() {
  while (!asked_.empty()) take_first();
  if (held_) fail_run(*held_);
}

std::string agent_prompt(const PeerSettings& settings, const std::string& prompt, const std::string& context) {
  if (settings.reading == "sandwich") return prompt + "\n\n```\n" + context + "\n```\n\n" + prompt;
  return prompt + "\n\n" + context;
}

ChatRequest agent_request(const PeerSettings& settings, std::size_t agent, std::string prompt) {
  ChatRequest request;
  request.messages.emplace_back(Role::user, std::move(prompt));
  request.params.temperature = settings.temperature;
  request.params.max_tokens = settings.max_tokens;
  // Agents that are told the same must be free to answer differently.
  const PeerAgent& one = settings.agents.at(agent);
  request.epoch = std::count_if(
      settings.agents.begin(), settings.agents.begin() + static_cast<std::ptrdiff_t>(agent), [&](const auto& other) {
        return other.reading == one.reading && other.strategy == one.strategy && other.model == one.model;
      });
  return request;
}

ChatRequest critic_request(const PeerSettings& settings, const PromptFile& prompt, const Shown& shown, bool same,
                           RandomSource& random) {
  const auto labels = ranked_labels(settings);
  ChatRequest request = rendered(prompt, variables_of(settings, shown, labels), random);
  request.params.temperature = 0;
  request.params.max_tokens = kCriticTokens;
  if (settings.logprobs > 0) {
    request.params.logprobs = true;
    request.params.top_logprobs = settings.logprobs;
  }
  Hint hint{in_brackets(same ? labels.front() : labels.back()), {}};
  for (const auto& label : labels) hint.options.push_back(in_brackets(label));
  request.hint = std::move(hint);
  return request;
}

ChatRequest judge_request(const PeerSettings& settings, const PromptFile& prompt, const Shown& shown,
                          RandomSource& random) {
  Json variables = variables_of(settings, shown, {"A", "B", "C"});
  variables["context"] = shown.context;
  ChatRequest request = rendered(prompt, variables, random);
  request.params.temperature = 0;
  request.params.max_tokens = kJudgeTokens;
  const std::size_t x = count_code_points(shown.x), y = count_code_points(shown.y);
  request.hint = Hint{x > y ? "[[A]]" : x < y ? "[[B]]" : "[[C]]", {"[[A]]", "[[B]]", "[[C]]"}};
  return request;
}

std::string fence_for(const std::vector<std::string_view>& texts, RandomSource& random) {
  for (;;) {
    std::string fence = to_hex(random.next()).substr(0, kFenceDigits);
    const bool taken = std::any_of(texts.begin(), texts.end(),
                                   [&](std::string_view text) { return text.find(fence) != std::string_view::npos; });
    if (!taken) return fence;
  }
}

std::string error_text(const CallError& error) { return error.name() + ": " + error.message; }

}  // namespace assay
