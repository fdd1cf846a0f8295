#pragma once
// A debate as its batch fixes it: who takes part, who reads what of whom, when it ends. Specs: debate.md 2-8.
// Values, immutable after plan_debate: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/text/json.hpp"
#include "core/text/pattern.hpp"
#include "experiments/debate/agents.hpp"

namespace assay {

struct DebatePlan {
  enum class Protocol { collaborative, critic_synth, adversarial };
  enum class Peers { full, truncate, answer, summary };
  enum class History { chat, last, one_shot };

  Protocol protocol = Protocol::collaborative;
  std::vector<DebateAgent> agents;  ///< of an adversarial debate the judge is the last
  std::uint32_t rounds = 2;         ///< steps; 3 of critic_synth
  std::vector<std::vector<std::size_t>> reads;
  bool sequential = false, random_order = false;
  Peers peers = Peers::full;
  std::size_t most_characters = 0;  ///< of truncate
  bool include_self = false, group_by_answer = false, summary_per_agent = false;
  History history = History::chat;
  std::string stop;  ///< "" : never
  std::uint32_t min_rounds = 1;
  bool judge_at_end_only = false;
  std::optional<Pattern> judge_stop;       ///< of stop=judge
  std::optional<std::size_t> least_alive;  ///< of drop:MIN
  bool mad = false;                        ///< compat=mad: its variables, its judge

  bool adversarial() const { return protocol == Protocol::adversarial; }
  /// Of an adversarial debate.
  std::size_t judge() const { return agents.size() - 1; }
  std::vector<double> weights() const;
  std::vector<std::pair<std::string, std::string>> names_and_models() const;
};

/// From the resolved parameters of a batch and the agents it has pinned (none: equal ones). Throws Error "usage".
DebatePlan plan_debate(const Json& params, const Json& pinned_agents);

}  // namespace assay
