#pragma once
// A batch in memory, as a report sees one.

#include <map>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

class FakeBatch final : public BatchView {
 public:
  FakeBatch(BatchInfo info, std::vector<NewRun> runs) : info_(std::move(info)), runs_(std::move(runs)) {}
  explicit FakeBatch(LoadedBatch loaded) : FakeBatch(std::move(loaded.info), std::move(loaded.runs)) {}

  const BatchInfo& info() const override { return info_; }
  std::uint32_t size() const override { return static_cast<std::uint32_t>(runs_.size()); }
  void each(bool, const std::function<void(const RunView&)>& visit) const override {
    RunId id = 0;
    for (const NewRun& run : runs_) {
      visit({id++, run.id, run.status, run.score, run.error, run.data, run.answer, run.context, run.usage, 0});
    }
  }

  std::vector<CallRecord> calls(RunId run) const override {
    const auto found = calls_.find(run);
    return found == calls_.end() ? std::vector<CallRecord>() : found->second;
  }

  BatchInfo& mutable_info() { return info_; }
  std::vector<NewRun>& runs() { return runs_; }
  const std::vector<NewRun>& all() const { return runs_; }
  std::vector<CallRecord>& calls_of(RunId run) { return calls_[run]; }

 private:
  BatchInfo info_;
  std::vector<NewRun> runs_;
  std::map<RunId, std::vector<CallRecord>> calls_;
};

}  // namespace assay
