#pragma once
// Money: prices per token in pico-USD, the cost of a reply, the bound of a call. Specs: models.md 6.1, 6.2.
// Pure functions: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "core/text/json.hpp"
#include "runners/llm/reply.hpp"
#include "runners/llm/request.hpp"

namespace assay {

/// Pico-USD per token (USD per million tokens x 10^6). `batch` in millionths.
struct Price {
  Pico in = 0, out = 0;
  std::optional<Pico> cached, cache_write, reasoning;
  Pico request = 0;
  std::int64_t batch_millionths = 1'000'000;
  std::string as_of;
};

/// From {"in","out","cached","cache_write","reasoning","request","batch","as_of","currency"} in USD per million tokens
/// (`request`: USD). Throws Error "bad_request": a negative, more than 6 decimals, another currency, an unknown key.
Price price_from_json(const Json& value);
Json to_json(const Price& price);

/// (in - cached - cache_write) p_in + cached p_cached + cache_write p_cache_write + (out - reasoning) p_out
/// + reasoning p_reasoning + p_request; parts larger than their whole are clipped, `billed_*` replace in and out;
/// in the batch lane x batch, rounded half to even. Saturates.
Pico cost_of(const Usage& usage, const Price& price, bool batch = false);

/// No byte-level vocabulary makes more tokens of it: UTF-8 bytes + 16 per message + 64 + `image_tokens` per image.
std::int64_t upper_bound_tokens(const std::vector<Message>& messages, std::int64_t image_tokens = 3000);

/// What a call can cost at most; nullopt when its output is unbounded.
std::optional<Pico> cost_bound(const ChatRequest& request, const Price& price, std::optional<std::int64_t> max_output,
                               std::int64_t image_tokens = 3000);

/// What a person is told of models without a price under a budget, with the line to write.
std::string unpriced_line(const std::vector<std::string>& models);

}  // namespace assay
