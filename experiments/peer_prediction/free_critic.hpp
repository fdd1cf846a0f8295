#pragma once
// A critic without a model over many texts: what it needs of a text (its value, its words) is worked out once per text,
// however many tasks have it; and the texts of a whole batch, counted, for pairings with every other task. Any thread.
// Specs: peer_prediction.md 4, 5.1, 5.3.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/model/step.hpp"
#include "core/text/hash.hpp"
#include "experiments/peer_prediction/critics.hpp"

namespace assay {

class FreeCritic {
 public:
  /// Of a text: equal texts have the same. It lives as long as the critic.
  struct Text {
    std::optional<std::size_t> value;  ///< preset
    std::vector<std::uint32_t> words;  ///< keyword: sorted
  };
  /// `settings.free_critic()`; they outlive the critic.
  explicit FreeCritic(const PeerSettings& settings);

  const Text* text(std::string_view text);
  /// NaN: a text that is none of the preset's. keyword: 0 when either agent is a null agent; keyword_seed: 1 when j is.
  double compare(std::size_t i, std::size_t j, const Text& x, const Text& y) const;

 private:
  const PeerSettings& settings_;
  const std::optional<PresetCritic> preset_;
  std::mutex mutex_;
  std::map<Hash128, std::unique_ptr<const Text>> texts_;  // guarded by mutex_
  std::unordered_map<std::string, std::uint32_t> words_;  // guarded by mutex_
};

/// What all tasks answered, per agent: counted once for each state of the batch, not once for each run.
class CountedTexts {
 public:
  struct Table {
    std::vector<std::vector<std::pair<const FreeCritic::Text*, std::uint32_t>>> texts;  ///< by agent
    std::vector<std::uint32_t> missing;                                                 ///< by agent: null responses
    std::uint32_t tasks = 0;                                                            ///< that have published
    std::uint64_t version = 0;
    std::vector<std::size_t> absent;  ///< those that have not
  };
  CountedTexts(FreeCritic& critic, std::size_t agents) : critic_(critic), agents_(agents) {}

  /// The table, or the place of a task that is still to come.
  std::variant<std::shared_ptr<const Table>, std::size_t> count(const Peers& peers);

 private:
  std::shared_ptr<const Table> make(const Peers& peers) const;

  FreeCritic& critic_;
  const std::size_t agents_;
  std::mutex mutex_;
  std::shared_ptr<const Table> table_;  // guarded by mutex_
  std::optional<std::size_t> awaited_;  // guarded by mutex_: the last in order that was still to come
};

/// The last task in order that is still to come: the others mostly come before it. nullopt: none.
std::optional<std::size_t> last_to_come(const Peers& peers);

/// Response of an agent in what its task has published; nullopt: missing.
std::optional<std::string_view> response_in(const Json& published, std::size_t agent);

}  // namespace assay
