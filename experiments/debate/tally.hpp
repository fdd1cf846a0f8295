#pragma once
// Counts behind the report on debates: runs as rounds of right and wrong, and from them the figures by round, between
// rounds, and what stopping early would have meant. Specs: debate.md 11, 12. One thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/batch.hpp"
#include "experiments/debate/verdict.hpp"

namespace assay {

/// A round of one debate, without its texts.
struct RoundMarks {
  enum class Agent : std::int8_t { absent, wrong, right };  // absent: dropped, or a judge that is not asked
  std::uint32_t round = 0;
  std::vector<Agent> agents;
  bool scored = false, correct = false;  // the aggregate; scored: there is a gold, and a verdict was to be had
  bool unanimous = false, disagree = false, tied = false, no_answer = false, any_correct = false;
  std::uint32_t unextracted = 0, dropped = 0;
};
RoundMarks marks_of(const DebateReader& reader, const Item& item, const RoundReading& reading);

/// Calls and what they took.
struct DebateCost {
  std::uint64_t calls = 0;
  std::int64_t in = 0, out = 0;
  Pico money = 0;
  DebateCost& operator+=(const DebateCost& other);
};

/// One debate.
struct DebateMarks {
  Status status = Status::ready;
  std::uint32_t item = 0;          // repeats of an item have the same number
  std::uint32_t asked = 0;         // the last round in which a message stands
  std::vector<RoundMarks> rounds;  // those with a reply, in order

  /// What the debate says in a round: its last one when it ended before (carried forward); nullptr: it failed there, or
  /// has not come so far.
  const RoundMarks* at(std::uint32_t round) const;
  /// It failed in this round, or before it.
  bool missing(std::uint32_t round) const;
};

/// All debates of a batch. Rounds are those in which any has a reply.
class DebateTally {
 public:
  void add(DebateMarks marks) { debates_.push_back(std::move(marks)); }

  std::vector<std::uint32_t> rounds() const;
  /// {"round","n","scored","correct","accuracy","ci95","per_agent":[{"n","correct","accuracy"}],"unextracted",
  /// "no_answer","unanimous","disagree","tied","any_correct","missing","carried","dropped"}.
  Json round(std::uint32_t round) const;
  /// Between two rounds, over agents that spoke in both: {"from","to","right->right",..}.
  Json flips(std::uint32_t from, std::uint32_t to) const;
  /// Of the aggregate: {"from","to","gained","lost","p_exact"}.
  Json question_flips(std::uint32_t from, std::uint32_t to) const;
  /// {"from","to","n","difference","ci95","gained","lost","p_exact"}: accuracy in `to` less that in `from`,
  /// with its paired interval.
  Json effect(std::uint32_t from, std::uint32_t to) const;

 private:
  struct Pairs;
  Pairs pairs(std::uint32_t from, std::uint32_t to) const;

  std::vector<DebateMarks> debates_;
};

/// What stopping by a rule would have cost and scored, over COMPLETE debates that went on to their end.
class EarlyStops {
 public:
  /// `calls[k]`: of round k. Rules: unanimous, and votes:K for K from 2 to the number of agents.
  void add(const DebateReader& reader, const Item& item, const std::vector<RoundReading>& rounds,
           const std::vector<std::uint64_t>& calls, std::uint32_t min_rounds);
  /// {RULE: {"calls","calls_without","correct"}}, unanimous first.
  Json figures() const;

 private:
  struct Change {
    std::uint64_t saved = 0;
    std::int64_t correct = 0;
  };
  void stop(Change& change, std::uint32_t at, const DebateReader& reader, const Item& item,
            const std::vector<RoundReading>& rounds, const std::vector<std::uint64_t>& calls) const;

  std::uint64_t calls_ = 0;
  std::int64_t correct_ = 0;
  Change unanimous_;
  std::map<std::size_t, Change> votes_;
};

}  // namespace assay
