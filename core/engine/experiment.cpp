#include "core/engine/experiment.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "core/engine/attempt.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::uint32_t kPage = 512;
constexpr RunId kLoadingLook = 8'192;  // runs between two calls of on_loading
constexpr std::size_t kScoresAtOnce = 16'384;

Json json_or_null(const std::string& text, const std::string& place) {
  return text.empty() ? Json() : parse_json(text, place);
}

/// Makes ids unique within a batch: the second "x" becomes "x.2".
void make_ids_unique(LoadedBatch& loaded) {
  std::unordered_map<std::string, std::uint32_t> seen;
  std::unordered_set<std::string> used;
  for (const NewRun& run : loaded.runs) used.insert(run.id);
  std::size_t repeats = 0;
  for (NewRun& run : loaded.runs) {
    const std::uint32_t times = ++seen[run.id];
    if (times == 1) continue;
    ++repeats;
    const std::string base = run.id;
    std::uint32_t k = times;
    do {
      run.id = base + "." + std::to_string(k++);
    } while (used.contains(run.id));
    used.insert(run.id);
  }
  if (repeats > 0) {
    loaded.warnings.push_back(std::to_string(repeats) + " rows repeat an id; they are named ID.2, ID.3 ..");
  }
}

class StoredBatchView final : public BatchView {
 public:
  StoredBatchView(const Experiment& experiment, Store& store, BatchInfo info, std::vector<RunId> runs)
      : experiment_(experiment), store_(store), info_(std::move(info)), runs_(std::move(runs)) {}

  const BatchInfo& info() const override { return info_; }
  std::uint32_t size() const override { return static_cast<std::uint32_t>(runs_.size()); }

  void each(bool payloads, const std::function<void(const RunView&)>& visit) const override {
    if (!payloads) {
      for (const RunId run : runs_) visit(row_of(run));
      return;
    }
    for (std::size_t from = 0; from < runs_.size(); from += kPage) {
      const std::size_t to = std::min<std::size_t>(from + kPage, runs_.size());
      std::unordered_set<RunId> wanted(runs_.begin() + static_cast<std::ptrdiff_t>(from),
                                       runs_.begin() + static_cast<std::ptrdiff_t>(to));
      std::unordered_map<RunId, StoredPayloads> read;
      const auto [low, high] = std::minmax_element(runs_.begin() + static_cast<std::ptrdiff_t>(from),
                                                   runs_.begin() + static_cast<std::ptrdiff_t>(to));
      store_.each_payload(
          *low, *high - *low + 1, [&](RunId run) { return wanted.contains(run); },
          [&](RunId run, const StoredPayloads& stored) { read.emplace(run, stored); });
      for (std::size_t i = from; i < to; ++i) {
        RunView view = row_of(runs_[i]);
        StoredPayloads& stored = read[runs_[i]];
        if (with_unfinished_ && stored.answer.empty()) read_again(view, stored);
        view.damaged = view.damaged || !stored.damaged.empty();
        view.data = json_or_null(stored.data, view.run_id);
        if (view.status == Status::complete || view.status == Status::fail) {
          view.answer = json_or_null(stored.answer, view.run_id);
          if (!stored.context.empty()) view.context = context_from(parse_json(stored.context, view.run_id));
        } else if (with_unfinished_ && view.attempts > 0) {
          const std::vector<StoredStep> steps = store_.steps(view.id, view.attempts);
          if (!steps.empty()) view.answer = checkpoint_from(steps.back().checkpoint).answer;
        }
        visit(view);
      }
    }
  }

  std::vector<CallRecord> calls(RunId run) const override { return store_.calls(run); }
  const ExperimentView* experiment() const override { return &experiment_; }
  /// Of a run that has not ended: its answer after the last step that it completed.
  void show_unfinished() { with_unfinished_ = true; }

 private:
  /// Of a batch at work: what has ended since its page was read has its answer by now.
  void read_again(const RunView& view, StoredPayloads& stored) const {
    if (view.status != Status::complete && view.status != Status::fail) return;
    store_.each_payload(
        view.id, 1, [](RunId) { return true; }, [&](RunId, const StoredPayloads& now) { stored = now; });
  }

  RunView row_of(RunId run) const {
    const RunTable::Reader table = experiment_.table().read();
    const RunRow& row = table.row(run);
    RunView view;
    view.id = run;
    view.run_id = std::string(table.id(run));
    view.status = row.status;
    view.score.verdict = row.verdict;
    for (const std::string& name : table.metric_names(row.batch)) {
      const double value = table.metric(run, name);
      if (value == value) view.score.metrics.emplace_back(name, value);
    }
    view.error = table.error(row.error);
    view.usage.calls = row.calls;
    view.usage.in = row.tokens_in;
    view.usage.out = row.tokens_out;
    view.usage.cost = row.cost;
    view.usage.possible = row.possible;
    view.seconds = static_cast<double>(row.seconds);
    view.ended_at = row.ended_at;
    view.attempts = row.attempts;
    view.damaged = row.damaged;
    return view;
  }

  const Experiment& experiment_;
  Store& store_;
  BatchInfo info_;
  std::vector<RunId> runs_;
  bool with_unfinished_ = false;
};

}  // namespace

Experiment::Experiment(ExperimentParts parts)
    : store_(std::move(parts.store)), kinds_(parts.kinds), clock_(parts.clock) {
  load_table(parts.on_loading);
  milestones_ = std::make_shared<Milestones>(Milestones::Parts{
      *store_, table_, kinds_,
      [this](BatchId batch) {
        auto shown = view_of(batch, std::nullopt);
        static_cast<StoredBatchView&>(*shown).show_unfinished();  // all have published, few have ended
        return shown;
      },
      [this] { return clock_.wall(); }, std::move(parts.on_note)});
  engine_ = std::make_unique<Engine>(
      EngineParts{*store_, table_, kinds_, clock_, parts.settings, parts.computing, std::move(parts.on_job_end),
                  std::move(parts.before_start), std::move(parts.check_start), std::move(parts.on_go_on),
                  [teller = milestones_](BatchId batch, Milestone milestone) { teller->reached(batch, milestone); }});
  if (!store_->read_only()) milestones_->look_back();
}

Experiment::~Experiment() {
  engine_->shutdown();
  const bool lost = engine_->has_lost_workers();
  engine_.reset();
  milestones_->stop();
  if (lost) static_cast<void>(store_.release());  // a thread that was left behind may still hold it
}

void Experiment::close_file() {
  milestones_->stop();
  store_.reset();
}

void Experiment::load_table(const std::function<void(std::size_t, std::size_t)>& on_loading) {
  const std::vector<BatchInfo> batches = store_->batches();
  for (const BatchInfo& batch : batches) table_.declare_batch(batch);
  store_->each_run([&](const StoredRunRow& row) {
    TableEntry entry;
    entry.id = row.id;
    entry.row.status = row.status;
    entry.row.attempts = static_cast<std::uint16_t>(row.attempts);
    entry.row.steps = row.steps;
    entry.row.calls = row.usage.calls;
    entry.row.tokens_in = static_cast<std::uint32_t>(row.usage.in);
    entry.row.tokens_out = static_cast<std::uint32_t>(row.usage.out);
    entry.row.cost = row.usage.cost;
    entry.row.possible = row.usage.possible;
    entry.row.seconds = static_cast<float>(row.seconds);
    entry.row.ended_at = row.ended_at;
    entry.row.dropped = row.dropped;
    entry.row.damaged = row.damaged;
    entry.score = row.score;
    entry.error = row.error;
    entry.facets = row.facets;
    entry.tags = row.tags;
    table_.append(entry);
    if (on_loading && row.run % kLoadingLook == 0) on_loading(row.run, store_->next_run());
  });
  load_labels();
}

std::string Experiment::free_name(const std::string& wanted) const {
  const RunTable::Reader table = table_.read();
  const auto is_free = [&](const std::string& name) {
    const auto batch = table.find_batch(name);  // one that is not dropped before one that is
    return !batch || table.batch(*batch).dropped;
  };
  if (is_free(wanted)) return wanted;
  for (int k = 2;; ++k) {
    std::string name = wanted + " (" + std::to_string(k) + ")";
    if (is_free(name)) return name;
  }
}

BatchInfo Experiment::add(LoadedBatch loaded, std::vector<RunLabels> labels) {
  if (store_->read_only()) {
    throw Error("read_only", "this experiment is open for reading only", {}, "start without --read-only to load");
  }
  const std::lock_guard lock(change_mutex_);
  make_ids_unique(loaded);
  BatchInfo& info = loaded.info;
  info.name = free_name(info.name.empty() ? info.kind : info.name);
  if (info.name.size() > 4096) throw Error("usage", "a batch name has at most 4,096 bytes");
  info.id = store_->next_batch();
  info.first = store_->next_run();
  info.count = static_cast<std::uint32_t>(loaded.runs.size());
  info.created_at = clock_.wall();
  for (NewRun& run : loaded.runs) {  // READY with steps done: that is a fork, and nothing else
    if (run.status == Status::ready) run.steps = run.start ? run.start->number : 0;
  }
  auto runs = std::make_shared<const std::vector<NewRun>>(std::move(loaded.runs));
  const LabelChanges labelled = label_changes(info.first, labels);
  std::vector<Change> changes = {AddBatch{info, runs}};
  changes.insert(changes.end(), labelled.changes.begin(), labelled.changes.end());
  store_->write(std::move(changes));
  table_.add_batch(info, *runs);
  show_labels(labelled);
  return info;
}

void Experiment::set_pinned(BatchId batch, const Json& pinned) {
  const std::lock_guard lock(change_mutex_);
  store_->write({SetPinned{batch, dump_json(pinned)}});
  table_.set_pinned(batch, pinned);
}

void Experiment::rename(BatchId batch, const std::string& name) {
  if (name.empty()) throw Error("usage", "a batch needs a name");
  if (name.size() > 4096) throw Error("usage", "a batch name has at most 4,096 bytes");
  const std::lock_guard lock(change_mutex_);
  std::string old;
  {
    const RunTable::Reader table = table_.read();
    old = table.batch(batch).name;
    if (const auto other = table.find_batch(name); other && *other != batch && !table.batch(*other).dropped) {
      throw Error("usage", "there is a batch " + name + " already");
    }
  }
  Json entry = Json::object();
  entry["did"] = "rename";
  entry["batch"] = batch;
  entry["from"] = old;
  entry["to"] = name;
  store_->write({RenameBatch{batch, name}});
  table_.rename_batch(batch, name);
  push_undo(std::move(entry));
}

void Experiment::drop(const std::vector<RunId>& runs) {
  const std::lock_guard lock(change_mutex_);
  std::map<BatchId, std::vector<RunId>> by_batch;
  std::map<BatchId, std::uint32_t> alive;
  {
    const RunTable::Reader table = table_.read();
    for (const RunId run : runs) {
      if (table.row(run).in_flight || table.row(run).waits) {
        throw Error("usage",
                    std::string(table.name(run)) + (table.row(run).in_flight ? " is in flight" : " waits for peers"),
                    {}, "`stop` it first");
      }
      by_batch[table.row(run).batch].push_back(run);
    }
    for (const auto& [batch, members] : by_batch) {
      const BatchInfo& info = table.batch(batch);
      for (RunId run = info.first; run < info.first + info.count; ++run) {
        if (table.visible(run)) ++alive[batch];
      }
    }
  }
  SetDropped change;
  for (auto& [batch, members] : by_batch) {
    if (members.size() == alive[batch]) {
      change.batches.push_back(batch);
    } else {
      change.runs.insert(change.runs.end(), members.begin(), members.end());
    }
  }
  store_->write({change});
  for (const BatchId batch : change.batches) table_.set_batch_dropped(batch, true);
  table_.set_dropped(change.runs, true);
  Json entry = Json::object();
  entry["did"] = "drop";
  entry["batches"] = change.batches;
  entry["runs"] = change.runs;
  push_undo(std::move(entry));
}

std::size_t Experiment::add_scores(const std::vector<std::pair<RunId, Score>>& scores, bool verdicts) {
  std::size_t changed = 0;
  for (std::size_t from = 0; from < scores.size(); from += kScoresAtOnce) {
    const std::size_t count = std::min(kScoresAtOnce, scores.size() - from);
    changed += add_some_scores(std::span(scores).subspan(from, count), verdicts);
  }
  return changed;
}

std::size_t Experiment::add_some_scores(std::span<const std::pair<RunId, Score>> scores, bool verdicts) {
  std::vector<Change> changes;
  {
    const RunTable::Reader table = table_.read();
    for (const auto& [run, added] : scores) {
      const RunRow& row = table.row(run);
      if (row.in_flight || row.waits) continue;
      SetEvaluation set;
      set.run = run;
      set.status = row.status;
      set.error = table.error(row.error);
      set.keep_answer = true;
      set.score.verdict = verdicts ? added.verdict : row.verdict;
      const auto is_new = [&added](const std::string& name) {
        return std::any_of(added.metrics.begin(), added.metrics.end(), [&](const auto& m) { return m.first == name; });
      };
      for (const std::string& name : table.metric_names(row.batch)) {
        const double value = table.metric(run, name);
        if (value == value && !is_new(name)) set.score.metric(name, value);
      }
      for (const auto& [name, value] : added.metrics) set.score.metric(name, value);
      changes.emplace_back(std::move(set));
    }
  }
  store_->write(changes);
  for (const Change& change : changes) {
    const auto& set = std::get<SetEvaluation>(change);
    table_.set_result(set.run, set.score, set.error, [&](RunRow& row) { row.verdict = set.score.verdict; });
  }
  return changes.size();
}

SerializedRun Experiment::serialized(RunId run) {
  SerializedRun result;
  each_serialized({run}, [&](RunId, SerializedRun&& one) { result = std::move(one); });
  return result;
}

void Experiment::each_serialized(const std::vector<RunId>& runs,
                                 const std::function<void(RunId, SerializedRun&&)>& visit) {
  for (const RunId run : runs) {
    SerializedRun out;
    RunRow row;
    {
      const RunTable::Reader table = table_.read();
      row = table.row(run);
      const BatchInfo& batch = table.batch(row.batch);
      out.batch = batch.name;
      out.kind = batch.kind;
      out.model = batch.model;
      out.params = batch.params;
      out.run.id = std::string(table.id(run));
      for (const std::string& name : table.metric_names(row.batch)) {
        const double value = table.metric(run, name);
        if (value == value) out.run.score.metrics.emplace_back(name, value);
      }
      for (const std::string& name : table.facet_names(row.batch)) {
        if (const auto text = table.facet(run, name); !text.empty()) out.run.facets.emplace_back(name, text);
      }
      out.run.error = table.error(row.error);
      out.labels.tags = table.tags(run);
      const auto notes = table.notes(run);
      out.labels.notes.assign(notes.begin(), notes.end());
    }
    out.run.status = row.status;
    out.run.score.verdict = row.verdict;
    out.run.steps = row.steps;
    const StoredPayloads stored = store_->payloads(run);
    const std::string place = out.batch + ":" + out.run.id;
    out.run.data = json_or_null(stored.data, place);
    if (row.status == Status::complete || row.status == Status::fail) {
      out.run.answer = json_or_null(stored.answer, place);
      if (!stored.context.empty()) out.run.context = context_from(parse_json(stored.context, place));
    }
    for (const StoredAttempt& attempt : store_->attempts(run)) {
      out.run.attempts.push_back({attempt.number, attempt.outcome, attempt.error, attempt.seconds});
      out.run.usage += attempt.usage;
    }
    for (const StoredLog& line : store_->logs(run)) {
      if (line.from_runner) out.run.logs.push_back(json_or_null(line.text, place));
    }
    store_->each_publication(run, 1, [&](StoredPublication&& one) {
      auto& shown = out.run.published;
      if (shown.empty() || shown.back().first != one.name) shown.emplace_back(one.name, nullptr);
      shown.back().second = json_or_null(one.value, place);
    });
    if (row.steps > 0 || row.attempts > 0) {
      try {
        for (const StoredStep& start : store_->steps(run, kStartAttempt)) {
          Checkpoint kept = checkpoint_from(start.checkpoint);
          out.run.start = {start.number, std::move(kept.answer), std::move(kept.state), std::move(kept.context)};
        }
      } catch (const Error& error) {  // the rest of it is whole
        if (out.run.error.empty()) out.run.error = {error.kind(), error.message(), "start"};
      }
    }
    visit(run, std::move(out));
  }
}

std::unique_ptr<BatchView> Experiment::view(BatchId batch, std::optional<std::vector<RunId>> selection) {
  return view_of(batch, std::move(selection));
}

std::optional<std::uint32_t> Experiment::attempts(const std::string& batch, const std::string& run) const {
  const RunTable::Reader table = table_.read();
  const auto found = table.find(batch + ":" + run);
  if (!found) return std::nullopt;
  return table.row(*found).attempts;
}

std::vector<BatchInfo> Experiment::batches() const {
  std::vector<BatchInfo> batches;
  const RunTable::Reader table = table_.read();
  for (const BatchInfo& info : table.batches()) {
    if (!info.dropped) batches.push_back(info);
  }
  return batches;
}

std::unique_ptr<BatchView> Experiment::view_of(BatchId batch, std::optional<std::vector<RunId>> selection) const {
  const RunTable::Reader table = table_.read();
  const BatchInfo info = table.batch(batch);
  std::vector<RunId> runs;
  if (selection) {
    for (const RunId run : *selection) {
      if (table.row(run).batch == batch) runs.push_back(run);
    }
  } else {
    for (RunId run = info.first; run < info.first + info.count; ++run) {
      if (table.visible(run)) runs.push_back(run);
    }
  }
  return std::make_unique<StoredBatchView>(*this, *store_, info, std::move(runs));
}

}  // namespace assay
