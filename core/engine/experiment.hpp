#pragma once
// An experiment that is open: its file, the table of its runs in memory, and the engine that executes them. What the
// shell, and a user's own program, works on.
//
// Thread rule: any thread, unless a function says otherwise.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/engine/engine.hpp"
#include "core/engine/milestones.hpp"
#include "core/model/serialized_run.hpp"
#include "core/query/value_columns.hpp"

namespace assay {

struct ExperimentParts {
  std::unique_ptr<Store> store;
  const KindRegistry& kinds;
  Clock& clock;
  const Settings& settings;
  std::size_t computing = 2;
  std::function<void(const JobFacts&)> on_job_end = {};  // as EngineParts
  std::function<void(std::vector<BatchInfo>&)> before_start = {};
  std::function<void(const std::vector<BatchInfo>&)> check_start = {};
  std::function<void()> on_go_on = {};
  std::function<void(const std::string&)> on_note = {};  // what a kind has to say (Kind::reached); any thread
  /// While the table is read, now and then: runs that are there, of all. Called by the constructor; may throw.
  std::function<void(std::size_t done, std::size_t all)> on_loading = {};
};

class Experiment : public ExperimentView {
 public:
  /// Reads all run rows into the table. Throws Error kind "store".
  explicit Experiment(ExperimentParts parts);
  ~Experiment() override;

  /// Ends the writing and closes the file; the process must be left right after. For when threads were left behind.
  void close_file();
  /// Waits until kinds have been told of all that has been reached so far (Kind::reached).
  void finish_milestones() { milestones_->finish(); }

  Store& store() { return *store_; }
  RunTable& table() { return table_; }
  const RunTable& table() const { return table_; }
  Engine& engine() { return *engine_; }
  const KindRegistry& kinds() const { return kinds_; }
  /// Fields of data and answers that have been asked for.
  ValueColumns& columns() { return columns_; }
  Clock& clock() { return clock_; }

  /// Makes a batch of loaded runs, durable when it returns. A name in use gets " (2)" and so on; an empty one is taken
  /// from the kind and source. Ids that occur twice get ".2", ".. `labels` (none, or one a run): their tags and notes.
  /// Throws Error.
  BatchInfo add(LoadedBatch loaded, std::vector<RunLabels> labels = {});
  /// A name that no batch has, made from `wanted`.
  std::string free_name(const std::string& wanted) const;

  void rename(BatchId batch, const std::string& name);
  /// What a batch keeps of its models and texts (BatchInfo::pinned), taken anew; for the jobs that start from now on.
  void set_pinned(BatchId batch, const Json& pinned);
  /// Hides runs (whole batches where all of a batch's runs are named). Throws when one is in flight. `undo` brings
  /// back.
  void drop(const std::vector<RunId>& runs);
  /// Takes back the last drop, rename, tag or note, of this session or an earlier one (the last 20 are kept); what it
  /// did, in words. Throws Error when there is nothing to take back.
  std::string undo();
  /// Gives runs a tag, or takes it off; how many it changed. A name has 1 to 200 bytes and no "-" before it. Written as
  /// ranges of runs: as quick for a million as for one. Throws Error.
  std::size_t tag(const std::vector<RunId>& runs, const std::string& name, bool on = true);
  /// Adds a note, at most 64 KiB long. Throws Error.
  void add_note(RunId run, const std::string& text);
  /// Takes a run's note number `n` (from 1) away, and returns it. Throws Error when there is none.
  RunNote remove_note(RunId run, std::size_t n);
  /// Adds metrics to those that runs have (of one name: the new one stands), and with `verdicts` replaces what they are
  /// scored. Answers stay. Runs in flight are left alone; how many were changed.
  std::size_t add_scores(const std::vector<std::pair<RunId, Score>>& scores, bool verdicts);

  /// The saved form of a run, payloads and attempts included.
  SerializedRun serialized(RunId run);
  /// As `serialized` for many, in order, read in pages.
  void each_serialized(const std::vector<RunId>& runs, const std::function<void(RunId, SerializedRun&&)>& visit);
  /// The runs of a batch that are not dropped, for reports.
  std::unique_ptr<BatchView> view(BatchId batch, std::optional<std::vector<RunId>> selection);
  std::unique_ptr<BatchView> view(BatchId batch) const override { return view_of(batch, std::nullopt); }
  std::vector<BatchInfo> batches() const override;
  std::optional<std::uint32_t> attempts(const std::string& batch, const std::string& run) const override;

 private:
  std::unique_ptr<BatchView> view_of(BatchId batch, std::optional<std::vector<RunId>> selection) const;
  void load_table(const std::function<void(std::size_t, std::size_t)>& on_loading);
  // experiment_labels.cpp
  /// What is to be written of tags and notes, and what is to be shown once it is.
  struct LabelChanges {
    std::vector<Change> changes;
    std::vector<std::pair<std::string, std::vector<RunId>>> tags;
    std::vector<std::pair<RunId, std::vector<RunNote>>> notes;
  };
  void load_labels();
  static void add_tag(LabelChanges& to, const std::string& name, std::vector<RunId> runs);
  static void add_notes(LabelChanges& to, RunId run, std::vector<RunNote> notes);
  LabelChanges label_changes(RunId first, const std::vector<RunLabels>& labels) const;
  void show_labels(const LabelChanges& labels);
  std::vector<RunId> tagged_runs(const std::string& name) const;
  void push_undo(Json entry);
  /// The stack with one more entry, as a change.
  Change undo_note(Json entry);
  std::size_t add_some_scores(std::span<const std::pair<RunId, Score>> scores, bool verdicts);

  std::unique_ptr<Store> store_;
  const KindRegistry& kinds_;
  Clock& clock_;
  RunTable table_;
  ValueColumns columns_{table_};
  std::shared_ptr<Milestones> milestones_;
  std::unique_ptr<Engine> engine_;
  std::mutex change_mutex_;  // one change of the batch list at a time
};

}  // namespace assay
