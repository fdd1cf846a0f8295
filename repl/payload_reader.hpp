#pragma once
// Payloads for queries, read from the store in pages. Any thread.

#include "core/engine/experiment.hpp"
#include "core/query/payload.hpp"

namespace assay {

class StorePayloads final : public PayloadSource {
 public:
  explicit StorePayloads(Experiment& experiment) : experiment_(experiment) {}
  void visit(const std::vector<RunId>& runs, const PayloadParts& parts,
             const std::function<bool(RunId, const QueryPayload&)>& each) override;

 private:
  Experiment& experiment_;
};

}  // namespace assay
