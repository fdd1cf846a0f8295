#pragma once
// run_n lane=auto: files at half the price as long as there is time, live for what is left. Specs: models.md 7.
//
// Pass after pass: the runs' next calls go into files, these to the provider, their answers come back; one `margin`
// before the deadline what is still out is cancelled there, and what has no answer is sent live. What the files stand
// at is kept by the desk, so a session that ends in between is taken up by the next lane=auto.
//
// Used on one thread, which it keeps until the end.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/engine/engine.hpp"
#include "core/model/bulk.hpp"

namespace assay {

struct AutoLaneParts {
  Engine& engine;
  RunTable& table;
  Clock& clock;
  BulkDesk& desk;
  std::function<void(const std::string&)> tell;  // a line for a person
  BulkDesk::Interrupted interrupted;
};

struct AutoLanePlan {
  std::vector<RunId> runs;
  std::vector<BatchInfo> batches;  // theirs
  std::size_t width = 1;
  std::string folder;
  WallTime live_from = 0;  // deadline - margin, UTC microseconds
  std::chrono::milliseconds poll{45'000};
};

/// The next "HH:MM" in local time after `now`. Throws Error "usage".
WallTime next_time_of_day(const std::string& text, WallTime now);

class AutoLane {
 public:
  AutoLane(AutoLaneParts parts, AutoLanePlan plan) : parts_(std::move(parts)), plan_(std::move(plan)) {}

  /// Until every run is COMPLETE or FAIL; false when it was interrupted. Throws Error: the provider takes no files, a
  /// job was paused (its budget, a refused key).
  bool run();

 private:
  std::vector<RunId> unfinished() const;
  bool time_is_up() const { return parts_.clock.wall() >= plan_.live_from; }
  /// Sleeps; false when interrupted.
  bool rest(std::chrono::milliseconds duration, bool until_live) const;
  /// A job over `runs`, to its end; false when interrupted.
  bool execute(std::vector<RunId> runs, std::shared_ptr<CallFiles> files) const;
  std::vector<BulkFileFacts> ours() const;  // in its folder
  static bool out(const BulkFileFacts& file);
  std::size_t under_way() const;
  void submit();
  /// True when a file has come back, or none is out.
  bool collect();
  bool wait_for_files();
  bool go_live();

  AutoLaneParts parts_;
  AutoLanePlan plan_;
  int fruitless_ = 0;                  // files in a row that brought nothing
  std::uint64_t fruitless_calls_ = 0;  // and the calls in them
};

}  // namespace assay
