#include <algorithm>

#include "experiments/peer_prediction/record.hpp"

namespace assay {
namespace {

const Json kNothing;

const Json& field(const Json& object, const char* name) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

RunTurn turn_of(const char* role, std::string speaker, std::string part, const Json& content) {
  RunTurn turn;
  turn.role = role;
  turn.speaker = std::move(speaker);
  turn.part = std::move(part);
  turn.text = content_text(content);
  return turn;
}

std::string agents_of(const Json& entry) {
  const Json& pair = field(entry, "agent_pair");
  if (!pair.is_array() || pair.size() != 2) return "agents";
  return "agents " + content_text(pair[0]) + " and " + content_text(pair[1]);
}

/// Texts of agents 1, 2, ..; what is missing is left out, or said where `errors` says why.
void add_texts(std::vector<RunTurn>& turns, const char* part, const Json& texts, const Json& errors) {
  if (!texts.is_array()) return;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool failed = texts[i].is_null() && errors.is_array() && i < errors.size() && !errors[i].is_null();
    if (texts[i].is_null() && !failed) continue;
    turns.push_back(turn_of("assistant", "agent " + std::to_string(i + 1), part, failed ? errors[i] : texts[i]));
    if (failed) turns.back().answer = "no response";
  }
}

void add_opinions(std::vector<RunTurn>& turns, const char* who, const char* side, const Json& entries) {
  if (!entries.is_array()) return;
  for (const Json& entry : entries) {
    if (field(entry, "raw").is_null()) continue;
    const std::string part = agents_of(entry) + ", " + content_text(field(entry, side));
    turns.push_back(turn_of("assistant", who, part, field(entry, "raw")));
    turns.back().answer = content_text(field(entry, "result"));
  }
}

}  // namespace

std::vector<RunTurn> peer_turns(const RunView& run) {
  std::vector<RunTurn> turns;
  for (const char* name : {"context", "input", "reference"}) {
    if (const Json& given = field(run.data, name); !given.is_null()) {
      turns.push_back(turn_of("user", "", "task", given));
      turns.back().answer = std::string_view(name) == "context" ? "" : name;
    }
  }
  add_texts(turns, "preparations", field(run.answer, "preparations"), kNothing);
  const Json& responses = field(run.answer, "responses");
  add_texts(turns, "responses", responses.is_null() ? field(run.data, "responses") : responses,
            field(run.answer, "response_errors"));
  add_opinions(turns, "critic", "distribution", field(run.answer, "comparisons"));
  add_opinions(turns, "judge", "context", field(run.answer, "judgements"));
  return turns;
}

}  // namespace assay
