#pragma once
// The comparisons and judgements of a task as its answer holds them (record.hpp), read and read again from what was
// said. Specs: peer_prediction.md 3, 5.2. Pure functions: any thread.

#include <optional>
#include <string>

#include "core/model/run.hpp"
#include "experiments/peer_prediction/settings.hpp"
#include "runners/llm/client.hpp"

namespace assay {

/// An entry without a result yet; agents from 0. Of critics: {"agent_pair","distribution","partner","result","status"},
/// of judges {"agent_pair","context","result","status"}. `status`: why there is none, or "" until it is known.
Json comparison_entry(std::size_t i, std::size_t j, const char* distribution, const std::optional<std::string>& partner,
                      const std::string& status);
Json judgement_entry(std::size_t i, std::size_t j, const char* context, const std::string& status);
/// Of a critic or judge without a model: status "exact", or "no_response" for NaN (a text it doesn't know).
void set_result(Json& entry, double result);
/// What was said: "raw", then where they say something "stop_reason", "refused", "alternatives" (tokens with their
/// log-probabilities where the label begins); or "error" with status "error".
void set_reply(const PeerSettings& settings, Json& entry, const tl::expected<ChatReply, CallError>& reply);

/// Status and result from "raw", in comparisons and judgements of a run. Entries without one stay as they are; so do
/// recorded ones but those of our own form.
void read_again(const PeerSettings& settings, Run& run);

}  // namespace assay
