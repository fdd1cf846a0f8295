#pragma once
// What a whole debate came to: its answer, and its score with the metrics of each round. Specs: debate.md 6, 8, 11.
// Pure: any thread.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/score.hpp"
#include "experiments/debate/verdict.hpp"
#include "experiments/qa/item.hpp"

namespace assay {

struct DebateOutcome {
  Json answer;  ///< {"value","text","rounds","agents","verdict","majority","stopped","calls"}
  Score score;
};

/// Reads a debate. `agents`: name and model of each, the judge last. `before`: the run's answer so far, of which
/// "stopped", "calls" and "draw" are kept. `round`: whose answer counts; nullopt, or beyond the end: the last one.
/// `fallback_draw` seeds ties under tie=random where `before` has no "draw" (debates that come from files).
DebateOutcome evaluate_debate(const Item& item, const std::vector<ContextMessage>& context, const DebateReader& reader,
                              const std::vector<std::pair<std::string, std::string>>& agents, const Json& before,
                              std::uint64_t fallback_draw, std::optional<std::uint32_t> round = {});

/// The seed of debates that come from files: the same at every load.
std::uint64_t draw_of(const std::string& run_id);
/// Draws for ties of one debate: the same for the same seed, however often it is read.
std::function<std::uint64_t()> tie_draws(std::uint64_t seed);

}  // namespace assay
