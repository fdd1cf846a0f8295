#include "experiments/peer_prediction/prompts.hpp"

#include "core/text/embedded.hpp"

namespace assay {

std::vector<ShippedPrompt> peer_prompts() {
  return {{"critic", ASSAY_EMBEDDED(experiments_peer_prediction_prompts_critic_yaml)},
          {"judge_with", ASSAY_EMBEDDED(experiments_peer_prediction_prompts_judge_with_yaml)},
          {"judge_without", ASSAY_EMBEDDED(experiments_peer_prediction_prompts_judge_without_yaml)}};
}

}  // namespace assay
