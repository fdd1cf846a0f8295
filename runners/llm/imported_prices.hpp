#pragma once
// A price map of litellm's shape as a list of one's own, which answers for models that neither an alias nor a pattern
// prices. Specs: models.md 6.1. Pure apart from the files: any thread.

#include <cstddef>
#include <map>
#include <string>

#include "core/text/json.hpp"
#include "runners/llm/environment.hpp"
#include "runners/llm/model_fields.hpp"

namespace assay {

struct ImportedPrices {
  std::map<std::string, FieldValue, std::less<>> prices;  // PROVIDER/MODEL -> {in, out, ..}, USD per million tokens
  std::size_t skipped = 0;  // of providers that are not built in, no chat models, no prices, more than 6 decimals
};

/// {"gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-6, ..}, ..}; the names of
/// fields and providers are recalled. Throws Error "models" when it is nothing of that kind.
ImportedPrices prices_from_litellm(const Json& map, const std::string& origin);

/// $XDG_CONFIG_HOME/assay/prices.json; "" when there is no such folder to be had.
std::string imported_prices_path(const EnvironmentLookup& environment);
/// Reads a price map from `file` and puts it at `path` in place of what was there. Throws Error.
ImportedPrices import_prices(const std::string& file, const std::string& path);
/// What import_prices wrote; empty when there is none. Throws Error "models", "json" or "file".
std::map<std::string, FieldValue, std::less<>> read_imported_prices(const std::string& path);

}  // namespace assay
