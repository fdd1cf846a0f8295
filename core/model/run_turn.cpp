#include "core/model/run_turn.hpp"

#include <algorithm>

namespace assay {
namespace {

/// `more[name]` as a person reads it; "" when it is not there.
std::string word_of(const Json& more, const char* name) {
  if (!more.is_object()) return {};
  const auto found = more.find(name);
  if (found == more.end() || (!found->is_string() && !found->is_number_integer())) return {};
  return content_text(*found);
}

}  // namespace

std::string content_text(const Json& content) {
  if (content.is_null()) return {};
  return content.is_string() ? content.get<std::string>() : dump_json(content);
}

std::vector<RunTurn> turns_of_context(const std::vector<ContextMessage>& context) {
  std::vector<RunTurn> turns;
  turns.reserve(context.size());
  for (const ContextMessage& message : context) {
    RunTurn turn;
    turn.role = message.role;
    turn.text = content_text(message.content);
    turn.speaker = word_of(message.more, "name");
    std::string& who = turn.role == "assistant" ? turn.speaker : turn.to;
    for (const char* name : {"agent", "judge"}) {
      const std::string word = word_of(message.more, name);
      if (who.empty() && !word.empty()) who = message.more[name].is_number() ? std::string(name) + " " + word : word;
    }
    for (const char* name : {"round", "turn"}) {
      const std::string number = word_of(message.more, name);
      if (turn.part.empty() && !number.empty()) turn.part = std::string(name) + " " + number;
    }
    turn.model = word_of(message.more, "model");
    turns.push_back(std::move(turn));
  }
  return turns;
}

std::vector<const CallRecord*> answered_calls(const std::vector<CallRecord>& calls) {
  std::uint32_t newest = 0;
  for (const CallRecord& call : calls) newest = std::max(newest, call.attempt);
  std::vector<const CallRecord*> answered;
  for (const CallRecord& call : calls) {
    if (call.attempt == newest && call.state == CallState::answered) answered.push_back(&call);
  }
  return answered;
}

void add_call(RunTurn& turn, const CallRecord& call) {
  UsageSum usage;
  usage.calls = 1;
  usage.in = call.usage.in.value_or(0);
  usage.cached = call.usage.cached.value_or(0);
  usage.out = call.usage.out.value_or(0);
  usage.reasoning = call.usage.reasoning.value_or(0);
  usage.cost = call.cost;
  usage.possible = call.possible;
  turn.usage = usage;
  turn.model = call.model;
}

void add_calls(std::vector<RunTurn>& turns, const std::vector<CallRecord>& calls) {
  std::vector<RunTurn*> replies;
  for (RunTurn& turn : turns) {
    if (turn.role == "assistant") replies.push_back(&turn);
  }
  const std::vector<const CallRecord*> answered = answered_calls(calls);
  if (replies.size() != answered.size()) return;
  for (std::size_t i = 0; i < replies.size(); ++i) add_call(*replies[i], *answered[i]);
}

}  // namespace assay
