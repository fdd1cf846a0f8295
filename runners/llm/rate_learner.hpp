#pragma once
// A hidden limit on the rate of requests, learned from refusals: opens wide, takes what was admitted before the first
// refusal as its first guess, then corrects it at every later one and grows in between, always slower. The rules and
// their reasons: models.md 4.3, 1 to 6. "Admitted" is what the server let in: sent and not refused (so far).
//
// Used under the lane's lock; times come from the caller, never decreasing. It has no randomness.

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "runners/llm/bucket.hpp"

namespace assay {

/// What is remembered of an admitted call until it ends.
struct SentMark {
  SteadyTime at{};
  std::uint32_t episode = 0;   // episodes begun before it was sent
  std::int64_t in_flight = 0;  // itself included
  bool probe = false;
};

class RateLearner {
 public:
  struct Answer {
    std::optional<SteadyTime> at;  // may go then; nullopt: when a call has ended
    const char* why = "";          // "opening", "paused", "probing", "rate"
  };
  /// When the next call may go; `now` or earlier: at once.
  Answer ask(SteadyTime now, std::int64_t in_flight);
  /// A call goes. `in_flight`: itself included. `queued`: others wait behind it.
  SentMark admit(SteadyTime now, std::int64_t in_flight);
  void answered(const SentMark& mark, SteadyTime now);
  /// It ended without telling anything of the limit.
  void other(const SentMark& mark, SteadyTime now);
  /// Refused. `hint_s`: the server's own wish. Returns the new end of the pause when it begins or grows.
  std::optional<SteadyTime> rejected(const SentMark& mark, std::optional<double> hint_s, SteadyTime now);
  /// Refused for another reason than the rate: it was not let in.
  void refused_otherwise(const SentMark& mark, SteadyTime now);
  /// Somebody ends the pause by hand.
  void end_pause() { paused_until_ = SteadyTime{}; }
  /// Nobody waits: what is not used does not grow.
  void idle() { held_ = false; }

  /// Pacing by this learner's rate (a limit on the number in flight takes its place).
  void set_pacing(bool on) { pacing_ = on; }
  bool pacing() const { return pacing_; }
  /// Begins again with the first guess at the next refusal (rule 3).
  void restart();
  /// What the last session learned.
  void restore(double per_second, double burst, std::uint32_t episodes, SteadyTime now);

  bool learned() const { return episodes_ > 0 && pacing_ && !by_chance_; }
  /// Refusals come whatever the rate: each delays its own request only.
  bool by_chance() const { return by_chance_; }
  double rate() const { return rate_; }
  double burst() const { return bucket_.burst(); }
  std::uint32_t episodes() const { return episodes_; }
  bool probing(SteadyTime now) const { return (probe_out_ || probe_due_) && now >= paused_until_; }
  SteadyTime paused_until() const { return paused_until_; }
  /// Admitted per second just before the episode: how like the episodes' rates are tells a rate from a number in
  /// flight.
  double rate_at_episode() const { return guess_.recent; }

 private:
  struct Guess {
    bool first = false, after_resume = false, from_mean = false, windowed = false;
    SteadyTime began{}, before{}, recent_from{}, burst_from{};
    double between = 0, between_s = 1;   // admitted between the two episodes' begins
    double in_window = 0, window_s = 1;  // and in the last moments
    double at_resume = 0;                // admitted since the resume
    double in_use = 0, least = 0, recent = 0;
  };
  void open_gate(SteadyTime now);
  void count(SteadyTime now, double by);
  double mean(double seconds, SteadyTime now) const;
  void begin_episode(SteadyTime now, SteadyTime sent_at, double hint_s);
  void settle(SteadyTime now);
  void pause(SteadyTime until);
  void resume(SteadyTime now);
  void grow(SteadyTime now);

  bool pacing_ = true, again_ = false;
  std::uint32_t episodes_ = 0, phase_ = 0;
  // Opening.
  std::int64_t gate_ = 64;
  std::optional<SteadyTime> gate_at_;
  // Flow.
  Bucket bucket_;
  double rate_ = 0, base_ = 0, grown_s_ = 0, excess_ = 0;
  bool held_ = false, windowed_ = false;
  SteadyTime grown_at_{};
  Guess guess_;
  SteadyTime episode_at_{}, paused_at_{}, resumed_at_{}, refused_at_{};
  double since_episode_ = 0, since_resume_ = 0;
  std::uint32_t refusals_ = 0;  // of this episode
  std::uint32_t resumes_ = 0;   // after which it was refused at once, in a row
  std::deque<SteadyTime> recent_;
  // Refusals that no rate explains.
  bool by_chance_ = false;
  std::uint32_t unexplained_ = 0;
  double fell_from_ = 0, chance_sent_ = 0, chance_refused_ = 0;
  SteadyTime trust_at_{};
  // Pause and probe.
  SteadyTime paused_until_{}, probe_good_at_{};
  bool probe_due_ = false, probe_out_ = false;
  double pause_s_ = 0, hint_s_ = 0, to_refusal_s_ = 0;
  std::uint32_t probes_ = 0;
  // Admitted by second, the last two minutes.
  struct Second {
    std::int64_t number = -1;
    double admitted = 0;
  };
  std::array<Second, 128> seconds_{};
  std::optional<SteadyTime> first_at_;
};

}  // namespace assay
