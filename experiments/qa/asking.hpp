#pragma once
// What every kind needs that asks a model the questions of qa: what the built-in model may know, which repeat a run is,
// the parameters of the request. Pure, but StepRandom: the thread of its Step.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/step.hpp"
#include "experiments/qa/item.hpp"
#include "runners/llm/request.hpp"
#include "runners/prompt/random_source.hpp"

namespace assay {

/// The right answer and the others, for the built-in model alone; nullopt without a gold answer.
std::optional<Hint> hint_of(const Item& item);

/// The repeat of an item that a run is: K - 1 of "ID@K"; 0 when it is not repeated.
std::int64_t repeat_of(const std::string& run_id, const Item& item);

/// The stop words of a parameter: one text, or a JSON list of them. Throws Error "usage", "json".
std::vector<std::string> stop_words(const Json& params);

/// temperature, top_p, max_tokens, seed_model and stop_words of resolved parameters.
ChatParams chat_params(const Json& params);

/// The run's own recorded stream.
class StepRandom final : public RandomSource {
 public:
  explicit StepRandom(Step& step) : step_(step) {}
  std::uint64_t next() override { return step_.random(); }

 private:
  Step& step_;
};

}  // namespace assay
