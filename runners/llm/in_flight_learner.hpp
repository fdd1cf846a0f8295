#pragma once
// A hidden limit on the number of calls at the same time, from refusals that say so, or that come again and again at
// one number in flight. Used under the lane's lock. Specs: models.md 4.3, 7.

#include <cstdint>
#include <deque>

#include "runners/llm/rate_learner.hpp"

namespace assay {

class InFlightLearner {
 public:
  /// At most that many; 0: not known.
  std::int64_t limit() const { return limit_; }
  /// The limit was inferred, not said: it explains the refusals that a rate would.
  bool inferred() const { return limit_ > 0 && inferred_; }

  /// The server said that too many were in flight.
  void told(const SentMark& mark, SteadyTime now);
  enum class Finding : std::uint8_t {
    nothing,
    explained,  // the known limit was hit
    found,      // four episodes at one number: that is the limit
    wrong       // refused far below it: it was another kind of limit
  };
  /// A refusal that named no reason. `new_episode` and `rate`: what the rate learner made of it.
  Finding refused(const SentMark& mark, bool new_episode, double rate, SteadyTime now);
  void answered(const SentMark& mark);
  /// One more, or 2 %, every 30 s in which the limit held calls back.
  void grow(bool held, SteadyTime now);
  void restore(std::int64_t limit, SteadyTime now);

 private:
  struct Seen {
    std::int64_t in_flight;
    double rate;
  };
  std::int64_t limit_ = 0;
  bool inferred_ = false;
  SteadyTime changed_at_{};
  std::deque<Seen> seen_;
};

}  // namespace assay
