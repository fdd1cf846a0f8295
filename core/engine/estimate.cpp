#include "core/engine/estimate.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/engine/dry_step.hpp"
#include "core/model/context_text.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostRendered = 20'000;
constexpr double kTokensPerByte = 0.30, kFewTokensPerByte = 0.15, kManyTokensPerByte = 0.50;
/// Deviations of a sum that a range covers: 3 hold 99.7 of 100 normal sums; small samples are wider in the tails.
constexpr double kDeviations = 4;
/// Of an answer's length, as a part of it: a few equal answers don't promise that all will be.
constexpr double kLeastDeviation = 0.05;

/// What the finished runs of a batch tell of the others.
struct Past {
  double runs = 0, calls = 0, in = 0, out = 0, out_squared = 0, seconds = 0;
  double out_mean() const { return out / runs; }
  double out_deviation() const {
    return runs < 2 ? out_mean() : std::sqrt(std::max(0.0, (out_squared - out * out / runs) / (runs - 1)));
  }
};

/// Sums over the first prompts of a batch's runs.
struct First {
  std::uint64_t runs = 0, begun = 0, planned = 0, unpriced = 0, unbounded = 0;
  double bytes = 0, out_most = 0, cost_most = 0;
  EffectForecast one;  // prices and limits: the last call's
};

class BatchEstimate {
 public:
  BatchEstimate(Experiment& experiment, const BatchInfo& batch, std::vector<RunId> runs, std::size_t width)
      : experiment_(experiment), batch_(batch), runs_(std::move(runs)), width_(width) {}

  Estimate make() {
    runner_ = experiment_.kinds().require(batch_.kind).make_runner(batch_, {});
    read_past();
    render();
    out_.runs = runs_.size();
    out_.rendered = first_.runs;
    out_.finished = static_cast<std::uint64_t>(past_.runs);
    for (const auto& [reason, count] : problems_)
      out_.problems.push_back(format_count(static_cast<std::int64_t>(count)) + " runs of " + batch_.name + ": " +
                              reason);
    if (first_.runs == 0 || first_.begun == 0) return std::move(out_);
    // Runs that were not rendered, and calls after the first step, are taken for like those that were.
    const double all = static_cast<double>(runs_.size()) / static_cast<double>(first_.runs);
    const double calls = static_cast<double>(first_.planned) * all;
    const double more = calls / static_cast<double>(first_.begun);
    out_.calls = static_cast<std::uint64_t>(std::llround(calls));
    out_.calls_unpriced = static_cast<std::uint64_t>(std::llround(static_cast<double>(first_.unpriced) * more));
    take_tokens(more);
    take_money(calls, more);
    take_time(calls);
    return std::move(out_);
  }

 private:
  void read_past() {
    const RunTable::Reader table = experiment_.table().read();
    for (RunId run = batch_.first; run < batch_.first + batch_.count; ++run) {
      const RunRow& row = table.row(run);
      if (!table.visible(run) || row.status != Status::complete || row.calls == 0) continue;
      const double tokens = row.tokens_out;
      past_.runs += 1;
      past_.calls += row.calls;
      past_.in += row.tokens_in;
      past_.out += tokens;
      past_.out_squared += tokens * tokens;
      past_.seconds += static_cast<double>(row.seconds);
    }
  }

  void render() {
    const std::size_t stride = runs_.size() / kMostRendered + 1;
    std::vector<RunId> wanted;
    for (std::size_t i = 0; i < runs_.size(); i += stride) wanted.push_back(runs_[i]);
    experiment_.store().each_payload(
        batch_.first, batch_.count, [&](RunId run) { return std::binary_search(wanted.begin(), wanted.end(), run); },
        [&](RunId id, const StoredPayloads& stored) {
          try {
            render_one(id, stored);
          } catch (const std::exception& error) {
            ++problems_[error.what()];
          }
        });
  }

  void render_one(RunId id, const StoredPayloads& stored) {
    Run run;
    std::uint32_t attempt = 1;
    bool may_be_fork = false;
    {
      const RunTable::Reader table = experiment_.table().read();
      run.id = std::string(table.id(id));
      attempt = table.row(id).attempts + 1U;
      may_be_fork = table.row(id).steps > 0 || table.row(id).attempts > 0;
    }
    run.batch = batch_.name;
    run.data = stored.data.empty() ? Json() : parse_json(stored.data, "data");
    std::uint32_t done = 0;
    if (may_be_fork) {
      for (const StoredStep& start : experiment_.store().steps(id, kStartAttempt)) {
        Checkpoint kept = checkpoint_from(start.checkpoint);
        done = start.number;
        run.answer = std::move(kept.answer);
        run.context = std::move(kept.context);
        run.state = std::move(kept.state);
      }
    }
    const std::string identity =
        experiment_.store().experiment_id() + '/' + std::to_string(id) + '/' + std::to_string(attempt);
    DryStep step(xxh3_64(identity), attempt, experiment_.clock().wall(), id, [this] { return board_for_all(); });
    const auto planned = runner_->planned_calls(run);
    try {
      if (done == 0) runner_->setup(run, step);
      step.start_step(done + 1);
      runner_->step(run, step);
    } catch (const DryStop&) {  // it would wait for its first answer here
    }
    for (const EffectForecast& call : step.begun()) {
      if (!call.refused.empty()) throw Error("refused", call.refused);
    }
    ++first_.runs;
    first_.planned += std::max<std::uint64_t>(planned.value_or(0), step.begun().size());
    for (const EffectForecast& call : step.begun()) {
      ++first_.begun;
      first_.bytes += static_cast<double>(call.bytes_in);
      first_.out_most += static_cast<double>(call.tokens_out_most.value_or(0));
      first_.cost_most += static_cast<double>(call.cost_most);
      if (!call.tokens_out_most) ++first_.unbounded;
      if (!call.priced) ++first_.unpriced;
      first_.one = call;
    }
  }

  std::shared_ptr<PeerBoard> board_for_all() {
    if (!board_) board_ = std::make_shared<PeerBoard>(experiment_.table(), batch_.id);
    board_->load(experiment_.store());
    return board_;
  }

  void take_tokens(double more) {
    const double bytes = first_.bytes * more, n = static_cast<double>(runs_.size());
    if (past_.calls > 0 && past_.in > 0) {
      const double a_call = past_.in / past_.calls * static_cast<double>(out_.calls);
      out_.tokens_in = {0.85 * a_call, a_call, 1.15 * a_call};
    } else {
      out_.tokens_in = {kFewTokensPerByte * bytes, kTokensPerByte * bytes, kManyTokensPerByte * bytes};
    }
    const double most = first_.out_most * more;
    const bool bounded = first_.unbounded == 0;
    if (past_.runs > 0) {
      // Of a sum of n drawn from a population known by m: its own spread, and that of the mean.
      const double one = std::max(past_.out_deviation(), kLeastDeviation * past_.out_mean());
      const double spread = kDeviations * one * std::sqrt(n + n * n / past_.runs);
      const double expected = n * past_.out_mean();
      EstimateRange range{std::max(0.0, expected - spread), expected, expected + spread};
      if (bounded) range.high = std::clamp(range.high, range.expected, std::max(range.expected, most));
      out_.tokens_out = range;
    } else if (bounded) {
      out_.tokens_out = EstimateRange{0, most, most};
    }
  }

  void take_money(double calls, double more) {
    if (first_.unpriced == first_.begun) return;
    const EffectForecast& price = first_.one;
    const auto in = static_cast<double>(price.in_price), out = static_cast<double>(price.out_price);
    const double fixed = static_cast<double>(price.price) * calls;
    // Prompts after the first are longer than it, nobody knows by how much.
    const bool known = first_.unbounded == 0 && first_.planned == first_.begun;
    if (known) out_.cost_most = first_.cost_most * more;
    if (!out_.tokens_out) return;
    EstimateRange cost{out_.tokens_in.low * in + out_.tokens_out->low * out + fixed,
                       out_.tokens_in.expected * in + out_.tokens_out->expected * out + fixed,
                       out_.tokens_in.high * in + out_.tokens_out->high * out + fixed};
    if (out_.cost_most) {
      cost.high = std::min(cost.high, *out_.cost_most);
      cost.expected = std::min(cost.expected, cost.high);
    }
    out_.cost = cost;
  }

  void take_time(double calls) {
    const auto longest = [&](double seconds, const std::string& by) {
      if (out_.seconds && *out_.seconds >= seconds) return;
      out_.seconds = seconds;
      out_.seconds_by = by;
    };
    const auto whole = [](double value) { return format_count(static_cast<std::int64_t>(value)); };
    const EffectForecast& limits = first_.one;
    if (limits.per_minute > 0) longest(60 * calls / limits.per_minute, whole(limits.per_minute) + " requests a minute");
    const double tokens = out_.tokens_in.expected + (out_.tokens_out ? out_.tokens_out->expected : 0);
    if (limits.tokens_per_minute > 0)
      longest(60 * tokens / limits.tokens_per_minute, whole(limits.tokens_per_minute) + " tokens a minute");
    if (past_.runs > 0) {
      const double run = past_.seconds / past_.runs, n = static_cast<double>(runs_.size());
      double at_a_time = std::min(static_cast<double>(width_), n);
      if (limits.concurrency > 0) at_a_time = std::min(at_a_time, static_cast<double>(limits.concurrency));
      longest(n / at_a_time * run, whole(at_a_time) + " in flight at " +
                                       format_duration(std::chrono::milliseconds(std::llround(run * 1000))) + " a run");
    }
  }

  Experiment& experiment_;
  const BatchInfo& batch_;
  std::vector<RunId> runs_;
  std::size_t width_;
  std::shared_ptr<Runner> runner_;
  std::shared_ptr<PeerBoard> board_;
  Past past_;
  First first_;
  std::map<std::string, std::uint64_t> problems_;
  Estimate out_;
};

template <typename T>
void add(std::optional<T>& sum, const std::optional<T>& more, bool first) {
  if (first) {
    sum = more;
  } else if (!more) {
    sum.reset();
  } else if (sum) {
    *sum += *more;
  }
}

}  // namespace

EstimateRange& EstimateRange::operator+=(const EstimateRange& other) {
  low += other.low;
  expected += other.expected;
  high += other.high;
  return *this;
}

Estimate estimate(Experiment& experiment, const std::vector<RunId>& runs, std::size_t width) {
  std::map<BatchId, std::pair<BatchInfo, std::vector<RunId>>> batches;
  {
    const RunTable::Reader table = experiment.table().read();
    for (const RunId run : runs) {
      const RunRow& row = table.row(run);
      if (!table.visible(run) || row.status == Status::complete) continue;
      auto& [info, list] = batches[row.batch];
      if (list.empty()) info = table.batch(row.batch);
      list.push_back(run);
    }
  }
  Estimate all;
  bool first = true, first_money = true;
  std::map<std::string, std::pair<double, std::string>> seconds;  // by model: what is one's limit is not another's
  bool timed = true;
  for (auto& [id, batch] : batches) {
    auto& [info, list] = batch;
    if (info.kind.empty()) throw Error("kind", "batch " + info.name + " is of no known kind: its runs can't be run");
    std::sort(list.begin(), list.end());
    const Estimate one = BatchEstimate(experiment, info, std::move(list), width).make();
    all.runs += one.runs;
    all.rendered += one.rendered;
    all.calls += one.calls;
    all.calls_unpriced += one.calls_unpriced;
    all.finished += one.finished;
    all.problems.insert(all.problems.end(), one.problems.begin(), one.problems.end());
    if (one.calls == 0) continue;
    all.tokens_in += one.tokens_in;
    add(all.tokens_out, one.tokens_out, first);
    if (one.calls_unpriced < one.calls) {
      add(all.cost, one.cost, first_money);
      add(all.cost_most, one.cost_most, first_money);
      first_money = false;
    }
    first = false;
    if (one.seconds) {
      auto& [sum, by] = seconds[info.model];
      sum += *one.seconds;
      by = one.seconds_by;
    } else {
      timed = false;
    }
  }
  for (const auto& [model, time] : seconds) {
    if (!timed || (all.seconds && *all.seconds >= time.first)) continue;
    all.seconds = time.first;
    all.seconds_by = time.second;
  }
  return all;
}

}  // namespace assay
