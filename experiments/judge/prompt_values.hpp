#pragma once
// What a judge is shown of an item, and the words for what it may answer: the values of every form of prompt. Specs:
// judge.md 2, 4. Pure functions: any thread.

#include <string>

#include "core/text/json.hpp"
#include "experiments/judge/item.hpp"
#include "experiments/judge/settings.hpp"
#include "runners/judge/judgement.hpp"

namespace assay {

/// The reference of the judged turn; "" : there is none.
std::string reference_of(const JudgeItem& item);
/// with_reference=auto: the item has one; of MT-Bench (format "mtbench" in its extra
/// columns) only in FastChat's reference categories. on and off say it themselves; binary and correctness always do.
bool shows_reference(const JudgeSettings& settings, const JudgeItem& item);

/// The item with its answers as displayed: in order ba the second one first, with model, length and turns.
JudgeItem displayed(const JudgeItem& item, JudgeOrder order);
/// The turn that is judged, 1 where there are no turns.
std::size_t judged_turn(const JudgeItem& item);

/// How a judge writes a label: "A", "Yes", "1", "m"; of choices as given.
std::string shown_label(const VerdictLabels& labels, const VerdictLabel& label);
/// "1", "0.5": without needless digits.
std::string shown_number(double number);

/// The variables of a YAML prompt (judge.md 4): question, reference, prediction, response1, response2, context (texts,
/// "" where there is none), options (texts), turns (of turn 2 and on, up to the judged one: {question, prediction,
/// response1, response2, reference}; else empty), turn, category, criteria ({name, text}), lo, hi (null: no range),
/// positive, negative (texts; null outside binary), labels ({text, verdict, value, games}), ties, instruction, fence,
/// with_reference, evidence (bool: reasoning first), reply (text, json: also for schema). `item`: as displayed.
Json prompt_variables(const JudgeSettings& settings, const JudgeItem& item, const std::string& fence);

/// What one reply may look like, in a few words: "[[A]], [[B]] or [[C]]".
std::string verdict_form(const JudgeSettings& settings);

}  // namespace assay
