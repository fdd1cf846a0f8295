#pragma once
// What a lane needs to know of one call: before it goes, how heavy it is and whose it is; afterwards, how it ended.
// Values; any thread. Specs: models.md 4.1, 4.4.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "runners/llm/errors.hpp"
#include "runners/llm/hints.hpp"
#include "runners/llm/reply.hpp"
#include "runners/llm/request.hpp"

namespace assay {

/// How a provider counts tokens at admission (models.md 4.1).
enum class TokenRule : std::uint8_t {
  expected,   // estimated input + expected output
  larger,     // openai: the larger of estimated input and max_tokens
  promised,   // azure: estimated input + max_tokens
  separately  // anthropic: input and output have limits of their own
};
TokenRule token_rule_of(std::string_view provider_type);

/// A call's size before it is sent. `bytes`: of its text; `image_tokens`: of its images, all together.
struct CallSize {
  std::int64_t bytes = 0, image_tokens = 0;
  std::int64_t max_tokens = 0;  // 0: not bounded
  TokenRule rule = TokenRule::expected;
};

/// `max_tokens`: the bound in force, 0 none; `image_tokens`: what one image is taken for.
CallSize call_size(const ChatRequest& request, std::int64_t max_tokens, std::int64_t image_tokens,
                   std::string_view provider_type);

/// Tokens a call takes from its lane's buckets. `all` for a common limit, `in` and `out` for separate ones.
struct TokenWeight {
  double all = 0, in = 0, out = 0;
};

/// Whose a call is: jobs are served in turn; within a job retries first, then runs already begun, then new ones.
struct CallPlace {
  std::uint64_t job = 0;
  enum class Rank : std::uint8_t { retry, begun, fresh } rank = Rank::fresh;
};

/// How a call that was admitted ended.
struct CallEnd {
  enum class Kind : std::uint8_t {
    answered,
    rejected,  // 429 and its kin: the lane learns from it
    other      // anything else: the place is given back
  } kind = Kind::other;
  std::string sub;               // of a rejection: "concurrency", "tpm", ..
  std::optional<WaitHint> hint;  // of a rejection
  std::optional<std::int64_t> tokens_in, tokens_out, cached_in;
  std::vector<LimitHeader> limits;  // announced by the reply
};

/// `body`: looked into for the hint of a refusal. `wall_s`: Unix seconds.
CallEnd call_end(const tl::expected<ChatReply, CallError>& outcome, std::string_view provider,
                 const std::vector<Header>& headers, std::string_view body, double wall_s);

/// A pause that a rejection has begun or lengthened: to be recorded before anybody starts to wait.
struct LanePause {
  std::chrono::milliseconds duration{0};
  std::string source;  // "retry-after 7"; "" : without a hint
};

}  // namespace assay
