#pragma once
// One reply for all providers. Values; any thread. Specs: models.md 2.1.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/call.hpp"

namespace assay {

/// Why the text ended. `error` never reaches a runner.
enum class Stop : std::uint8_t { stop, max_tokens, model_length, tool_calls, content_filter, refusal, error, unknown };
std::string_view to_text(Stop stop);

struct Flags {
  bool truncated = false, filtered = false, refused = false, empty = false, utf8_repaired = false, fallback = false,
       hedged = false;
  std::vector<std::string> names() const;  ///< sorted
};

/// Tokens as all of assay counts them, what was billed where the provider says so, and the cost it told.
struct Usage : TokenUsage {
  std::optional<std::int64_t> billed_in, billed_out;
  std::optional<Pico> told_cost;
};

struct TokenLogprob {
  std::string token;
  double logprob = 0;
  std::vector<std::pair<std::string, double>> top;
};

enum class ReplySource : std::uint8_t { live, replay, cache };

struct ChatReply {
  std::string text, reasoning, model, provider, id;
  Stop stop = Stop::unknown;
  Flags flags;
  std::optional<Usage> usage;
  std::vector<TokenLogprob> logprobs;
  std::vector<TokenLogprob> prompt_logprobs;  // of the request's own tokens, where asked for and told; the first is 0
  Pico cost = 0;
  bool priced = false;
  ReplySource source = ReplySource::live;
  std::vector<TryRecord> tries;      // of a live call, the answered one last
  std::uint32_t sent = 0;            // how often the request went out; 0: an answer from the cache
  std::vector<std::string> dropped;  // parameters the provider cannot express, sorted

  /// Sets flags that follow from text and stop.
  void set_flags();
};

}  // namespace assay
