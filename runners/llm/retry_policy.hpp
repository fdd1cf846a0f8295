#pragma once
// Whether a failed try is followed by another, and after how long. Specs: models.md 3.2, 3.3.
// Pure functions: any thread.

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/engine/clock.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/hints.hpp"

namespace assay {

struct RetryRule {
  std::uint32_t tries = 1;  // in all; 0: no count, within `total`
  std::chrono::milliseconds base{0}, cap{0};
};
/// The table of models.md 3.2.
RetryRule default_retry_rule(ErrorKind kind);
/// Kinds for which no setting allows a second try.
bool never_retried(ErrorKind kind);

/// Full jitter: U(0, min(cap, base 2^k)), k from 0 (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015).
std::chrono::milliseconds backoff_bound(const RetryRule& rule, std::uint32_t retry_index);

struct RetryQuestion {
  ErrorKind kind = ErrorKind::server;
  std::uint32_t failures_of_kind = 1;  // this one included
  RetryRule rule;
  int http_status = 0;
  std::optional<bool> should_retry;  // header x-should-retry
  bool ambiguous = false, retry_ambiguous = true;
  bool key_has_worked = false;  // 401 only
  std::optional<WaitHint> hint;
  std::chrono::milliseconds max_hint{600'000};
};
struct RetryAnswer {
  bool retry = false;
  std::chrono::milliseconds wait{0};
  /// The whole lane waits (a rate limit's hint), at most 24 h.
  std::optional<std::chrono::milliseconds> pause_lane;
};
RetryAnswer decide_retry(const RetryQuestion& question, RandomStream& random);

}  // namespace assay
