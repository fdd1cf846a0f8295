#pragma once
// The providers that are built in, presets included: one row each, and nothing of them anywhere else but in providers/.
// Specs: models.md 1. Constant tables and pure functions: any thread.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"
#include "runners/llm/environment.hpp"
#include "runners/llm/model_fields.hpp"

namespace assay {

struct ProviderRow {
  const char *name, *type;
  const char* base_url;             // "" : none, or from the environment only
  std::array<const char*, 3> keys;  // variables, first set wins
  bool key_needed;
  std::array<const char*, 2> base_env;  // variables with the address, first set wins
  bool free;                            // priced at 0 unless a price is given
};

/// nullptr: not built in. `name` in lower case.
const ProviderRow* find_provider_row(std::string_view name);
/// Names of all rows, sorted; and the types among them, in the order of the table.
std::vector<std::string> provider_names();
const std::vector<std::string>& provider_types();
/// Whether models of that type cost nothing unless a price is given.
bool is_free_type(std::string_view type);

/// What the row says, as the lowest layer of a model's fields.
FieldMap built_in_fields(const ProviderRow& row);
/// What the environment says of the provider's fields (addresses, versions, ids; keys are found by their names).
/// `row` null: a provider of one's own, of which it says nothing but where TLS roots are.
FieldMap environment_fields(const ProviderRow* row, const EnvironmentLookup& environment);

/// Fills url, address, endpoint and path from type, base_url, api and model. Throws Error "bad_request".
void set_address(ModelEntry& entry);

/// A mapping `sim:` as "?key=value&..", checked. Throws FieldFault.
std::string sim_query(const Json& sim);

}  // namespace assay
