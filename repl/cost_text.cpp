#include "repl/cost_text.hpp"

#include <algorithm>

#include "core/text/duration.hpp"

namespace assay {

bool has_unpriced_model(const BatchInfo& batch) {
  if (!batch.pinned.is_object()) return false;
  return std::any_of(batch.pinned.begin(), batch.pinned.end(), [](const Json& entry) {
    if (!entry.is_object() || !entry.contains("provider") || !entry.contains("model")) return false;
    const auto price = entry.find("price");
    return price == entry.end() || price->is_null();
  });
}

std::string cost_text(Pico cost, bool unpriced) {
  if (!unpriced) return format_usd(cost);
  return cost == 0 ? "?" : format_usd(cost) + " + ?";
}

}  // namespace assay
