#include "experiments/judge/turns.hpp"

#include "core/text/error.hpp"
#include "experiments/judge/item.hpp"
#include "runners/judge/judgement.hpp"

namespace assay {
namespace {

std::string verdict_of(const Judgement& one) {
  if (one.reading.values) return dump_json(one.reading.values->first) + " " + dump_json(one.reading.values->second);
  if (one.reading.verdict.empty() && one.reading.value == one.reading.value) return dump_json(one.reading.value);
  return one.reading.verdict;
}

std::string part_of(const Judgement& one) {
  return "order " + std::string(to_text(one.order)) + (one.sample > 0 ? ", sample " + std::to_string(one.sample) : "");
}

std::vector<Judgement> judgements_of(const RunView& run) {
  std::vector<Judgement> made;
  if (!run.answer.is_object() || !run.answer.contains("judgements")) return made;
  for (const Json& one : run.answer["judgements"]) made.push_back(judgement_from(one));
  return made;
}

void add_item(std::vector<RunTurn>& turns, const JudgeItem& item) {
  const auto add = [&](const char* role, std::string speaker, const std::optional<std::string>& text) {
    if (!text || text->empty()) return;
    RunTurn turn;
    turn.role = role;
    turn.speaker = std::move(speaker);
    turn.part = "item";
    turn.text = *text;
    turns.push_back(std::move(turn));
  };
  const auto named = [](const char* what, const std::string& model) {
    return model.empty() ? std::string(what) : std::string(what) + " (" + model + ")";
  };
  add("user", "question", item.question);
  add("user", "reference", item.reference);
  add("assistant", named("answer", item.model), item.prediction);
  add("assistant", named("answer A", item.model_a), item.response1);
  add("assistant", named("answer B", item.model_b), item.response2);
}

}  // namespace

std::vector<RunTurn> judged_turns(const RunView& run, std::vector<RunTurn> turns) {
  std::vector<Judgement> made;
  try {
    made = judgements_of(run);
    if (!turns.empty()) {
      for (std::size_t i = 0; i < turns.size() && i < run.context.size(); ++i) {
        const Json& more = run.context[i].more;
        if (!more.is_object() || !more.contains("judge")) continue;
        for (const Judgement& one : made) {
          if (more["judge"] != one.judge || more.value("order", Json()) != to_text(one.order)) continue;
          if (more.value("sample", Json()) != one.sample) continue;
          turns[i].part = part_of(one);
          if (turns[i].role == "assistant") turns[i].answer = verdict_of(one);
        }
      }
      return turns;
    }
    add_item(turns, judge_item(run.data));
  } catch (const Error&) {  // a save that somebody has changed: shown as far as it can be read
    return turns;
  }
  for (const Judgement& one : made) {
    RunTurn turn;
    turn.role = "assistant";
    turn.speaker = one.judge;
    turn.part = part_of(one);
    turn.text = one.raw ? *one.raw : one.error.empty() ? "(only its verdict is kept)" : one.error;
    turn.model = one.model_used;
    turn.answer = verdict_of(one);
    turns.push_back(std::move(turn));
  }
  return turns;
}

}  // namespace assay
