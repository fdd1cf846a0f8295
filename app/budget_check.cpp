#include "app/budget_check.hpp"

#include <algorithm>

#include "app/pinned_models.hpp"
#include "core/text/error.hpp"

namespace assay {
void check_priced(const Budget& budget, const ModelRegistry& models, const std::vector<BatchInfo>& batches) {
  if (!budget.any_cap()) return;
  std::vector<std::string> unpriced;
  for (const BatchInfo& batch : batches) {
    const auto check = [&](const ModelEntry& entry) {
      const bool known = std::find(unpriced.begin(), unpriced.end(), entry.name) != unpriced.end();
      if (!entry.price && !known && budget.covers(batch.id, entry.name)) unpriced.push_back(entry.name);
    };
    each_pinned_model(batch, [&](const std::string&, const Json& value) {
      const ModelHandle entry = models.callable_pinned(value);
      check(*entry);
      for (const ModelHandle& fallback : entry->fallback_entries) check(*fallback);
    });
  }
  if (!unpriced.empty()) throw Error("unpriced", unpriced_line(unpriced));
}

}  // namespace assay
