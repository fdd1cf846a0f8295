#include "core/engine/fork.hpp"

#include <algorithm>
#include <map>

#include "core/model/context_text.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

std::string steps_text(std::uint32_t n) { return std::to_string(n) + (n == 1 ? " step" : " steps"); }

NewRun::Start start_of(std::uint32_t number, Checkpoint&& kept) {
  return {number, std::move(kept.answer), std::move(kept.state), std::move(kept.context)};
}

/// The forks of one batch.
class BatchForks {
 public:
  BatchForks(Experiment& experiment, const ForkRequest& request, const BatchInfo& parent, std::vector<RunId> runs)
      : experiment_(experiment), request_(request), parent_(parent), runs_(std::move(runs)) {}

  LoadedBatch make() {
    const Kind& kind = experiment_.kinds().require(parent_.kind);
    LoadedBatch batch = kind.fork_batch(parent_, request_.step, request_.changes);
    batch.info.kind = parent_.kind;
    batch.info.name = request_.name.empty() ? parent_.name + "-fork" : request_.name;
    experiment_.view(parent_.id, runs_)->each(true, [&](const RunView& view) {
      try {
        batch.runs.push_back(fork(kind, view));
      } catch (const Error& error) {
        if (refused_++ == 0) first_ = error;
      }
    });
    if (refused_ > 0) refuse();
    return batch;
  }

 private:
  NewRun fork(const Kind& kind, const RunView& view) const {
    NewRun run;
    run.id = view.run_id;
    run.data = view.data;
    const std::string name = parent_.name + ":" + view.run_id;
    if (!run.data.is_object()) throw Error("usage", name + ": its data is no JSON object, it can't be forked");
    Json from = Json::object({{"run", name}, {"step", request_.step}});
    if (!request_.message.empty()) from["message"] = request_.message;
    run.data["forked_from"] = std::move(from);
    kind.make_fork(run);
    {
      const RunTable::Reader table = experiment_.table().read();
      for (const std::string& facet : table.facet_names(parent_.id)) {
        if (const auto text = table.facet(view.id, facet); !text.empty()) run.facets.emplace_back(facet, text);
      }
    }
    if (request_.step == 0) return run;
    run.start = kind.fork_start(parent_, as_completed(view), request_.step);
    if (!run.start) run.start = recorded_start(view, name);
    // What it showed the others in the steps that are shared, the fork shows those of its own batch.
    experiment_.store().each_publication(view.id, 1, [&](StoredPublication&& one) {
      if (one.step > request_.step) return;
      auto& shown = run.published;
      if (shown.empty() || shown.back().first != one.name) shown.emplace_back(one.name, nullptr);
      shown.back().second = parse_json(one.value, name);
    });
    return run;
  }

  /// The run as it was after the last step that it completed, not as the step after that left it.
  RunView as_completed(const RunView& view) const {
    RunView seen = view;
    if (view.status == Status::complete) return seen;
    Store& store = experiment_.store();
    const std::vector<StoredAttempt> attempts = store.attempts(view.id);
    const bool executed = !attempts.empty() && !attempts.back().imported;
    std::vector<StoredStep> steps;
    if (executed) steps = store.steps(view.id, attempts.back().number);
    if (steps.empty()) steps = store.steps(view.id, kStartAttempt);
    if (steps.empty() && !executed) return seen;  // what came with a save is all there is
    Checkpoint kept;
    if (!steps.empty()) kept = checkpoint_from(steps.back().checkpoint);
    seen.answer = std::move(kept.answer);
    seen.context = std::move(kept.context);
    return seen;
  }

  /// What the engine recorded after that step, in the newest attempt that came so far.
  NewRun::Start recorded_start(const RunView& view, const std::string& name) const {
    Store& store = experiment_.store();
    std::uint32_t done = 0, shared = 0;
    for (const StoredStep& own : store.steps(view.id, kStartAttempt)) {
      done = shared = own.number;
      if (own.number == request_.step) return start_of(own.number, checkpoint_from(own.checkpoint));
    }
    if (request_.step < shared) {
      throw Error("usage", name + " is a fork itself: it has its first " + steps_text(shared) + " from another run", {},
                  "fork " + origin_of(view.data) + ", or at step " + std::to_string(shared) + " or later");
    }
    std::vector<StoredAttempt> attempts = store.attempts(view.id);
    std::reverse(attempts.begin(), attempts.end());
    for (const StoredAttempt& attempt : attempts) {
      const bool whole = attempt.outcome == Status::complete && !attempt.imported;
      if (whole) done = std::max(done, attempt.steps);
      if (whole && attempt.steps == request_.step) {  // its last step: kept with the attempt
        NewRun::Start start;
        start.number = request_.step;
        if (!attempt.answer.empty()) start.answer = parse_json(attempt.answer, name);
        if (!attempt.context.empty()) start.context = context_from(parse_json(attempt.context, name));
        return start;
      }
      for (const StoredStep& step : store.steps(view.id, attempt.number)) {
        done = std::max(done, step.number);
        if (step.number == request_.step) return start_of(step.number, checkpoint_from(step.checkpoint));
      }
    }
    const bool executed = std::any_of(attempts.begin(), attempts.end(), [](const auto& one) { return !one.imported; });
    if (view.status == Status::complete && !executed) {  // it came with a save: only its end is known
      done = experiment_.table().read().row(view.id).steps;
      if (done == request_.step) return {done, view.answer, nullptr, view.context};
    }
    throw Error("usage",
                name + " has completed " + steps_text(done) + ": it can't be forked after step " +
                    std::to_string(request_.step),
                {},
                request_.step < done ? "it came from a file: only its end is known, step=" + std::to_string(done) : "");
  }

  static std::string origin_of(const Json& data) {
    const auto from = data.find("forked_from");
    return from != data.end() && from->is_object() ? from->value("run", std::string("that one")) : "that one";
  }

  [[noreturn]] void refuse() const {
    std::string message = first_->message();
    if (refused_ > 1) message += " (and " + std::to_string(refused_ - 1) + " more of " + parent_.name + " neither)";
    std::string hint = first_->hint();
    if (hint.empty() && request_.step > 0)
      hint = "steps>=" + std::to_string(request_.step) + " in the query takes those that have come so far";
    throw Error(first_->kind(), message, first_->place(), hint);
  }

  Experiment& experiment_;
  const ForkRequest& request_;
  const BatchInfo& parent_;
  std::vector<RunId> runs_;
  std::uint64_t refused_ = 0;
  std::optional<Error> first_;
};

}  // namespace

Forks fork_runs(Experiment& experiment, const ForkRequest& request) {
  std::map<BatchId, std::pair<BatchInfo, std::vector<RunId>>> parents;
  {
    const RunTable::Reader table = experiment.table().read();
    for (const RunId run : request.runs) {
      auto& [info, runs] = parents[table.row(run).batch];
      if (runs.empty()) info = table.batch(table.row(run).batch);
      runs.push_back(run);
    }
  }
  std::vector<LoadedBatch> made;
  for (auto& [id, parent] : parents) {
    auto& [info, runs] = parent;
    std::sort(runs.begin(), runs.end());
    made.push_back(BatchForks(experiment, request, info, std::move(runs)).make());
  }
  Forks forks;
  for (LoadedBatch& batch : made) {
    forks.runs += batch.runs.size();
    forks.warnings.insert(forks.warnings.end(), batch.warnings.begin(), batch.warnings.end());
    forks.batches.push_back(experiment.add(std::move(batch)));
  }
  return forks;
}

}  // namespace assay
