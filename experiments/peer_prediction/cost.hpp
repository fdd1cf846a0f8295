#pragma once
// What the calls of a batch may cost, for the plan that a load prints. Specs: peer_prediction.md 1. Any thread.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/batch.hpp"
#include "experiments/peer_prediction/settings.hpp"
#include "runners/llm/prices.hpp"

namespace assay {

/// Low and high in pico-USD: replies of kShortReply tokens, and of as many as they may have; four characters a token.
/// `prices`: by the name of each model that is called; nullopt when one of them is not known.
std::optional<std::pair<Pico, Pico>> peer_cost(const PeerSettings& settings, const std::vector<NewRun>& runs,
                                               bool given_responses,
                                               const std::map<std::string, std::optional<Price>>& prices);

inline constexpr std::uint64_t kShortReply = 80;

}  // namespace assay
