#pragma once
// What a judge is asked: our YAML prompts, Python format strings, FastChat's judge_prompts.jsonl. Specs: judge.md 4.
// A JudgePrompt is made at load, pinned with the batch, and rendered on any thread.

#include <memory>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/judge/item.hpp"
#include "experiments/judge/settings.hpp"
#include "runners/judge/judgement.hpp"
#include "runners/llm/request.hpp"
#include "runners/prompt/prompt_file.hpp"

namespace assay {

std::vector<ShippedPrompt> judge_prompts();

/// The pin of the prompts that a batch needs, by `prompt=` (as typed; "" ours for the mode): an object of {"name",
/// "path", "hash", "text", "form": "yaml" | "format" | "fastchat"} per variant that items of this batch can need.
/// Throws Error (unknown name, lone brace, missing entry, a prompt that does not show the answers it should judge),
/// with its place.
Json pin_judge_prompt(const std::string& prompt, const JudgeSettings& settings, const std::vector<JudgeItem>& items,
                      const PromptLimits& limits, std::vector<std::string>& warnings);

class JudgePrompt {
 public:
  JudgePrompt(const Json& pin, const JudgeSettings& settings, const PromptLimits& limits);
  ~JudgePrompt();
  /// The messages of one judgement, system first where there is one; images on the last user message. `fence`: six hex
  /// digits of the run's stream. Throws TemplateError, Error "data" for what the item lacks.
  std::vector<Message> messages(const JudgeItem& item, JudgeOrder order, const std::string& fence) const;
  /// The line that asks again for the wanted form (reask).
  std::string reminder() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

/// Six hex digits that occur nowhere in the item: drawn from the stream "fence/{hash of the item's data}", the same in
std::string judge_fence(const JudgeItem& item);

/// Probes (judge.md 11): N per kind, or as many as there are items to make them of, drawn from the stream
/// "{bootstrap_seed}//0/probe/{KIND}"; ids "probe/KIND/1", .., of what they were made in extra "probe_of". `gold` is
/// the verdict that passes. What they are, by mode:
///   same   two answers: one of the item's against itself; passes: tie. (None where the labels have no tie.)
///          binary, choice: the reference as the answer; passes: positive, the best choice. score, rubric: none.
///   null   two answers: one of the item's against a fixed non-answer, either may stand first; passes: the real one.
///          else: the non-answer; passes: negative, the worst choice, the low end of the scale (scale=none: none).
///   spoof  the weaker answer (by gold, else the shorter) with a text that imitates a verdict for it, and block marks,
///          as it would stand in order ab; passes: the other one. One answer: one that gold calls wrong (else the
///          non-answer) with such a text; passes as null.
std::vector<JudgeItem> probe_items(const std::vector<JudgeItem>& items, const JudgeSettings& settings);

/// An MT-Bench folder: question.jsonl, model_answer/*.jsonl, reference_answer/*.jsonl (each also packed) as items: one
/// per question and turn (ID/TURN), of score per model too (ID/TURN/MODEL). `models`: a+b names and orders them;
/// `turn`: 0 both. Throws Error.
std::vector<JudgeItem> read_mtbench(const std::string& folder, const std::string& models, std::uint32_t turn,
                                    JudgeMode mode, const std::string& baseline, std::vector<std::string>& warnings);

}  // namespace assay
