#pragma once
// What discussions and their annotation would take before they run: from fewest to most. Specs: discussion.md 12. Pure
// functions: any thread.
//
// A text of n code points counts as ceil(n/4) tokens. A comment or reply is taken for 71 tokens at least (the 53.5
// words of a published comment) and for max_tokens at most; an annotator's for 10. What is known (system messages,
// openings, the comments that are judged) counts as it is.

#include <cstdint>
#include <optional>
#include <string>

#include "core/text/json.hpp"
#include "experiments/discussion/speakers.hpp"
#include "runners/llm/prices.hpp"

namespace assay {

struct EstimateBounds {
  std::uint64_t low = 0, high = 0;
  EstimateBounds& operator+=(const EstimateBounds& other);
};

struct CallEstimate {
  EstimateBounds calls, input_tokens, output_tokens;
  CallEstimate& operator+=(const CallEstimate& other);
};

/// By the model that is asked.
struct DiscussionEstimate {
  CallEstimate user, moderator, selector;
  std::uint64_t longest_input = 0;  ///< tokens of the longest prompt, at the high end
  bool bounded = true;              ///< false: max_tokens is not set, kAssumedReply was taken for it
  CallEstimate all() const;
  DiscussionEstimate& operator+=(const DiscussionEstimate& other);
};

inline constexpr std::uint64_t kShortReply = 71, kShortAnnotation = 10, kAssumedReply = 4096;

/// What is left of a discussion of which `turns_done` turns are there already. With a condition that ends it early one
/// more turn is all that is sure.
DiscussionEstimate estimate_discussion(const DiscussionParts& parts, std::uint32_t turns_done = 0);

/// nullopt: unknown.
struct EstimatePrices {
  std::optional<Price> user, moderator, selector;
};
/// Of a batch's pinned models ("model", "mod_model", "selector_model"); whoever is not named is the first.
EstimatePrices prices_of(const Json& pinned);
/// Low and high in pico-USD; nullopt when a price of what would be asked is not known.
std::optional<std::pair<Pico, Pico>> estimated_cost(const DiscussionEstimate& estimate, const EstimatePrices& prices);

/// {"calls":[low,high],"input_tokens":..,"output_tokens":..,"usd":[low,high] or null}.
Json to_json(const DiscussionEstimate& estimate, const EstimatePrices& prices);
/// "estimate: 40 to 80 calls, 31,000 to 212,000 tokens in, 2,840 to 40,960 out, $0.0123 to $0.35". `left`: of the
/// budget; a second sentence says so when the low end is above it.
std::string estimate_line(const DiscussionEstimate& estimate, const EstimatePrices& prices,
                          std::optional<Pico> left = std::nullopt);

}  // namespace assay
