#include "experiments/judge/prompt_fastchat.hpp"

#include <algorithm>
#include <array>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/json_values.hpp"

namespace assay {
namespace {

std::string text_field(const Json& row, const char* name, const std::string& place) {
  const auto found = row.find(name);
  if (found == row.end() || !found->is_string()) {
    throw Error("file", std::string("a judge prompt without the text ") + name, place,
                "expected FastChat's lines of name, type, system_prompt, prompt_template, output_format");
  }
  return found->get<std::string>();
}

const std::string* of_turn(const std::vector<std::string>& turns, std::size_t turn) {
  return turn < turns.size() ? &turns[turn] : nullptr;
}
/// Of the first turn: where there are no turns, the only one.
const std::string* first_of(const std::vector<std::string>& turns, const std::optional<std::string>& only) {
  return !turns.empty() ? &turns.front() : only ? &*only : nullptr;
}

}  // namespace

FastchatEntry fastchat_entry(const Json& row, const std::string& place) {
  if (!row.is_object()) throw Error("file", "a judge prompt is a JSON object", place);
  FastchatEntry entry{text_field(row, "name", place),
                      text_field(row, "type", place),
                      text_field(row, "system_prompt", place),
                      text_field(row, "prompt_template", place),
                      row,
                      place};
  if (entry.type != "pairwise" && entry.type != "single") {
    throw Error("file", "the judge prompt " + entry.name + " has the type '" + entry.type + "'", place,
                "expected pairwise or single");
  }
  return entry;
}

std::vector<FastchatEntry> read_fastchat_prompts(const std::string& path, std::size_t max_bytes) {
  const std::string text = read_file(path, max_bytes);
  InputText input(text, path);
  std::vector<FastchatEntry> entries;
  read_json_values(input, {}, [&](Json&& row, const JsonPlace& at) {
    const std::string place = path + ":" + std::to_string(at.line);
    FastchatEntry entry = fastchat_entry(row, place);
    for (const FastchatEntry& other : entries) {
      if (other.name == entry.name) {
        throw Error("file", "the judge prompt " + entry.name + " is there twice", place, "first at " + other.place);
      }
    }
    entries.push_back(std::move(entry));
  });
  return entries;
}

bool is_reference_category(std::string_view category) {
  static constexpr std::array<std::string_view, 4> kCategories = {"math", "reasoning", "coding", "arena-hard-200"};
  return std::find(kCategories.begin(), kCategories.end(), category) != kCategories.end();
}

std::string fastchat_name(bool two_answers, bool with_reference, bool second_turn) {
  std::string name =
      two_answers ? (with_reference ? "pair-math-v1" : "pair-v2") : (with_reference ? "single-math-v1" : "single-v1");
  return second_turn ? name + "-multi-turn" : name;
}

const std::vector<std::string>& fastchat_fields() {
  static const std::vector<std::string> kFields = {
      "question", "answer",     "answer_a",   "answer_b",   "question_1", "question_2",   "answer_1",
      "answer_2", "answer_a_1", "answer_b_1", "answer_a_2", "answer_b_2", "ref_answer_1", "ref_answer_2"};
  return kFields;
}

const std::string* fastchat_field(const JudgeItem& item, std::string_view name) {
  const std::string* value = nullptr;
  if (name == "question" || name == "question_1") {
    value = item.turns.empty() ? &item.question : &item.turns.front();
  } else if (name == "question_2") {
    value = of_turn(item.turns, 1);
  } else if (name == "answer") {
    value = item.prediction ? &*item.prediction : first_of(item.predictions, {});
  } else if (name == "answer_1") {
    value = first_of(item.predictions, item.prediction);
  } else if (name == "answer_2") {
    value = of_turn(item.predictions, 1);
  } else if (name == "answer_a") {
    value = item.response1 ? &*item.response1 : first_of(item.responses1, {});
  } else if (name == "answer_b") {
    value = item.response2 ? &*item.response2 : first_of(item.responses2, {});
  } else if (name == "answer_a_1") {
    value = first_of(item.responses1, item.response1);
  } else if (name == "answer_b_1") {
    value = first_of(item.responses2, item.response2);
  } else if (name == "answer_a_2") {
    value = of_turn(item.responses1, 1);
  } else if (name == "answer_b_2") {
    value = of_turn(item.responses2, 1);
  } else if (name == "ref_answer_1") {
    value = first_of(item.references, item.reference);
  } else if (name == "ref_answer_2") {
    value = of_turn(item.references, 1);
  } else {
    return nullptr;
  }
  if (value == nullptr) throw Error("data", "it has no " + std::string(name) + ", which the prompt shows", item.id);
  return value;
}

}  // namespace assay
