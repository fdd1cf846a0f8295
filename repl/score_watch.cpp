#include "repl/score_watch.hpp"

#include <utility>

#include "core/statistics/sequences.hpp"

namespace assay {

ScoreWatch::ScoreWatch(const RunTable& table, std::vector<RunId> order, double width)
    : table_(table), width_(width), order_(std::move(order)) {
  const RunTable::Reader reader = table_.read();
  for (const RunId run : order_) {
    const RunRow& row = reader.row(run);
    if (row.status == Status::fail) failed_before_.emplace(run, row.ended_at);
  }
}

void ScoreWatch::take_in() {
  const RunTable::Reader reader = table_.read();
  while (next_ < order_.size()) {
    const RunId run = order_[next_];
    const RunRow& row = reader.row(run);
    if (reader.visible(run)) {
      if (row.in_flight || (row.status != Status::complete && row.status != Status::fail)) return;
      if (row.status == Status::fail) {
        const auto before = failed_before_.find(run);
        if (before != failed_before_.end() && before->second == row.ended_at) return;
      }
      if (row.status == Status::complete && row.verdict != Verdict::none) {
        ++scored_;
        correct_ += row.verdict == Verdict::correct ? 1 : 0;
      } else {
        ++missing_;
      }
    }
    ++next_;
  }
}

Figure ScoreWatch::look() {
  const std::lock_guard lock(mutex_);
  take_in();
  return confidence_sequence_binary(correct_, scored_, missing_);
}

bool ScoreWatch::narrow_enough() {
  const std::lock_guard lock(mutex_);
  if (enough_ || width_ <= 0) return enough_;
  const std::size_t seen = next_;
  take_in();
  if (next_ == seen) return false;
  const Figure figure = confidence_sequence_binary(correct_, scored_, missing_);
  return enough_ = figure.high - figure.low < width_;
}

void ScoreWatch::close() {
  const std::lock_guard lock(mutex_);
  take_in();
  order_ = {};
  next_ = 0;
  failed_before_.clear();
}

}  // namespace assay
