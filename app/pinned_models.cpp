#include "app/pinned_models.hpp"

#include <algorithm>

#include "core/text/error.hpp"

namespace assay {
namespace {

bool is_entry(const Json& value) { return value.is_object() && value.contains("provider") && value.contains("model"); }

}  // namespace

std::vector<SettingSpec> pinned_settings() {
  return {{"models", "keep",
           "what a batch does when models.yaml has changed since its load: keep what it has, or refresh at run_n",
           [](const std::string& text) {
             if (text != "keep" && text != "refresh")
               throw Error("usage", "models is keep or refresh, not \"" + text + "\"");
           }}};
}

void each_pinned_model(const BatchInfo& batch,
                       const std::function<void(const std::string& name, const Json& entry)>& visit) {
  if (!batch.pinned.is_object()) return;
  for (const auto& [name, value] : batch.pinned.items()) {
    if (is_entry(value)) visit(name, value);
  }
}

void take_changes(const ModelRegistry& models, bool refresh, std::vector<BatchInfo>& batches,
                  const std::function<void(const std::string& line)>& tell,
                  const std::function<void(BatchId, const Json& pinned)>& keep) {
  std::vector<std::string> told;  // batches of one load would say the same
  for (BatchInfo& batch : batches) {
    Json taken = batch.pinned;
    each_pinned_model(batch, [&](const std::string& name, const Json& entry) {
      const std::string model = entry.value("name", std::string());
      std::vector<EntryDifference> changes;
      try {
        changes = models.changes(entry);
        if (!changes.empty() && refresh && changes.front().field != "alias")
          taken[name] = to_json(*models.entry(model));
      } catch (const Error& error) {  // its alias or provider is gone: the batch still has what it needs
        changes.clear();
        if (refresh) tell(model + ": " + error.what() + "; batch " + batch.name + " keeps what it has");
      }
      if (!changes.empty() && changes.front().field == "alias") {
        tell(model + " is no longer in models.yaml; batch " + batch.name + " keeps what it has");
        return;
      }
      std::string line = refresh ? difference_words(model, changes) : difference_line(model, changes);
      if (line.empty()) return;
      if (refresh) line += "; batch " + batch.name + " takes it (models=refresh)";
      if (std::find(told.begin(), told.end(), line) != told.end()) return;
      told.push_back(line);
      tell(line);
    });
    if (taken == batch.pinned) continue;
    keep(batch.id, taken);
    batch.pinned = std::move(taken);
  }
}

}  // namespace assay
