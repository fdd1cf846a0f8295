#pragma once
// What is known and told of a lane: one key at one address for one model, whose limits all jobs and judges share. The
// limits somebody gave, the pauses and learned limits that outlive a session, and the lane as `models` and `why` show
// it. Values; any thread. Specs: models.md 4.1, 4.2, reliability.md 4.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/clock.hpp"

namespace assay {

/// Limits as configured; 0: none. A day's requests may go at once, a minute's at their pace.
struct LaneLimits {
  double rpm = 0, rpd = 0;             // requests per minute, per day
  double tpm = 0, itpm = 0, otpm = 0;  // tokens per minute: all, input, output
  double burst = 0;                    // requests at once; 0: one second's worth, at least 1
  std::int64_t concurrency = 0;        // in flight
  std::int64_t slots = 0;              // told by a local server: latency learning stays at or above it
  bool learn = true;                   // hidden limits, from refusals
  bool learn_latency = false;          // a server that queues, from its completions
  friend bool operator==(const LaneLimits&, const LaneLimits&) = default;
};

/// Where a limit in force comes from.
enum class LimitSource : std::uint8_t { given, header, learned };
std::string_view to_text(LimitSource source);

/// A pause as it is recorded, so that a restart obeys it.
struct PauseInfo {
  std::string lane, reason, source;  // retry_after, ..; the header or text it was read from
  WallTime set_at = 0, until = 0;
  std::int64_t duration_ms = 0;
  std::int64_t until_boot_us = 0;
};

/// What a lane has learned: the start of the next day. Zero: nothing.
struct LearnedLimits {
  std::string lane;
  double per_second = 0, burst = 0;  // requests
  std::int64_t in_flight = 0;        // refused above it
  std::int64_t width = 0;            // more than that only queues at the server
  std::uint32_t episodes = 0;        // of refusals: how sure the rate is
  double tokens_per_byte = 0;
  bool empty() const { return per_second <= 0 && in_flight <= 0 && width <= 0 && tokens_per_byte <= 0; }
  friend bool operator==(const LearnedLimits&, const LearnedLimits&) = default;
};
/// A JSON text and back, for the experiment file; an unreadable text gives what can be read of it.
std::string to_text(const std::vector<LearnedLimits>& learned);
std::vector<LearnedLimits> learned_limits_from_text(const std::string& text);

/// One limit in force. `dimension`: "rpm", "rpd", "tpm", "itpm", "otpm", "in flight".
struct LimitShown {
  std::string dimension;
  double value = 0;
  LimitSource source = LimitSource::given;
};

struct LaneState {
  std::string lane;
  LaneLimits limits;              // as given
  std::vector<LimitShown> shown;  // those in force, the smallest of each dimension
  std::int64_t in_flight = 0, waiting = 0, jobs_waiting = 0;
  std::chrono::milliseconds paused_for{0};
  std::string paused_why;  // "429 with retry-after 7", "429 without a hint"; "" : not paused
  bool probing = false;    // one call tries whether the refusals are over
  std::int64_t admitted = 0, rejected = 0;
  double tokens_per_byte = 0, expected_out = 0;
  std::string waits_for;  // what holds the next call back now; "" : nothing, or nobody waits
};
/// "498 rpm (header), 30,000 tpm (header), 41 in flight, paused 3 s".
std::string describe(const LaneState& state);

}  // namespace assay
