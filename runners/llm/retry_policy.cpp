#include "runners/llm/retry_policy.hpp"

#include <algorithm>
#include <cmath>

namespace assay {

using std::chrono::milliseconds;

RetryRule default_retry_rule(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::rate_limit:
      return {0, milliseconds(500), milliseconds(60'000)};
    case ErrorKind::overloaded:
      return {8, milliseconds(2'000), milliseconds(120'000)};
    case ErrorKind::server:
      return {6, milliseconds(500), milliseconds(60'000)};
    case ErrorKind::network:
      return {6, milliseconds(500), milliseconds(30'000)};
    case ErrorKind::timeout:
      return {3, milliseconds(500), milliseconds(30'000)};
    case ErrorKind::bad_response:
      return {2, milliseconds(500), milliseconds(30'000)};
    case ErrorKind::empty:
      return {2, milliseconds(0), milliseconds(0)};
    default:
      return {1, milliseconds(0), milliseconds(0)};
  }
}

bool never_retried(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::bad_request:
    case ErrorKind::too_large:
    case ErrorKind::secret:
    case ErrorKind::unpriced:
    case ErrorKind::budget:
    case ErrorKind::cancelled:
    case ErrorKind::replay_missing:
    case ErrorKind::no_key:
      return true;
    default:
      return false;
  }
}

milliseconds backoff_bound(const RetryRule& rule, std::uint32_t retry_index) {
  if (rule.base.count() == 0) return milliseconds(0);
  // 2^40 ms is 35 years: beyond any cap.
  const double bound = static_cast<double>(rule.base.count()) * std::exp2(std::min<std::uint32_t>(retry_index, 40));
  return milliseconds(static_cast<std::int64_t>(std::min(bound, static_cast<double>(rule.cap.count()))));
}

RetryAnswer decide_retry(const RetryQuestion& question, RandomStream& random) {
  RetryAnswer answer;
  if (never_retried(question.kind)) return answer;
  if (question.ambiguous && !question.retry_ambiguous) return answer;
  if (question.should_retry == false) return answer;

  const std::uint32_t k = question.failures_of_kind - 1;
  bool allowed = question.rule.tries == 0 || question.failures_of_kind < question.rule.tries;
  if (question.kind == ErrorKind::auth && question.http_status == 401 && question.key_has_worked &&
      question.failures_of_kind == 1) {
    answer.retry = true;
    answer.wait = milliseconds(1'000);
    return answer;
  }
  if (question.should_retry == true && question.failures_of_kind <= 1 &&
      (question.http_status == 408 || question.http_status == 409 || question.http_status == 429 ||
       question.http_status >= 500) &&
      question.kind != ErrorKind::quota) {
    allowed = true;
  }
  if (!allowed) return answer;
  answer.retry = true;

  const double bound = static_cast<double>(backoff_bound(question.rule, k).count());
  double wait_ms = random.uniform() * bound;
  if (question.hint) {
    const double hinted = std::min(question.hint->wait_ms, 24 * 3600e3);
    const double jitter = random.uniform() * std::min(1'000.0, hinted * 0.1);
    // A hint is a lower bound for this request; where there is one, it takes the place of the back-off.
    wait_ms = hinted + jitter;
    if (question.kind == ErrorKind::rate_limit ||
        question.hint->wait_ms > static_cast<double>(question.max_hint.count())) {
      answer.pause_lane = milliseconds(static_cast<std::int64_t>(std::ceil(hinted)));
    }
  }
  answer.wait = milliseconds(static_cast<std::int64_t>(std::ceil(wait_ms)));
  return answer;
}

}  // namespace assay
