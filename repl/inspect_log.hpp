#pragma once
// A batch in the log form of Inspect (inspect_ai, log version 2), which its viewer opens: header, samples, summaries.
// Form: UKGovernmentBEIS/inspect_ai, src/inspect_ai/log/_log.py (EvalLog, EvalSample, EvalSampleSummary, EvalResults)
// and _recorders/eval.py (names within the zip). Pure: any thread.

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// A run's sample: its item, and which repeat of it (1 and on) it is.
struct InspectPlace {
  std::string id;
  std::uint64_t epoch = 1;
};
InspectPlace inspect_place(const BatchInfo& batch, const std::string& run_id);
/// "samples/ID_epoch_N.json"
std::string inspect_sample_name(const InspectPlace& place);
/// READY and INCOMPLETE runs are no samples: they have not been asked, or not to their end.
bool is_inspect_sample(const RunView& run);

/// EvalSample.
Json inspect_sample(const BatchInfo& batch, const RunView& run);
/// EvalSampleSummary of one: long texts cut to 1,000 bytes, metadata only of short values.
Json inspect_summary(const Json& sample);

/// What the header says of all samples, added up one by one; payloads of the runs are not needed.
class InspectHeader {
 public:
  explicit InspectHeader(BatchInfo batch, std::string experiment_id);
  void add(const RunView& run);
  std::uint64_t samples() const { return complete_ + failed_; }

  /// {"version","eval","plan"}: how it began.
  Json start() const;
  /// EvalLog without its samples.
  Json log() const;

 private:
  struct Sums {
    std::string name;
    std::uint64_t n = 0;
    double sum = 0, squares = 0;
  };
  Json eval() const;
  Json plan() const;
  Json results() const;
  static Json score_entry(const Sums& sums, const std::string& metric, std::uint64_t unscored);

  BatchInfo batch_;
  std::string experiment_;
  std::uint64_t complete_ = 0, failed_ = 0, unfinished_ = 0, epochs_ = 1;
  std::uint64_t scored_ = 0;
  std::vector<Sums> metrics_;  // the first: right or wrong
  UsageSum usage_;
  WallTime first_ = 0, last_ = 0;
};

}  // namespace assay
