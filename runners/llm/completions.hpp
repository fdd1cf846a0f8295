#pragma once
// Text completions: a model's endpoint that goes on with a text, beside the one for chats. Which of them is asked, the
// entry's address says. Source: OpenAI API reference, "Completions". Pure: any thread.

#include "runners/llm/model_entry.hpp"

namespace assay {

/// Whether requests for this entry go to .../completions, not to .../chat/completions.
bool takes_completions(const ModelEntry& entry);

/// The same model at the endpoint for text completions: without fallbacks, which are asked as chats. Throws Error
/// "unsupported" when its provider is not known to have one.
ModelHandle completions_of(const ModelEntry& entry);

}  // namespace assay
