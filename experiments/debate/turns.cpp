#include "experiments/debate/turns.hpp"

#include <map>
#include <tuple>

#include "experiments/debate/verdict.hpp"

namespace assay {
namespace {

/// Where a call stands: its round, its key.
using Place = std::pair<std::uint32_t, std::string>;

std::string key_of(const ContextMessage& message, const std::string& who, bool judge) {
  if (message.more["agent"].is_number()) return judge ? "judge" : "agent/" + who;
  if (who != kSummary || !message.more.contains("reader")) return who;
  return who + "/" + content_text(message.more["reader"]);
}

class Reading {
 public:
  Reading(const BatchInfo& batch, const RunView& run, const std::vector<CallRecord>& calls)
      : batch_(batch),
        reader_(batch.params.is_object() ? batch.params : Json::object(), {}),
        item_(from_data(run.data)),
        calls_(answered_calls(calls)) {
    for (const CallRecord* call : calls_) by_place_[{call->step, call->key}] = call;
    if (!run.answer.is_object() || !run.answer.contains("rounds") || !run.answer["rounds"].is_array()) return;
    for (const Json& one : run.answer["rounds"]) {
      if (auto reading = round_reading_from(one)) rounds_.emplace(reading->round, std::move(*reading));
    }
  }

  RunTurn turn(const ContextMessage& message, RunTurn read) const {
    if (!message.more.is_object() || !message.more.contains("agent")) return read;
    const Json& agent = message.more["agent"];
    const std::string who = content_text(agent);
    const Json number = message.more.value("round", Json());
    const auto round = number.is_number_unsigned() ? number.get<std::uint32_t>() : 0;
    const bool reply = message.role == "assistant";
    const std::string name =
        agent.is_number_unsigned() ? debate_agent_name(batch_, agent.get<std::size_t>()) : "the " + who;
    (reply ? read.speaker : read.to) = name;
    read.part = round == 0 ? "before the first round" : "round " + std::to_string(round);
    if (!reply) return read;
    take_value(read, agent, round);
    for (const bool judge : {false, true}) {
      const auto call = by_place_.find({round, key_of(message, who, judge)});
      if (call != by_place_.end()) add_call(read, *call->second);
    }
    return read;
  }

 private:
  void take_value(RunTurn& turn, const Json& agent, std::uint32_t round) const {
    const auto found = rounds_.find(round);
    if (found == rounds_.end()) return;
    const auto& values = found->second.values;
    const bool synthesis = agent.is_string() && agent.get_ref<const std::string&>() == kSynthesizer;
    if (!agent.is_number_unsigned() && !synthesis) return;
    const std::size_t index = synthesis ? 0 : agent.get<std::size_t>();
    if (index >= values.size() || !values[index]) return;
    turn.answer = *values[index];
    if (!item_.answer.is_null()) turn.right = reader_.right(item_, values[index]);
  }

  const BatchInfo& batch_;
  const DebateReader reader_;
  const Item item_;
  const std::vector<const CallRecord*> calls_;
  std::map<Place, const CallRecord*> by_place_;
  std::map<std::uint32_t, RoundReading> rounds_;
};

}  // namespace

std::string debate_agent_name(const BatchInfo& batch, std::size_t agent) {
  if (batch.pinned.is_object() && batch.pinned.contains("agents") && agent < batch.pinned["agents"].size()) {
    const std::string name = batch.pinned["agents"][agent].value("name", std::string());
    if (!name.empty()) return name;
  }
  return "agent " + std::to_string(agent);
}

std::vector<RunTurn> debate_turns(const BatchInfo& batch, const RunView& run, const std::vector<CallRecord>& calls) {
  const Reading reading(batch, run, calls);
  std::vector<RunTurn> turns = turns_of_context(run.context);
  for (std::size_t i = 0; i < turns.size(); ++i) turns[i] = reading.turn(run.context[i], std::move(turns[i]));
  return turns;
}

}  // namespace assay
