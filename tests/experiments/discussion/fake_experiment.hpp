#pragma once
// Several batches in memory that know each other, as reports see them.

#include <memory>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"

namespace assay::test {

class FakeExperiment final : public ExperimentView {
 public:
  /// The batch's number; ids of batches and runs are given here.
  BatchId add(BatchInfo info, std::vector<NewRun> runs) {
    info.id = static_cast<BatchId>(batches_.size());
    info.count = static_cast<std::uint32_t>(runs.size());
    batches_.emplace_back(std::move(info), std::move(runs));
    return batches_.back().first.id;
  }
  std::vector<NewRun>& runs(BatchId batch) { return batches_.at(batch).second; }

  std::vector<BatchInfo> batches() const override {
    std::vector<BatchInfo> infos;
    for (const auto& [info, runs] : batches_) infos.push_back(info);
    return infos;
  }
  std::unique_ptr<BatchView> view(BatchId batch) const override { return std::make_unique<View>(*this, batch); }

 private:
  class View final : public BatchView {
   public:
    View(const FakeExperiment& all, BatchId batch) : all_(all), batch_(batch) {}
    const BatchInfo& info() const override { return all_.batches_.at(batch_).first; }
    std::uint32_t size() const override { return info().count; }
    const ExperimentView* experiment() const override { return &all_; }
    void each(bool, const std::function<void(const RunView&)>& visit) const override {
      RunId id = 0;
      for (const NewRun& run : all_.batches_.at(batch_).second) {
        RunView view;
        view.id = id++;
        view.run_id = run.id;
        view.status = run.status;
        view.score = run.score;
        view.error = run.error;
        view.data = run.data;
        view.answer = run.answer;
        view.context = run.context;
        view.usage = run.usage;
        visit(view);
      }
    }

   private:
    const FakeExperiment& all_;
    const BatchId batch_;
  };

  std::vector<std::pair<BatchInfo, std::vector<NewRun>>> batches_;
};

}  // namespace assay::test
