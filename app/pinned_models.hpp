#pragma once
// What a batch keeps of its models against models.yaml as it is now: said at `run_n`, taken anew with
// `set models=refresh`. Specs: models.md 1.

#include <functional>
#include <string>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/settings.hpp"
#include "runners/llm/names.hpp"

namespace assay {

/// models: keep or refresh.
std::vector<SettingSpec> pinned_settings();

/// Calls `visit` for every model entry that a batch keeps, under whatever name its kind keeps it: "model", "judge", ..
void each_pinned_model(const BatchInfo& batch,
                       const std::function<void(const std::string& name, const Json& entry)>& visit);

/// Tells a line for each kept entry that differs from the configuration. `refresh`: takes the new ones into `batches`,
/// and `keep`s them in the experiment.
void take_changes(const ModelRegistry& models, bool refresh, std::vector<BatchInfo>& batches,
                  const std::function<void(const std::string& line)>& tell,
                  const std::function<void(BatchId, const Json& pinned)>& keep);

}  // namespace assay
