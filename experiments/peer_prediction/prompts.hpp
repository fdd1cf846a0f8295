#pragma once
// The prompts that come with the kind: `critic`, `judge_with`, `judge_without`. Their variables, and those of a file
// that prompt.critic= or prompt.judge_with= names: `task_description`, `response1` and `response2` (x and y as they are
// compared), `labels` (of the critic, from the highest value to the lowest; of a judge A, B, C), `fence` (six
// hexadecimal digits that occur in no text that is shown), and of a judge `context`, "" in judge_without. The critic
// never gets the task's context. Any thread. Specs: peer_prediction.md 5.2.

#include <vector>

#include "core/model/kind.hpp"

namespace assay {

std::vector<ShippedPrompt> peer_prompts();

}  // namespace assay
