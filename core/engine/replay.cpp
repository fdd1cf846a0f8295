#include "core/engine/replay.hpp"

#include <algorithm>
#include <cmath>

#include "core/engine/attempt.hpp"
#include "core/text/error.hpp"
#include "core/text/json_difference.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

struct NoPool final : BlockingScope {
  void blocking() override {}
  void unblocked() override {}
};

Json value_of(const std::string& text) { return text.empty() ? Json() : parse_json(text, "record"); }

class Comparison {
 public:
  explicit Comparison(std::vector<ReplayDifference>& to) : to_(to) {}
  void texts(const std::string& what, const std::string& recorded, const std::string& replayed) {
    if (recorded != replayed) to_.push_back({what, recorded, replayed});
  }
  void values(const std::string& what, const Json& recorded, const Json& replayed) {
    if (const auto found = first_difference(recorded, replayed)) {
      const auto shown = [](const std::string& text) { return text.empty() ? std::string("nothing") : text; };
      to_.push_back({what + found->pointer, shown(found->was), shown(found->is)});
    }
  }

 private:
  std::vector<ReplayDifference>& to_;
};

Json metrics_of(const Score& score) {
  Json metrics = Json::object();
  for (const auto& [name, value] : score.metrics) {
    if (std::isfinite(value)) metrics[name] = value;
  }
  return metrics;
}

std::string error_text(const RunError& error) {
  return error.empty() ? "none" : error.kind + " in " + error.place + ": " + error.message;
}

void compare_ends(const StoredAttempt& recorded, const EndAttempt& end, Comparison& comparison) {
  comparison.texts("status", std::string(to_text(recorded.outcome)), std::string(to_text(end.status)));
  comparison.texts("score", std::string(to_text(recorded.score.verdict)), std::string(to_text(end.score.verdict)));
  comparison.values("metric", metrics_of(recorded.score), metrics_of(end.score));
  comparison.texts("error", error_text(recorded.error), error_text(end.error));
  comparison.values("answer", value_of(recorded.answer), value_of(end.answer));
  comparison.values("context", value_of(recorded.context), value_of(end.context));
}

/// Came with a save: its records are elsewhere.
bool from_elsewhere(const StoredAttempt& attempt) { return attempt.imported && attempt.ended_at == 0; }

}  // namespace

bool Replayer::executed(RunId run) const {
  const std::vector<StoredAttempt> attempts = store_.attempts(run);
  return std::any_of(attempts.begin(), attempts.end(), [](const auto& one) { return !from_elsewhere(one); });
}

StoredAttempt Replayer::recorded_attempt(RunId run, const std::string& name, std::optional<std::uint32_t> wanted) {
  std::vector<StoredAttempt> attempts = store_.attempts(run);
  std::erase_if(attempts, from_elsewhere);
  if (attempts.empty()) {
    throw Error("usage", name + " has no attempt that was executed here: there is nothing to replay", {},
                "`run_n` executes it");
  }
  if (!wanted) return attempts.back();
  const auto found = std::find_if(attempts.begin(), attempts.end(),
                                  [&](const StoredAttempt& attempt) { return attempt.number == *wanted; });
  if (found == attempts.end()) {
    throw Error("usage", name + " has no attempt " + std::to_string(*wanted), {}, "`detail " + name + "` lists them");
  }
  return *found;
}

ReplayResult Replayer::replay(RunId run, std::optional<std::uint32_t> attempt, std::optional<std::uint32_t> last_step) {
  ReplayResult result;
  BatchInfo batch;
  AttemptPlan plan;
  {
    const RunTable::Reader table = table_.read();
    const RunRow& row = table.row(run);
    result.run = std::string(table.name(run));
    if (row.in_flight || row.waits) {
      throw Error("usage", result.run + (row.in_flight ? " is in flight" : " waits for peers"), {},
                  "`stop` it, or wait for its end");
    }
    batch = table.batch(row.batch);
    plan.id = std::string(table.id(run));
  }
  const StoredAttempt recorded = recorded_attempt(run, result.run, attempt);
  std::shared_ptr<Runner>& runner = runners_[batch.id];
  if (!runner) runner = make_runner_(batch);
  plan.run = run;
  plan.batch = batch.name;
  plan.runner = runner;
  plan.number = recorded.number;
  plan.resumed = true;
  plan.experiment_id = store_.experiment_id();
  plan.begun_at = recorded.begun_at;
  plan.last_step = last_step;
  if (recorded.number > 1) plan.continued = continued_attempt(store_, run, recorded.number);

  if (last_step) {
    for (const StoredStep& start : store_.steps(run, kStartAttempt)) {
      if (*last_step <= start.number) {
        throw Error("usage", result.run + " begins after step " + std::to_string(start.number) + ": it is a fork", {},
                    "`detail " + result.run + "` names the run that it shares them with: replay that one");
      }
    }
  }

  NoPool pool;
  CallCounters counters;
  const auto mailbox = std::make_shared<Mailbox>(clock_);
  const auto control = std::make_shared<AttemptControl>(run, recorded.number, mailbox);
  LiveStep::Parts parts{store_, clock_, pool, counters};
  parts.replay = true;
  parts.board = [&] {
    std::shared_ptr<PeerBoard>& board = boards_[batch.id];
    if (!board) board = std::make_shared<PeerBoard>(table_, batch.id);
    board->load(store_);
    return board;
  };
  const AttemptOutcome outcome = execute_attempt(plan, parts, control, mailbox);

  result.attempt = recorded.number;
  result.steps = outcome.end.steps;
  result.calls = outcome.calls_served;
  result.status = outcome.end.status;
  result.missing = outcome.missing;
  Comparison comparison(result.differences);
  if (!last_step) {
    compare_ends(recorded, outcome.end, comparison);
    return result;
  }
  if (outcome.end.status == Status::fail) {
    comparison.texts("error", error_text(recorded.error), error_text(outcome.end.error));
    return result;
  }
  if (outcome.end.steps < *last_step) {
    throw Error("usage", result.run + " has " + counted(outcome.end.steps, "step", "steps") + ", not " +
                             std::to_string(*last_step));
  }
  const std::vector<StoredStep> steps = store_.steps(run, recorded.number);
  const auto kept =
      std::find_if(steps.begin(), steps.end(), [&](const StoredStep& step) { return step.number == *last_step; });
  const Json now = value_of(outcome.checkpoint);
  if (kept != steps.end()) {
    comparison.values("", value_of(kept->checkpoint), now);
  } else if (!recorded.context.empty() && recorded.steps == outcome.end.steps) {  // the last: kept with the attempt
    comparison.values("context", value_of(recorded.context), now.at("context"));
  }
  return result;
}

}  // namespace assay
