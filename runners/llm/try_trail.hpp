#pragma once
// What one try of a call leaves behind, for `why` and `calls`: when it waited, went out and was answered, what the
// reply's headers said, what failed. Kept as TryRecord::details (core/model/call.hpp). Specs: models.md 3.7.
// A TryTrail belongs to its effect: same thread rule.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/model/effect.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/hints.hpp"
#include "runners/llm/prices.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

/// What the record of a try takes from elsewhere. `wall` and `steady`: this moment on both clocks.
struct TryFacts {
  std::string target;
  WallTime wall = 0;
  SteadyTime steady{};
  const CallError* error = nullptr;  // nullptr: it was answered
  const WaitHint* hint = nullptr;
  const std::vector<std::string>* left_out = nullptr;
};

class TryTrail {
 public:
  /// A try waits for its turn from now on; again while it waits: nothing.
  void queued(SteadyTime now) {
    if (admitted_) *this = {};
    if (!queued_) queued_ = now;
  }
  void admitted(SteadyTime now) { admitted_ = now; }
  std::optional<SteadyTime> admitted_at() const { return admitted_; }
  void bytes_out(std::size_t bytes) { bytes_out_ = bytes; }
  void replied(const WireReply& reply);
  /// What a reply that was not delivered took.
  void used(const ChatReply& reply, const std::optional<Price>& price);
  /// Its reply names a request id or limits: worth keeping even of a call that was answered at once.
  bool announces() const { return !ids_.empty() || !limits_.empty(); }

  /// A JSON object, not yet redacted.
  std::string text(const TryFacts& facts) const;
  /// Only what the reply announces: of a call that was answered at once the rest is not worth its bytes.
  std::string announced() const;

 private:
  std::optional<SteadyTime> queued_, admitted_;
  std::optional<Timings> times_;
  std::vector<Header> ids_, limits_;
  std::size_t bytes_out_ = 0, bytes_in_ = 0;
  std::optional<TokenUsage> usage_;
  std::optional<Pico> cost_;
};

}  // namespace assay
