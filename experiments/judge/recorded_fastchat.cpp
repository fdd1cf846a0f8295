#include <cmath>
#include <map>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/record.hpp"
#include "experiments/judge/recorded_parts.hpp"

namespace assay {
namespace {

struct Question {
  std::string category, text;
  std::vector<std::string> turns;
};

std::map<std::string, Question> read_questions(const std::string& path) {
  std::map<std::string, Question> questions;
  if (path.empty()) return questions;
  InputFile file(path);
  each_object(file, [&](Json&& line, const std::string& place) {
    const std::string id = line_text(line, "question_id", place);
    if (id.empty()) throw Error("file", "question_id is missing", place, "questions= takes FastChat's question.jsonl");
    Question& question = questions[id];
    question.category = line_text(line, "category", place);
    const auto turns = line.find("turns");
    if (turns == line.end() || !turns->is_array()) return;
    for (const Json& turn : *turns) {
      if (turn.is_string()) question.turns.push_back(turn.get<std::string>());
    }
  });
  return questions;
}

/// The first of `judge`: ["gpt-4", "pair-v2"].
std::string judge_of(const Json& line, const std::string& place) {
  const auto found = line.find("judge");
  if (found != line.end() && found->is_string()) return found->get<std::string>();
  if (found == line.end() || !found->is_array() || found->empty() || !found->front().is_string())
    refuse_field(line, "judge", "[NAME, PROMPT]", place);
  return found->front().get<std::string>();
}

/// "A" and "B" as displayed; "error": "".
std::string displayed(const std::string& winner, bool swapped) {
  if (winner == "model_1") return swapped ? "B" : "A";
  if (winner == "model_2") return swapped ? "A" : "B";
  return winner == "tie" ? "tie" : "";
}

/// A game: its text, or without one the recorded winner.
Json game(const Json& line, const std::string& judge, bool second, const std::string& place) {
  const char* const text = second ? "g2_judgment" : "g1_judgment";
  const char* const winner = second ? "g2_winner" : "g1_winner";
  Json kept = Json::object({{"judge", judge}, {"order", second ? "ba" : "ab"}});
  const std::string said = line_text(line, winner, place);
  if (!said.empty() && said != "model_1" && said != "model_2" && said != "tie" && said != "error")
    refuse_field(line, winner, "model_1, model_2, tie or error", place);
  const std::string reply = line_text(line, text, place);
  if (!reply.empty()) {
    kept["raw"] = reply;
  } else if (said.empty()) {
    refuse_field(line, text, std::string("a text, or ") + winner, place);
  }
  const std::string verdict = displayed(said, second);
  if (!verdict.empty()) {
    kept["verdict"] = verdict;
  } else if (reply.empty()) {
    kept["status"] = "failed";
  }
  // Told apart from texts whose winner nobody recorded.
  if (!said.empty()) kept["winner"] = said;
  return kept;
}

}  // namespace

void read_fastchat(const std::vector<Source>& sources, const Json& params, RecordedItems& into,
                   RecordedSource& result) {
  const std::map<std::string, Question> questions = read_questions(params.value("questions", std::string()));
  std::uint64_t unknown = 0, repeated = 0;
  std::optional<bool> pairs;
  // Judges of an item, so that what is there twice is known.
  std::map<std::pair<std::string, std::string>, bool> judged;
  for (const Source& source : sources) {
    const auto input = open_source(source);
    each_object(*input, [&](Json&& line, const std::string& place) {
      const bool pair = line.contains("model_1");
      if (!pair && !line.contains("model"))
        throw Error("file", "neither model_1 nor model: no judgement of FastChat", place,
                    "format=judgements takes other lines");
      if (pairs && *pairs != pair)
        throw Error("file", "games and single answers in one load", place, "load each file by itself");
      pairs = pair;
      const std::string question_id = line_text(line, "question_id", place);
      if (question_id.empty()) refuse_field(line, "question_id", "a number or a text", place);
      double turn = line_number(line, "turn", place);
      if (!(turn == turn)) turn = 1;  // files of one turn only have none
      if (turn < 1 || turn > 1000 || turn != std::floor(turn)) refuse_field(line, "turn", "a number from 1", place);
      const std::string judge = judge_of(line, place);
      std::string id = question_id + "/" + std::to_string(static_cast<int>(turn));
      if (pair) {
        id += "/" + line_text(line, "model_1", place) + "/" + line_text(line, "model_2", place);
      } else {
        id += "/" + line_text(line, "model", place);
      }
      if (!judged.try_emplace({id, judge}, true).second) {
        id = into.free_id(id);
        ++repeated;
      }
      bool fresh = false;
      JudgeItem& item = into.item(id, place, &fresh);
      if (fresh) {
        item.turn = static_cast<std::uint32_t>(turn);
        item.cluster = line.at("question_id");
        if (pair) {
          item.model_a = line_text(line, "model_1", place);
          item.model_b = line_text(line, "model_2", place);
        } else {
          item.model = line_text(line, "model", place);
        }
        const auto known = questions.find(question_id);
        if (known != questions.end()) {
          item.category = known->second.category;
          item.turns = known->second.turns;
          if (item.turn <= item.turns.size()) item.question = item.turns[item.turn - 1];
        } else if (!questions.empty()) {
          ++unknown;
        }
      }
      if (pair) {
        into.judgement(item, game(line, judge, false, place), place);
        into.judgement(item, game(line, judge, true, place), place);
        return;
      }
      Json kept = Json::object({{"judge", judge}});
      const std::string reply = line_text(line, "judgment", place);
      const double score = line_number(line, "score", place);
      if (reply.empty() && !(score == score)) refuse_field(line, "judgment", "a text, or score", place);
      if (!reply.empty()) {
        kept["raw"] = reply;
      } else if (score == -1) {
        kept["status"] = "failed";
      }
      if (score == score) kept["value"] = score;
      into.judgement(item, std::move(kept), place);
    });
  }
  result.mode = pairs.value_or(true) ? JudgeMode::pairwise : JudgeMode::score;
  if (unknown > 0)
    result.warnings.push_back(counted(unknown, "item is", "items are") + " of no question in " +
                              params.value("questions", std::string()) + ": without category");
  if (repeated > 0)
    result.warnings.push_back(counted(repeated, "judgement is", "judgements are") +
                              " there twice: the later ones are items of their own (.2, ..)");
}

void compare_with_winners(const JudgeSettings& settings, const RecordedItems& items, RecordedSource& result) {
  std::uint64_t compared = 0, different = 0;
  std::string first;
  for (const JudgeItem& item : items.items) {
    const std::vector<Judgement> judgements = recorded_judgements(settings, item);
    for (std::size_t i = 0; i < judgements.size(); ++i) {
      const Json& line = item.recorded[i];
      if (!judgements[i].raw || (!line.contains("winner") && !line.contains("value"))) continue;
      ++compared;
      const Reading& reading = judgements[i].reading;
      bool same = false;
      if (settings.mode == JudgeMode::pairwise) {
        same = reading.verdict == line.value("verdict", std::string());
      } else {
        const double score = line.value("value", -1.0);
        same = reading.has_verdict() ? std::abs(reading.value - score) < 1e-9 : score == -1;
      }
      if (same) continue;
      if (different++ == 0) first = item.id;
    }
  }
  if (different > 0) {
    result.warnings.push_back("of " + counted(compared, "text", "texts") + ", " + std::to_string(different) +
                              (different == 1 ? " says" : " say") + " another verdict than the one recorded (" + first +
                              (different > 1 ? ", .." : "") + "); what the texts say counts");
  } else if (compared > 0) {
    result.notes.push_back(counted(compared, "text says", "texts say") + " the verdict that was recorded");
  }
}

}  // namespace assay
