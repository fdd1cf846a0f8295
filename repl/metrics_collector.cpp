#include "repl/metrics_collector.hpp"

#include <algorithm>
#include <array>

#include "core/text/error.hpp"
#include "repl/resident_bytes.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

using Type = MetricsText::Type;

constexpr CallId kPage = 4096;

std::uint64_t tokens(const std::optional<std::int64_t>& count) {
  return count && *count > 0 ? static_cast<std::uint64_t>(*count) : 0;
}

double as_number(std::uint64_t count) { return static_cast<double>(count); }

/// Nothing of it changes any more.
bool is_settled(const CallRecord& call) {
  const bool ended =
      call.state == CallState::answered || call.state == CallState::failed || call.state == CallState::refused;
  return ended && call.doubt == CallDoubt::none;
}

}  // namespace

void MetricsCollector::CallSums::add(const CallRecord& call) {
  answered += call.state == CallState::answered;
  failed += call.state == CallState::failed;
  refused += call.state == CallState::refused;
  in_file += call.state == CallState::in_file;
  in_doubt += call.doubt != CallDoubt::none;
  from_cache += call.from_cache;
  unpriced += call.state == CallState::answered && !call.priced && !call.from_cache;
  in += tokens(call.usage.in);
  cached += tokens(call.usage.cached);
  out += tokens(call.usage.out);
  reasoning += tokens(call.usage.reasoning);
  cost_usd += to_usd(call.cost);
  possible_usd += to_usd(call.possible);
  saved_usd += to_usd(call.saved);
  if (call.state == CallState::failed && !call.last_try.kind.empty()) ++failures[call.last_try.kind];
}

MetricsCollector::Sums MetricsCollector::read_calls(const std::stop_token& stop) {
  Store& store = experiment_.store();
  const CallId end = store.reserve_call();  // ids are given in order
  settled_.resize(std::max<std::size_t>(settled_.size(), end), false);
  Sums open;
  for (CallId first = 0; first < end; first += kPage) {
    if (stop.stop_requested()) throw Error("interrupted", "interrupted while the calls were read");
    const CallId last = std::min(first + kPage, end) - 1;
    const auto from = settled_.begin() + static_cast<std::ptrdiff_t>(first);
    if (std::find(from, settled_.begin() + static_cast<std::ptrdiff_t>(last) + 1, false) ==
        settled_.begin() + static_cast<std::ptrdiff_t>(last) + 1)
      continue;
    std::vector<std::pair<CallId, CallSums*>> retried;
    store.each_call(first, last, [&](const CallRecord& call) {
      if (call.id >= settled_.size() || settled_[call.id]) return;
      const bool done = is_settled(call);
      CallSums& sums = (done ? sums_ : open)[call.model];
      sums.add(call);
      if (done) settled_[call.id] = true;
      if (call.last_try.number > 1) retried.emplace_back(call.id, &sums);
    });
    // A try that another one followed; few calls have any.
    for (const auto& [id, sums] : retried) {
      const std::vector<TryRecord> tries = store.tries(id);
      for (std::size_t i = 0; i + 1 < tries.size(); ++i) ++sums->retries[tries[i].kind];
    }
  }
  settled_.at(0) = true;  // no call has it
  Sums all = sums_;
  for (const auto& [model, more] : open) {
    CallSums& sums = all[model];
    for (auto field : {&CallSums::answered, &CallSums::failed, &CallSums::refused, &CallSums::from_cache,
                       &CallSums::unpriced, &CallSums::in_file, &CallSums::in_doubt, &CallSums::in, &CallSums::cached,
                       &CallSums::out, &CallSums::reasoning}) {
      sums.*field += more.*field;
    }
    for (auto field : {&CallSums::cost_usd, &CallSums::possible_usd, &CallSums::saved_usd}) sums.*field += more.*field;
    for (const auto& [kind, count] : more.retries) sums.retries[kind] += count;
    for (const auto& [kind, count] : more.failures) sums.failures[kind] += count;
  }
  return all;
}

void MetricsCollector::put_runs(MetricsText& text) const {
  struct Counts {
    std::array<std::uint64_t, 4> by_status{};
    std::array<std::uint64_t, 3> by_verdict{};
  };
  std::vector<BatchInfo> batches;
  std::vector<Counts> counts;
  std::uint64_t in_flight = 0, waiting = 0;
  {
    const RunTable::Reader table = experiment_.table().read();
    batches = table.batches();
    counts.resize(batches.size());
    for (RunId run = 0; run < table.size(); ++run) {
      if (!table.visible(run)) continue;
      const RunRow& row = table.row(run);
      ++counts[row.batch].by_status.at(static_cast<std::size_t>(row.status));
      ++counts[row.batch].by_verdict.at(static_cast<std::size_t>(row.verdict));
      in_flight += row.in_flight;
      waiting += row.waits;
    }
  }
  text.family("assay_runs", Type::gauge, "Runs by batch and status.");
  for (const BatchInfo& batch : batches) {
    if (batch.dropped) continue;
    for (const Status status : {Status::ready, Status::incomplete, Status::complete, Status::fail}) {
      text.sample(as_number(counts[batch.id].by_status.at(static_cast<std::size_t>(status))),
                  {{"batch", batch.name},
                   {"kind", batch.kind},
                   {"model", batch.model},
                   {"status", std::string(to_text(status))}});
    }
  }
  text.family("assay_run_scores", Type::gauge, "Runs by batch and score; null: none yet.");
  for (const BatchInfo& batch : batches) {
    if (batch.dropped) continue;
    for (const Verdict verdict : {Verdict::correct, Verdict::incorrect, Verdict::none}) {
      text.sample(as_number(counts[batch.id].by_verdict.at(static_cast<std::size_t>(verdict))),
                  {{"batch", batch.name}, {"score", std::string(to_text(verdict))}});
    }
  }
  text.family("assay_runs_in_flight", Type::gauge, "Runs that are executing.");
  text.sample(as_number(in_flight));
  text.family("assay_runs_waiting_peers", Type::gauge, "Runs that wait for other runs of their batch.");
  text.sample(as_number(waiting));
}

void MetricsCollector::put_jobs(MetricsText& text) const {
  std::vector<JobFacts> jobs = experiment_.engine().jobs();
  std::erase_if(jobs, [](const JobFacts& job) { return job.state == JobFacts::State::done; });
  text.family("assay_jobs", Type::gauge, "Jobs that have not ended.");
  text.sample(static_cast<double>(jobs.size()));
  text.family("assay_job_width", Type::gauge, "Runs that an open job may have in flight.");
  for (const JobFacts& job : jobs) text.sample(static_cast<double>(job.width), {{"job", std::to_string(job.id)}});
  text.family("assay_job_paused", Type::gauge, "1 while an open job is paused.");
  for (const JobFacts& job : jobs) {
    text.sample(job.state == JobFacts::State::paused ? 1 : 0, {{"job", std::to_string(job.id)}});
  }
  text.family("assay_job_runs", Type::gauge, "Runs of an open job by what has become of them.");
  for (const JobFacts& job : jobs) {
    for (const auto& [state, count] :
         {std::pair("complete", job.complete), std::pair("fail", job.fail), std::pair("incomplete", job.incomplete),
          std::pair("in_flight", job.in_flight), std::pair("waiting", job.waiting),
          std::pair("waiting_peers", job.waiting_peers)}) {
      text.sample(as_number(count), {{"job", std::to_string(job.id)}, {"state", state}});
    }
  }
}

void MetricsCollector::put_calls(MetricsText& text, const Sums& sums) {
  const auto each = [&](std::string_view name, Type type, std::string_view help, auto value) {
    text.family(name, type, help);
    for (const auto& [model, one] : sums) text.sample(value(one), {{"model", model}});
  };
  text.family("assay_calls_total", Type::counter, "Model calls that have ended, by outcome.");
  for (const auto& [model, one] : sums) {
    for (const auto& [outcome, count] :
         {std::pair("answered", one.answered), std::pair("failed", one.failed), std::pair("refused", one.refused)}) {
      text.sample(as_number(count), {{"model", model}, {"outcome", outcome}});
    }
  }
  each("assay_cache_hits_total", Type::counter, "Calls served from the cache or an earlier attempt.",
       [](const CallSums& one) { return as_number(one.from_cache); });
  each("assay_calls_unpriced_total", Type::counter, "Answered calls whose price is not known.",
       [](const CallSums& one) { return as_number(one.unpriced); });
  each("assay_calls_in_file", Type::gauge, "Calls that stand in a bulk file and wait for its answers.",
       [](const CallSums& one) { return as_number(one.in_file); });
  each("assay_calls_in_doubt", Type::gauge, "Calls whose outcome or bill is not known.",
       [](const CallSums& one) { return as_number(one.in_doubt); });
  text.family("assay_call_retries_total", Type::counter, "Tries that another one followed, by kind of error.");
  for (const auto& [model, one] : sums) {
    for (const auto& [kind, count] : one.retries) text.sample(as_number(count), {{"model", model}, {"kind", kind}});
  }
  text.family("assay_call_failures_total", Type::counter, "Calls that failed for good, by kind of error.");
  for (const auto& [model, one] : sums) {
    for (const auto& [kind, count] : one.failures) text.sample(as_number(count), {{"model", model}, {"kind", kind}});
  }
  text.family("assay_tokens_total", Type::counter,
              "Tokens by type; cached ones are part of input, reasoning ones of output.");
  for (const auto& [model, one] : sums) {
    for (const auto& [type, count] : {std::pair("input", one.in), std::pair("cached", one.cached),
                                      std::pair("output", one.out), std::pair("reasoning", one.reasoning)}) {
      text.sample(as_number(count), {{"model", model}, {"type", type}});
    }
  }
  each("assay_cost_usd_total", Type::counter, "What calls have cost, in USD.",
       [](const CallSums& one) { return one.cost_usd; });
  each("assay_cost_possible_usd", Type::gauge, "What tries of unknown outcome may cost besides, at most, in USD.",
       [](const CallSums& one) { return one.possible_usd; });
  each("assay_cost_saved_usd_total", Type::counter, "What answers from the cache had cost, in USD.",
       [](const CallSums& one) { return one.saved_usd; });
}

void MetricsCollector::put_lanes(MetricsText& text) const {
  std::vector<ModelFacts> lanes = models_.list();
  std::erase_if(lanes, [](const ModelFacts& facts) { return !facts.details.contains("in_flight"); });
  const auto labels = [](const ModelFacts& lane) {
    return MetricsText::Labels{{"model", lane.name}, {"address", lane.address}, {"key", lane.key}};
  };
  const auto each = [&](std::string_view name, Type type, std::string_view help, const char* member) {
    text.family(name, type, help);
    for (const ModelFacts& lane : lanes) text.sample(lane.details.at(member).get<double>(), labels(lane));
  };
  each("assay_lane_calls_in_flight", Type::gauge, "Calls in flight by lane: a key at an address for a model.",
       "in_flight");
  each("assay_lane_calls_waiting", Type::gauge, "Calls that the limits of their lane hold back.", "waiting");
  each("assay_lane_admitted_total", Type::counter, "Tries that a lane let go out since the program started.",
       "admitted");
  each("assay_lane_refusals_total", Type::counter, "Tries refused for their rate since the program started.",
       "rejected");
  each("assay_lane_pause_seconds", Type::gauge, "Time left of a lane's pause.", "paused_seconds");
  text.family("assay_lane_limit", Type::gauge,
              "Limits in force by dimension (per minute, rpd per day) and where they come from.");
  for (const ModelFacts& lane : lanes) {
    for (const Json& limit : lane.details.at("limits")) {
      MetricsText::Labels all = labels(lane);
      all.emplace_back("dimension", limit.at("dimension").get<std::string>());
      all.emplace_back("source", limit.at("source").get<std::string>());
      text.sample(limit.at("value").get<double>(), all);
    }
  }
}

void MetricsCollector::put_budgets(MetricsText& text) const {
  const std::vector<BudgetState> states = budget_.states(experiment_.clock().wall());
  const auto labels = [&](const BudgetScope& scope) {
    using Of = BudgetScope::Of;
    const RunTable::Reader table = experiment_.table().read();
    const std::string of = scope.of == Of::experiment ? "experiment"
                           : scope.of == Of::batch    ? "batch"
                           : scope.of == Of::model    ? "model"
                           : scope.of == Of::run      ? "run"
                                                      : "day";
    const std::string name = scope.of == Of::model ? scope.model
                             : scope.of == Of::batch && scope.batch < table.batches().size()
                                 ? table.batch(scope.batch).name
                                 : std::string();
    return MetricsText::Labels{{"of", of}, {"name", name}};
  };
  const auto each = [&](std::string_view name, std::string_view help, auto value) {
    text.family(name, Type::gauge, help);
    for (const BudgetState& state : states) text.sample(value(state), labels(state.scope));
  };
  each("assay_budget_cap_usd", "Spend caps; of run: each run's, of day: each day's.",
       [](const BudgetState& state) { return to_usd(state.cap); });
  each("assay_budget_spent_usd", "Spent under a cap; of run: by the run with the least left.",
       [](const BudgetState& state) { return to_usd(state.settled + state.possible); });
  each("assay_budget_reserved_usd", "Reserved under a cap for calls in flight.",
       [](const BudgetState& state) { return to_usd(state.reserved); });
  each("assay_budget_calls_waiting", "Calls that wait for room under a cap.",
       [](const BudgetState& state) { return as_number(state.waiting); });
}

void MetricsCollector::put_process(MetricsText& text) const {
  const Engine::Totals totals = experiment_.engine().totals();
  const StoreHealth health = experiment_.store().health();
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    text.family(name, Type::gauge, help);
    text.sample(value);
  };
  gauge("assay_calls_in_flight", "Calls that are on their way.", as_number(totals.in_flight_calls));
  gauge("assay_worker_threads", "Threads that execute runs.", static_cast<double>(totals.threads));
  gauge("assay_resident_memory_bytes", "Memory that the program holds.", as_number(resident_bytes()));
  gauge("assay_store_queue_changes", "Changes that wait to be committed.", static_cast<double>(health.queued));
  gauge("assay_store_file_bytes", "Size of the experiment file.", as_number(health.file_bytes));
  gauge("assay_store_wal_bytes", "Of it not yet merged.", as_number(health.wal_bytes));
  gauge("assay_store_writable", "0 when nothing can be recorded: disk full, or worse.", health.writable ? 1 : 0);
  text.family("assay_store_commits_total", Type::counter, "Commits since the program started.");
  text.sample(as_number(health.commits));
  text.family("assay_store_changes_total", Type::counter, "Changes committed since the program started.");
  text.sample(as_number(health.changes));
}

std::string MetricsCollector::collect(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  const Sums calls = read_calls(stop);
  MetricsText text;
  text.family("assay_info", Type::gauge, "The experiment that is open.");
  text.sample(1, {{"experiment", experiment_.store().path()}});
  put_runs(text);
  put_jobs(text);
  put_calls(text, calls);
  put_lanes(text);
  put_budgets(text);
  put_process(text);
  return text.text();
}

}  // namespace assay
