#pragma once
// One recorded model call, as the ledger keeps it and as `calls` shows it. Core knows its bytes, sizes and money, not
// what they mean. Specs: models.md 5, reliability.md 1.3 and 2.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/ids.hpp"
#include "core/text/hash.hpp"

namespace assay {

/// in_file: it stands in a file of calls (call_files.hpp) and is never sent; `lane` names the file. refused: such a
/// file brought it back with an error that no second try mends: what is recorded is its result, as that of `answered`
/// is.
enum class CallState : std::uint8_t { sent, answered, failed, in_file, refused };
/// Why the outcome, or the bill, of a call is not known. crash: it was in flight when the program ended; ambiguous: a
/// try failed in a way that may have been executed (reset, cut, time-out after sending); damaged: its record is.
enum class CallDoubt : std::uint8_t { none, crash, ambiguous, damaged };

std::string_view to_text(CallState state);
std::string_view to_text(CallDoubt doubt);

/// Tokens, null where the provider did not say. `cached` and `cache_write` are parts of `in`, `reasoning` of `out`.
struct TokenUsage {
  std::optional<std::int64_t> in, cached, cache_write, out, reasoning;
};

/// What one sending of a call came to. Stored for every try; `kind` is empty for the one that was answered.
/// `details`: what else there is to say of it (models.md 3.7), the text of a JSON object; "" where that is nothing, as
/// for most calls that are answered at once. Members, each only where it is known: "target", "queued_at" and
/// "admitted_at" (UTC microseconds), "sent_ms", "first_byte_ms" and "done_ms" (since it was admitted), "connection"
/// ("new", "reused"), "bytes_out", "bytes_in", "code", "by_text", "hint" {"source","raw","ms"}, "request_ids" and
/// "limit_headers" (name: value), "usage" {"in","cached",..}, "cost_usd", "left_out" (parameters the target refused).
struct TryRecord {
  std::uint32_t number = 1;  // from 1
  WallTime sent_at = 0, ended_at = 0;
  int http_status = 0;  // 0: no reply
  std::string kind, sub, message;
  std::int64_t wait_ms = 0;  // chosen before the next try
  bool ambiguous = false;    // may have been executed and billed
  std::string details = {};  // a CallRecord that was read has only an answered try's
};

struct CallRecord {
  CallId id = 0;
  RunId run = kNoRun;
  std::uint32_t attempt = 0, step = 0;  // step: 0 setup, K step K, kEvaluateStep evaluate
  std::string key;                      // its place in the step: "", "agent/2", "judge"
  std::uint32_t number = 1;             // from 1; a request that differs at a recorded place gets the next
  CallState state = CallState::sent;
  CallDoubt doubt = CallDoubt::none;
  Hash128 request_hash;
  std::string model, lane;  // as shown; lane: whose limits it falls under (variable's name, base address, model)
  TryRecord last_try;       // last_try.number = tries so far
  TokenUsage usage;
  Pico reserved = 0, cost = 0, possible = 0;
  bool priced = false, imported = false;
  bool from_cache = false;  // an answer of an earlier call: nothing was sent, no try was made
  Pico saved = 0;           // what that answer cost when it was paid for
};

inline constexpr std::uint32_t kEvaluateStep = 0x7FFFFFFF;

}  // namespace assay
