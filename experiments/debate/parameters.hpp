#pragma once
// The parameters of `debate`, as the shell lists and checks them. Specs: debate.md 1.

#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

std::vector<Parameter> debate_parameters();
/// Those that `evaluate` may change: how replies are read, put together and compared; `round`, `rule`, `as_score`.
std::vector<Parameter> debate_scoring_parameters();

/// The parameters that name prompts, and what each names under a protocol when nothing is given; "" : none is needed.
struct PromptParameter {
  std::string name, protocol, shipped;
};
const std::vector<PromptParameter>& prompt_parameters();

/// The parameters of a load, resolved: compat's values and the protocol's defaults filled in where nothing was given.
/// `max_tokens` stays out where it was not given. Throws Error "usage" with everything that is unknown, out of range or
/// contradictory, in one message.
Json resolve_debate(const ParameterTexts& given);

/// How replies are read and put together, of a batch with so many agents: what `evaluate` may have changed. Throws
/// Error "usage" with everything that does not fit.
void check_reading(const Json& params, std::size_t agents);

/// What a saved run needs to go on elsewhere: the parameters that differ from the defaults, without those that only say
/// how the file was read.
Json debate_run_parameters(const Json& resolved);

}  // namespace assay
