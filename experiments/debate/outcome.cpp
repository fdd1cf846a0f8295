#include "experiments/debate/outcome.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "core/engine/clock.hpp"
#include "core/text/hash.hpp"

namespace assay {
namespace {

/// The value most of `values` hold, the first holder's in a tie.
std::optional<std::string> plurality(const std::vector<std::optional<std::string>>& values, std::size_t count) {
  std::optional<std::string> best;
  std::ptrdiff_t most = 0;
  const auto end = values.begin() + static_cast<std::ptrdiff_t>(std::min(count, values.size()));
  for (auto value = values.begin(); value != end; ++value) {
    if (!*value) continue;
    const auto n = std::count(values.begin(), end, *value);
    if (n > most) {
      most = n;
      best = *value;
    }
  }
  return best;
}

Json optional_text(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

/// The reply that an answer came from: of the part or agent whose value it is, the first in order.
Json text_of(const RoundReading& round, const Transcript& transcript, const std::string& aggregate) {
  if (!round.aggregate) return nullptr;
  if (round.values.size() == 1 && transcript.agents() > 1) {
    const auto messages = transcript.part(kSynthesizer);
    return messages.empty() ? Json() : Json(messages.back().content);
  }
  std::size_t from = 0;
  if (aggregate == "judge" && !round.values.empty()) from = round.values.size() - 1;
  if (aggregate.starts_with("agent:")) from = static_cast<std::size_t>(std::stoul(aggregate.substr(6)));
  for (std::size_t i = from; i < round.values.size(); ++i) {
    if (round.values[i] != round.aggregate) continue;
    const auto reply = transcript.reply(i, round.round);
    return reply ? Json(*reply) : Json();
  }
  return nullptr;
}

double one_if(bool yes) { return yes ? 1 : 0; }

void add_round_metrics(const Item& item, const DebateReader& reader, const RoundReading& round, Score& score) {
  const std::string k = "_r" + std::to_string(round.round);
  std::size_t missing = 0;
  bool any = false, same = !round.values.empty();
  for (std::size_t i = 0; i < round.values.size(); ++i) {
    if (round.silent == i) continue;
    const auto& value = round.values[i];
    const bool dropped = std::find(round.dropped.begin(), round.dropped.end(), i) != round.dropped.end();
    if (!value && !dropped) ++missing;
    any = any || reader.right(item, value);
    same = same && value && value == round.values.front();
  }
  if (!item.answer.is_null()) {
    score.metric("correct" + k, one_if(reader.right(item, round.aggregate)));
    score.metric("any_correct" + k, one_if(any));
  }
  score.metric("agree" + k, one_if(same)).metric("unextracted" + k, static_cast<double>(missing));
}

/// Agents between their first and their last round.
void add_changes(const Item& item, const DebateReader& reader, const std::vector<RoundReading>& rounds, Score& score) {
  const RoundReading &first = rounds.front(), &last = rounds.back();
  if (first.values.size() != last.values.size()) return;
  std::size_t changed = 0, up = 0, down = 0;
  for (std::size_t i = 0; i < first.values.size(); ++i) {
    const auto absent = [&](const RoundReading& round) {
      return round.silent == i || std::find(round.dropped.begin(), round.dropped.end(), i) != round.dropped.end();
    };
    if (absent(first) || absent(last)) continue;
    const bool before = reader.right(item, first.values[i]), after = reader.right(item, last.values[i]);
    if (first.values[i] != last.values[i]) ++changed;
    if (!before && after) ++up;
    if (before && !after) ++down;
  }
  score.metric("changed", static_cast<double>(changed));
  if (!item.answer.is_null()) score.metric("up", static_cast<double>(up)).metric("down", static_cast<double>(down));
}

}  // namespace

std::uint64_t draw_of(const std::string& run_id) { return xxh3_64(run_id); }

std::function<std::uint64_t()> tie_draws(std::uint64_t seed) {
  const auto stream = std::make_shared<RandomStream>(seed);
  return [stream] { return stream->next(); };
}

DebateOutcome evaluate_debate(const Item& item, const std::vector<ContextMessage>& context, const DebateReader& reader,
                              const std::vector<std::pair<std::string, std::string>>& agents, const Json& before,
                              std::uint64_t fallback_draw, std::optional<std::uint32_t> round) {
  const Transcript transcript(context);
  const auto kept = [&](const char* key) { return before.is_object() ? before.value(key, Json()) : Json(); };
  const Json draw = kept("draw");
  const std::size_t n = std::max(agents.size(), transcript.agents());
  const auto rounds =
      reader.read_all(item, transcript, n, tie_draws(draw.is_number() ? draw.get<std::uint64_t>() : fallback_draw));

  const RoundReading* at = rounds.empty() ? nullptr : &rounds.back();
  for (const RoundReading& one : rounds) {
    if (round && one.round <= *round) at = &one;
  }
  if (round && at != nullptr && *round < rounds.front().round) at = &rounds.front();

  DebateOutcome outcome;
  Json& answer = outcome.answer;
  const std::optional<std::string> value = at ? at->aggregate : std::nullopt;
  answer["value"] = optional_text(value);
  answer["text"] = at ? text_of(*at, transcript, reader.aggregate()) : Json();
  answer["rounds"] = Json::array();
  for (const RoundReading& one : rounds) answer["rounds"].push_back(to_json(one));
  answer["agents"] = Json::array();
  for (const auto& [name, model] : agents) answer["agents"].push_back({{"name", name}, {"model", model}});
  const bool judged = at && reader.judged() && !at->values.empty();
  answer["verdict"] = judged ? optional_text(at->values.back()) : Json();
  answer["majority"] = at ? optional_text(plurality(at->values, at->values.size() - (judged ? 1 : 0))) : Json();
  answer["stopped"] = kept("stopped");
  answer["calls"] = kept("calls");
  if (!draw.is_null()) answer["draw"] = draw;

  Score& score = outcome.score;
  const bool gold = !item.answer.is_null();
  if (gold && (value || !reader.scorer().unextracted_is_null())) score = Score::of(reader.right(item, value));
  if (score.verdict != Verdict::none) score.metric("correct", one_if(score.verdict == Verdict::correct));
  score.metric("unextracted", one_if(!value)).metric("rounds", transcript.rounds());
  if (answer["calls"].is_number()) score.metric("calls", answer["calls"].get<double>());
  std::size_t dropped = 0;
  for (const RoundReading& one : rounds) {
    add_round_metrics(item, reader, one, score);
    dropped += one.dropped.size();
  }
  if (rounds.size() > 1) add_changes(item, reader, rounds, score);
  score.metric("dropped", static_cast<double>(dropped));
  return outcome;
}

}  // namespace assay
