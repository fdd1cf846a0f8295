#pragma once
// Payloads for queries, read from the store in pages. Any thread.

#include "core/engine/experiment.hpp"
#include "core/query/payload.hpp"

namespace assay {

/// Told now and then how far a long reading is; may throw to end it.
using Advance = std::function<void(std::size_t done, std::size_t all)>;

class StorePayloads final : public PayloadSource {
 public:
  explicit StorePayloads(Experiment& experiment, Advance advance = {})
      : experiment_(experiment), advance_(std::move(advance)) {}
  void visit(const std::vector<RunId>& runs, const PayloadParts& parts,
             const std::function<bool(RunId, const QueryPayload&)>& each) override;
  bool with_column(const ValuePath& path, const std::vector<RunId>& runs,
                   const std::function<void(const ValueColumn&)>& use) override {
    return experiment_.columns().use(path, runs, *this, use);
  }

 private:
  Experiment& experiment_;
  const Advance advance_;
};

}  // namespace assay
