#pragma once
// What the reports on questions have in common, of whatever kind. One thread.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/statistics/figure.hpp"
#include "experiments/qa/tally.hpp"

namespace assay {

/// Counts in order of first appearance.
template <typename Value>
class Ordered {
 public:
  Value& operator[](const std::string& name) {
    const auto [at, fresh] = index_.try_emplace(name, entries_.size());
    if (fresh) entries_.emplace_back(name, Value{});
    return entries_[at->second].second;
  }
  /// Of a name that is there, from 0.
  std::size_t position(const std::string& name) const { return index_.at(name); }
  const std::vector<std::pair<std::string, Value>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, Value>> entries_;
  std::map<std::string, std::size_t> index_;
};

/// [low, high]; null without an interval.
Json low_high(const Figure& figure);
/// An element of a pair that may be null.
Json element(const Json& pair, std::size_t index);

/// n, scored, correct, accuracy, ci95, unextracted, unextracted_scored, failed, not_run, unscored, bounds;
/// and the table of them that every report begins with.
Json tally_figures(const QaTally& tally);
ReportTable overview_table(const Json& figures);
/// "accuracy 81.7 % [79.9, 83.4]  n 1,946/2,000  bounds 79.5-82.2" of them.
std::string accuracy_line(const Json& figures);

/// [{"category","n","correct","accuracy","ci95","unextracted","bounds"}..], and its table in a report that has them.
Json category_figures(const Ordered<QaTally>& categories);
ReportTable category_table(const Json& figures, const std::string& title, const std::string& column);
void add_categories(Report& report);

/// 0.4925 as "49.3 %", anything else as "-".
std::string percent(const Json& ratio);
std::string counted_figure(const Report& report, const char* name);
/// The line of what the accuracy leaves out: figures failed, not_run, unscored, unextracted (as `unextracted` calls
/// them), bounds.
void add_left_out(Report& report, const char* unextracted);

}  // namespace assay
