#pragma once
// FastChat's judge_prompts.jsonl: which entry an item needs, and what its fields stand for. Specs: judge.md 4;
// FastChat (Apache-2.0) fastchat/llm_judge/common.py, gen_judgment.py. Pure functions: any thread.

#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"
#include "experiments/judge/item.hpp"
#include "experiments/judge/settings.hpp"

namespace assay {

struct FastchatEntry {
  std::string name, type;  ///< type: pairwise, single
  std::string system_prompt, prompt_template;
  Json row;           ///< as read
  std::string place;  ///< "FILE:LINE"
};
/// All entries in their order, of a file that may be packed. Throws Error "json", "file": not JSON lines, a field that
/// is missing or no text, a name that is there twice.
std::vector<FastchatEntry> read_fastchat_prompts(const std::string& path, std::size_t max_bytes);
/// The entry of a pinned text.
FastchatEntry fastchat_entry(const Json& row, const std::string& place);

/// Whether FastChat shows a reference for this category: math, reasoning, coding, arena-hard-200.
bool is_reference_category(std::string_view category);
/// Without #NAME: pair-v2 or single-v1, pair-math-v1 or single-math-v1 with a reference, "-multi-turn" for turn 2.
std::string fastchat_name(bool two_answers, bool with_reference, bool second_turn);

/// The value of a field of its templates: question, answer, answer_a, answer_b, ref_answer_1; of turn 2 question_1,
/// question_2, answer_1, .. answer_b_2, ref_answer_2. `item`: as displayed. nullptr: there is no such field; throws
/// Error "data" naming the item when it lacks what the field stands for.
const std::string* fastchat_field(const JudgeItem& item, std::string_view name);
/// The fields that a template can have, for messages.
const std::vector<std::string>& fastchat_fields();

}  // namespace assay
