#pragma once
// What a batch of peer prediction is: agents, critics, judges, pairing. BatchInfo::params holds it whole, so that a
// run's data is its task alone. Specs: peer_prediction.md 1, 2. Values; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

struct PeerAgent {
  std::string name;                              ///< `condition`, else "Agent i"
  std::optional<std::string> reading, strategy;  ///< nullopt: null
  std::string model;                             ///< "" : the batch's
  std::string group;                             ///< good_faith, problematic, ""
  bool reference = false;                        ///< its answers are given
  /// A null agent: strategy null (and no reading's reply to give), or in given responses the same text in every task.
  bool null_agent = false;
};

/// p_joint in row-major order, `levels` entries per agent, and the texts that stand for the values.
struct PeerSynthetic {
  std::vector<std::size_t> levels;
  std::vector<double> joint;
  std::vector<std::string> texts;
};

struct PeerSettings {
  std::string exp_type = "llm";  ///< llm, synthetic; "" : recorded, and not told
  std::string task_description = "The following are abstract reviews.";
  std::vector<PeerAgent> agents;
  std::string model;  ///< of the agents, as named
  std::int64_t max_tokens = 4000;
  double temperature = 1.0;
  PeerSynthetic synthetic;
  std::string critic = "llm";              ///< llm, preset, keyword, keyword_seed, none
  std::vector<std::string> critic_models;  ///< of llm: a panel
  std::vector<std::pair<std::string, double>> critic_labels = {
      {"Significant Gain", 1.0}, {"Little Gain", 0.25}, {"No Gain", 0.0}};
  std::uint32_t logprobs = 0;
  std::string judge = "llm";  ///< llm, preset, length, none
  std::string judge_model;
  bool judge_with = true, judge_without = true;
  std::string parse = "strict";                  ///< strict, upstream
  bool tvd_mi = true, mi = false, gppm = false;  ///< mechanisms; the judge is `judge`
  std::string pairing = "other";                 ///< other, derangement, all_other, product, permutation, all
  std::string reading = "two";                   ///< two, sandwich, ignore
  std::string null_response = "No response.";
  std::string attack = "none", lost = "missing";
  std::string autosave;  ///< folder; "" off
  std::uint64_t seed = 1, bootstrap_seed = 1;
  std::vector<std::string> good_faith, problematic;
  bool recorded = false;  ///< comparisons that came from a file: nothing can be run
  /// Of recorded comparisons: who made them, as reports name it; "" : not told.
  std::string recorded_critic, recorded_judge;
  Json exp_config;  ///< the configuration as read, unknown keys too; null: none

  std::size_t n() const { return agents.size(); }
  bool free_critic() const { return critic == "preset" || critic == "keyword" || critic == "keyword_seed"; }
  bool free_judge() const { return judge == "preset" || judge == "length"; }
};
Json to_json(const PeerSettings& settings);
/// Throws Error "file" for what is no such object.
PeerSettings peer_settings(const Json& params);

/// Members of groups that are none of the agents.
std::vector<std::string> unknown_members(const PeerSettings& settings);

/// As reports name them: a rule that asks no model says so.
std::string peer_critic_name(const PeerSettings& settings);
std::string peer_judge_name(const PeerSettings& settings);

std::vector<Parameter> peer_parameters();

}  // namespace assay
