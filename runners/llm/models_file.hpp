#pragma once
// models.yaml: the names, providers, defaults and prices a person writes down. A file with one mistake is refused
// whole, with its line, the key and the nearest valid one; no message shows a value that may be a key. Specs: models.md
// 1. Pure apart from the files: any thread.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runners/llm/environment.hpp"
#include "runners/llm/model_fields.hpp"

namespace assay {

/// What the files say, nearest first, key by key. Values are checked; addresses and keys are not looked at yet.
struct ModelsConfig {
  std::map<std::string, FieldMap, std::less<>> providers;   // names in lower case
  std::map<std::string, FieldMap, std::less<>> models;      // by alias
  std::map<std::string, std::string, std::less<>> places;   // of the aliases: "models.yaml:12"
  std::map<std::string, FieldValue, std::less<>> prices;    // by pattern of PROVIDER/MODEL, `*` any characters
  std::map<std::string, FieldValue, std::less<>> imported;  // prices of an imported list, by the same
  std::string default_model, default_origin;
};

/// One file's text. `place` names it in messages; relative paths in it (path, key_file, ca_file) begin at `folder`
/// ("" : as written). Bounds: 1 MiB, depth 20, 100 aliases. Throws Error "models" or "yaml" with place
/// "PLACE:LINE:COLUMN".
ModelsConfig parse_models_text(std::string_view text, const std::string& place, const std::string& folder = {});

/// Puts `nearer` over `farther`.
void put_over(ModelsConfig& farther, const ModelsConfig& nearer);

/// What one file alone can't know: aliases that are extended, named as fallbacks or default exist; providers are known;
/// nothing extends itself. Throws Error "models" with the place.
void check_references(const ModelsConfig& config);

/// Where files are looked for, nearest first: DIRECTORY/models.yaml, $ASSAY_MODELS, $XDG_CONFIG_HOME/assay/models.yaml
/// (~/.config when not set).
std::vector<std::string> models_paths(const EnvironmentLookup& environment, const std::string& directory);

/// All of them, merged and checked, with the imported prices. Those that are absent are passed over, but for
/// $ASSAY_MODELS.
ModelsConfig load_models(const EnvironmentLookup& environment, const std::string& directory);

/// The fields of an alias with all that it extends below. Throws Error "not_found".
FieldMap alias_fields(const ModelsConfig& config, std::string_view alias);

/// The price of the longest pattern that matches PROVIDER/MODEL; nullptr: none.
const FieldValue* find_price(const std::map<std::string, FieldValue, std::less<>>& prices, std::string_view name);

}  // namespace assay
