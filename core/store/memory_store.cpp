#include "core/store/memory_store.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>

#include "core/store/agent_group.hpp"
#include "core/store/applier.hpp"
#include "core/store/host.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

struct MemoryRun {
  BatchId batch = 0;
  std::string id, data, answer, context;
  std::uint32_t attempt = 0;  // the newest that has ended
  StoredRunRow row;           // of that one
};

struct MemoryCall {
  CallRecord record;
  std::string request, reply;
  std::vector<TryRecord> tries;  // but the last
};

Score finite(Score score) {
  std::erase_if(score.metrics, [](const auto& metric) { return !std::isfinite(metric.second); });
  return score;
}

std::string text_of(const Json& value) { return value.is_null() ? std::string() : dump_json(value); }

class MemoryStore final : public Store {
 public:
  MemoryStore() {
    recovery_.created = true;
    worker_ = std::thread([this] { work(); });
  }
  ~MemoryStore() override {
    {
      const std::lock_guard lock(queue_mutex_);
      stop_ = true;
    }
    ready_.notify_all();
    worker_.join();
  }

  void submit(std::vector<Change> changes, std::function<void()> committed) override {
    const std::lock_guard lock(queue_mutex_);
    for (const Change& change : changes) {
      const auto* batch = std::get_if<AddBatch>(&change);
      if (!batch) continue;
      if (batch->info.first != next_run_ || batch->info.id != next_batch_) {
        throw Error("internal", "a batch must begin at the next run and batch id", batch->info.name);
      }
      next_run_ += static_cast<std::uint32_t>(batch->runs ? batch->runs->size() : 0);
      ++next_batch_;
    }
    queued_ += changes.size();
    queue_.push_back({std::move(changes), std::move(committed)});
    ready_.notify_all();
  }
  void write(std::vector<Change> changes) override {
    std::mutex mutex;
    std::condition_variable ready;
    bool done = false;
    submit(std::move(changes), [&] {
      const std::lock_guard lock(mutex);
      done = true;
      ready.notify_all();
    });
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return done; });
  }
  bool congested() const override { return false; }
  void flush() override { write({}); }
  StoreHealth health() const override {
    StoreHealth out;
    out.queued = queued_;
    out.commits = commits_;
    out.changes = changes_;
    return out;
  }

  std::vector<BatchInfo> batches() override {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  void each_run(const std::function<void(const StoredRunRow&)>& visit) override {
    std::vector<StoredRunRow> rows;
    std::deque<std::string> ids;
    {
      const std::lock_guard lock(mutex_);
      for (RunId run = 0; run < runs_.size(); ++run) rows.push_back(row_of_run(run, ids));
    }
    for (const StoredRunRow& row : rows) visit(row);
  }
  StoredPayloads payloads(RunId run) override {
    const std::lock_guard lock(mutex_);
    return run < runs_.size() ? payloads_of(run) : StoredPayloads{};
  }
  void each_payload(RunId first, std::uint32_t count, const std::function<bool(RunId)>& wanted,
                    const std::function<void(RunId, const StoredPayloads&)>& visit) override {
    for (RunId run = first; run < first + count; ++run) {
      if (!wanted || wanted(run)) visit(run, payloads(run));
    }
  }
  std::vector<StoredAttempt> attempts(RunId run) override {
    const std::lock_guard lock(mutex_);
    std::vector<StoredAttempt> out;
    for (const auto& [key, attempt] : attempts_) {
      if (key.first == run) out.push_back(current(run, attempt));
    }
    return out;
  }
  std::vector<StoredStep> steps(RunId run, std::uint32_t attempt) override {
    const std::lock_guard lock(mutex_);
    std::vector<StoredStep> out;
    if (const auto found = steps_.find({run, attempt}); found != steps_.end()) {
      for (const auto& [number, checkpoint] : found->second) out.push_back({number, checkpoint});
    }
    return out;
  }
  std::vector<CallRecord> calls(RunId run, std::optional<std::uint32_t> attempt) override {
    return select([&](const CallRecord& call) { return call.run == run && (!attempt || call.attempt == *attempt); });
  }
  void each_call(CallId first, CallId last, const std::function<void(const CallRecord&)>& visit) override {
    std::vector<CallRecord> found;
    {
      const std::lock_guard lock(mutex_);
      for (auto it = calls_.lower_bound(first); it != calls_.end() && it->first <= last; ++it) {
        found.push_back(it->second.record);
      }
    }
    for (const CallRecord& call : found) visit(call);
  }
  std::vector<TryRecord> tries(CallId call) override {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call);
    if (found == calls_.end()) return {};
    std::vector<TryRecord> out = found->second.tries;
    out.push_back(found->second.record.last_try);
    return out;
  }
  std::string call_request(CallId call) override {
    const std::lock_guard lock(mutex_);
    return calls_[call].request;
  }
  std::string call_reply(CallId call) override {
    const std::lock_guard lock(mutex_);
    return calls_[call].reply;
  }
  std::vector<CallRecord> calls_in_doubt() override {
    return select([](const CallRecord& call) { return call.doubt != CallDoubt::none; });
  }
  std::vector<StoredLog> logs(RunId run, std::uint32_t offset) override {
    const std::lock_guard lock(mutex_);
    const std::vector<StoredLog>& all = logs_[run];
    return {all.begin() + std::min<std::ptrdiff_t>(offset, static_cast<std::ptrdiff_t>(all.size())), all.end()};
  }
  std::vector<StoredPause> pauses() override {
    const std::lock_guard lock(mutex_);
    std::vector<StoredPause> out;
    for (const auto& [lane, pause] : pauses_) out.push_back({pause});
    return out;
  }
  void each_publication(RunId first, std::uint32_t count,
                        const std::function<void(StoredPublication&&)>& visit) override {
    const std::lock_guard lock(mutex_);
    for (auto it = published_.lower_bound({first, "", 0}); it != published_.end(); ++it) {
      const auto& [run, name, attempt] = it->first;
      if (run - first >= count) break;
      visit({run, attempt, it->second.first, name, it->second.second});
    }
  }
  std::string note(const std::string& name) override {
    const std::lock_guard lock(mutex_);
    const auto found = notes_.find(name);
    return found == notes_.end() ? std::string() : found->second;
  }
  std::vector<std::pair<std::string, std::string>> notes(const std::string& prefix) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& [name, text] : notes_) {
      if (name.starts_with(prefix) && !text.empty()) out.emplace_back(name, text);
    }
    return out;
  }
  CallCounts call_counts() override {
    const std::lock_guard lock(mutex_);
    CallCounts out;
    for (const auto& [id, call] : calls_) {
      out.answered += call.record.state == CallState::answered;
      out.failed += call.record.state == CallState::failed;
      out.in_doubt += call.record.doubt != CallDoubt::none;
    }
    return out;
  }
  std::vector<CostRow> cost(const std::string& by) override;
  std::optional<KeptAnswer> find_answer(const Hash128& hash, RunId run, std::string_view key, bool shared) override {
    const std::lock_guard lock(mutex_);
    const auto found = shared ? answers_.lower_bound({hash, "", ""})
                              : answers_.find({hash, run < runs_.size() ? runs_[run].id : "", std::string(key)});
    if (found == answers_.end() || std::get<0>(found->first) != hash) return std::nullopt;
    const MemoryCall& call = calls_[found->second];
    const MemoryRun& given = runs_[call.record.run];
    return KeptAnswer{found->second, batches_[given.batch].name + ":" + given.id, call.reply, call.record.model,
                      call.record.cost};
  }
  KeptFigures kept_figures() override {
    const std::lock_guard lock(mutex_);
    KeptFigures figures;
    figures.entries = answers_.size();
    for (const auto& [key, id] : answers_) figures.bytes += calls_[id].reply.size();
    for (const auto& [id, call] : calls_) {
      if (!call.record.from_cache) continue;
      ++figures.hits;
      figures.saved += call.record.saved;
    }
    return figures;
  }
  std::vector<std::string> check() override { return {}; }

  RunId next_run() const override { return next_run_; }
  BatchId next_batch() const override { return next_batch_; }
  CallId reserve_call() override { return next_call_++; }
  std::string experiment_id() const override { return id_; }
  std::string path() const override { return ":memory:"; }
  const Recovery& recovery() const override { return recovery_; }
  bool read_only() const override { return false; }

 private:
  struct Job {
    std::vector<Change> changes;
    std::function<void()> committed;
  };

  void work() {
    std::vector<Job> jobs;
    for (;;) {
      {
        std::unique_lock lock(queue_mutex_);
        ready_.wait(lock, [&] { return stop_ || !queue_.empty(); });
        if (queue_.empty()) return;
        jobs.swap(queue_);
      }
      for (Job& job : jobs) {
        {
          const std::lock_guard lock(mutex_);
          for (Change& change : job.changes) {
            std::visit([&](auto& value) { apply(value); }, change);
          }
        }
        ++commits_;
        changes_ += job.changes.size();
        queued_ -= job.changes.size();
        if (job.committed) job.committed();
      }
      jobs.clear();
    }
  }

  void apply(AddBatch& change) {
    change.info.count = static_cast<std::uint32_t>(change.runs ? change.runs->size() : 0);
    batches_.push_back(change.info);
    for (std::uint32_t i = 0; i < change.info.count; ++i) {
      const NewRun& from = (*change.runs)[i];
      const auto run = static_cast<RunId>(runs_.size());
      MemoryRun& to = runs_.emplace_back();
      to.batch = change.info.id;
      to.id = from.id;
      to.data = text_of(from.data);
      to.answer = text_of(from.answer);
      to.context = context_text(from.context);
      to.row.status = from.status;
      to.row.score = finite(from.score);
      to.row.error = from.error;
      to.row.steps = from.steps;
      to.row.usage = from.usage;
      to.row.facets = from.facets;
      for (const AttemptSummary& summary : from.attempts) {
        StoredAttempt attempt;
        attempt.number = summary.number;
        attempt.outcome = summary.outcome;
        attempt.error = summary.error;
        attempt.seconds = summary.seconds;
        attempt.imported = true;
        if (&summary == &from.attempts.back()) {
          attempt.steps = from.steps;
          attempt.score.verdict = from.score.verdict;
        }
        attempts_[{run, summary.number}] = {attempt, summary.outcome == Status::incomplete};
        if (summary.number >= to.attempt) {
          to.attempt = summary.number;
          to.row.seconds = summary.seconds;
        }
      }
      if (from.start) {
        steps_[{run, kStartAttempt}][from.start->number] =
            checkpoint_text(from.start->answer, from.start->context, from.start->state);
      }
      for (const auto& [name, value] : from.published) {
        published_[{run, name, to.attempt}] = {from.start ? from.start->number : 0, dump_json(value)};
      }
      for (const Json& log : from.logs) {
        logs_[run].push_back({to.attempt, change.info.created_at, LogLevel::info, true, dump_json(log)});
      }
    }
  }
  void apply(BeginAttempt& change) {
    StoredAttempt attempt;
    attempt.number = change.number;
    attempt.begun_at = change.at;
    attempts_.try_emplace({change.run, change.number}, MemoryAttempt{attempt, true});
  }
  void apply(SendCall& change) {
    calls_.try_emplace(change.call.id, MemoryCall{std::move(change.call), std::move(change.request), {}, {}});
  }
  void apply(RetryCall& change) {
    MemoryCall& call = calls_[change.call];
    std::erase_if(call.tries, [&](const TryRecord& old) { return old.number == change.previous.number; });
    call.tries.push_back(change.previous);
    if (call.record.state == CallState::answered || call.record.state == CallState::refused) return;
    call.record.state = CallState::sent;
    call.record.last_try = change.next;
    call.record.reserved = change.reserved;
    call.record.possible = change.possible;
    if (change.doubt != CallDoubt::none) call.record.doubt = change.doubt;
  }
  void apply(EndCall& change) {
    MemoryCall& call = calls_[change.call];
    if (call.record.state == CallState::answered || call.record.state == CallState::refused) return;
    call.record.state = change.state;
    if (change.doubt != CallDoubt::none) call.record.doubt = change.doubt;
    call.record.last_try = change.last_try;
    if (!change.model.empty()) call.record.model = change.model;
    call.record.usage = change.usage;
    call.record.reserved = 0;
    call.record.cost = change.cost;
    call.record.possible = change.possible;
    call.record.priced = change.priced;
    call.record.from_cache = change.from_cache;
    call.record.saved = change.saved;
    call.reply = std::move(change.reply);
    if (change.keep_answer)
      answers_[{call.record.request_hash, runs_[call.record.run].id, call.record.key}] = change.call;
  }
  void apply(ClearAnswers& change) {
    if (change.all) answers_.clear();
    std::set<AnswerKey> wanted;
    for (const auto& [id, call] : calls_) {
      if (std::find(change.runs.begin(), change.runs.end(), call.record.run) == change.runs.end()) continue;
      wanted.emplace(call.record.request_hash, runs_[call.record.run].id, call.record.key);
    }
    std::erase_if(answers_, [&](const auto& answer) {
      if (!change.shared) return wanted.contains(answer.first);
      const auto of_hash = wanted.lower_bound({std::get<0>(answer.first), "", ""});
      return of_hash != wanted.end() && std::get<0>(*of_hash) == std::get<0>(answer.first);
    });
  }
  void apply(EndStep& change) { steps_[{change.run, change.attempt}][change.number] = std::move(change.checkpoint); }
  void apply(EndAttempt& change) {
    StoredAttempt fresh;
    fresh.number = change.number;
    fresh.begun_at = change.at;
    MemoryAttempt& attempt =
        attempts_.try_emplace({change.run, change.number}, MemoryAttempt{fresh, true}).first->second;
    if (!attempt.open || change.run >= runs_.size()) return;
    StoredAttempt& to = attempt.stored;
    to.outcome = change.status;
    to.steps = change.steps;
    to.seconds = change.seconds;
    to.usage = change.usage;
    to.error = change.error;
    if (change.status != Status::complete && change.status != Status::fail) return;
    attempt.open = false;
    to.imported = false;
    to.ended_at = change.at;
    to.score = finite(change.score);
    to.answer = std::move(change.answer);
    to.context = std::move(change.context);
    MemoryRun& run = runs_[change.run];
    run.row.usage = run.row.usage + change.usage;
    if (run.attempt > change.number) return;
    run.attempt = change.number;
    run.row.status = to.outcome;
    run.row.score = to.score;
    run.row.error = to.error;
    run.row.steps = to.steps;
    run.row.seconds = to.seconds;
    run.row.ended_at = change.at;
    run.answer = to.answer;
    run.context = to.context;
  }
  void apply(AppendLog& change) {
    logs_[change.run].push_back({change.attempt, change.at, change.level, change.from_runner, std::move(change.text)});
  }
  void apply(SetEvaluation& change) {
    if (change.run >= runs_.size()) return;
    MemoryRun& run = runs_[change.run];
    run.row.status = change.status;
    run.row.score = finite(change.score);
    run.row.error = change.error;
    if (!change.keep_answer) run.answer = change.answer;
  }
  void apply(RenameBatch& change) {
    if (change.batch < batches_.size()) batches_[change.batch].name = change.name;
  }
  void apply(SetPinned& change) {
    if (change.batch < batches_.size()) batches_[change.batch].pinned = parse_json(change.pinned, "pinned");
  }
  void apply(SetDropped& change) {
    for (const BatchId batch : change.batches) {
      if (batch < batches_.size()) batches_[batch].dropped = change.dropped;
    }
    for (const RunId run : change.runs) {
      if (run < runs_.size()) runs_[run].row.dropped = change.dropped;
    }
  }
  void apply(PutPause& change) { pauses_[change.lane] = change; }
  void apply(ClearPause& change) { pauses_.erase(change.lane); }
  void apply(Publish& change) {
    published_[{change.run, std::move(change.name), change.attempt}] = {change.step, std::move(change.value)};
  }
  void apply(PutNote& change) { notes_[change.name] = change.text; }

  struct MemoryAttempt {
    StoredAttempt stored;
    bool open = true;
  };

  UsageSum usage_of(RunId run, std::uint32_t attempt) const {
    UsageSum sum;
    for (const auto& [id, call] : calls_) {
      const CallRecord& record = call.record;
      if (record.run != run || record.attempt != attempt) continue;
      const TokenUsage& usage = record.usage;
      sum = sum + UsageSum{1,
                           usage.in.value_or(0),
                           usage.cached.value_or(0),
                           usage.out.value_or(0),
                           usage.reasoning.value_or(0),
                           record.cost,
                           record.possible};
    }
    return sum;
  }
  StoredAttempt current(RunId run, const MemoryAttempt& attempt) const {
    StoredAttempt out = attempt.stored;
    if (!attempt.open || out.imported) return out;
    out.outcome = Status::incomplete;
    out.usage = usage_of(run, out.number);
    if (const auto found = steps_.find({run, out.number}); found != steps_.end() && !found->second.empty()) {
      out.steps = std::max(out.steps, found->second.rbegin()->first);
    }
    return out;
  }
  bool has_newer(RunId run) const {
    for (auto it = attempts_.upper_bound({run, runs_[run].attempt}); it != attempts_.end() && it->first.first == run;
         ++it) {
      if (it->second.open) return true;
    }
    return false;
  }
  StoredRunRow row_of_run(RunId run, std::deque<std::string>& ids) const {
    StoredRunRow row = runs_[run].row;
    row.run = run;
    row.attempts = runs_[run].attempt;
    row.id = ids.emplace_back(runs_[run].id);
    for (auto it = attempts_.lower_bound({run, 0}); it != attempts_.end() && it->first.first == run; ++it) {
      if (!it->second.open || (it->second.stored.imported && it->first.second <= runs_[run].attempt)) continue;
      const StoredAttempt open = current(run, it->second);
      row.usage = row.usage + open.usage;
      if (open.number <= runs_[run].attempt) continue;
      row.status = Status::incomplete;
      row.score = {};
      row.error = open.error;
      row.attempts = open.number;
      row.steps = open.steps;
      row.seconds = open.seconds;
      row.ended_at = 0;
    }
    return row;
  }
  StoredPayloads payloads_of(RunId run) const {
    StoredPayloads out;
    out.data = runs_[run].data;
    if (has_newer(run)) return out;
    out.answer = runs_[run].answer;
    out.context = runs_[run].context;
    return out;
  }
  template <typename Predicate>
  std::vector<CallRecord> select(Predicate predicate) const {
    const std::lock_guard lock(mutex_);
    std::vector<CallRecord> out;
    for (const auto& [id, call] : calls_) {
      if (predicate(call.record)) out.push_back(call.record);
    }
    return out;
  }

  Recovery recovery_;
  std::string id_ = random_id();
  std::atomic<CallId> next_call_{1};
  std::atomic<RunId> next_run_{0};
  std::atomic<BatchId> next_batch_{0};
  std::atomic<std::size_t> queued_{0};
  std::atomic<std::uint64_t> commits_{0}, changes_{0};

  mutable std::mutex mutex_;  // guards the records
  std::vector<BatchInfo> batches_;
  std::vector<MemoryRun> runs_;
  std::map<std::pair<RunId, std::uint32_t>, MemoryAttempt> attempts_;
  std::map<std::pair<RunId, std::uint32_t>, std::map<std::uint32_t, std::string>> steps_;
  std::map<CallId, MemoryCall> calls_;
  std::map<RunId, std::vector<StoredLog>> logs_;
  std::map<std::string, PutPause> pauses_;
  std::map<std::tuple<RunId, std::string, std::uint32_t>, std::pair<std::uint32_t, std::string>> published_;
  std::map<std::string, std::string> notes_;
  using AnswerKey = std::tuple<Hash128, std::string, std::string>;  // request, item, place
  std::map<AnswerKey, CallId> answers_;

  std::mutex queue_mutex_;  // guards what follows
  std::condition_variable ready_;
  std::vector<Job> queue_;
  bool stop_ = false;
  std::thread worker_;
};

std::vector<Store::CostRow> MemoryStore::cost(const std::string& by) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, CostRow> groups;
  for (const auto& [id, call] : calls_) {
    const CallRecord& record = call.record;
    std::string name = record.model;
    if (by == "batch") name = batches_[runs_[record.run].batch].name;
    if (by == "kind") name = batches_[runs_[record.run].batch].kind;
    if (by == "agent") name = agent_group(record.key, record.model);
    if (by == "day") {
      const auto seconds = static_cast<std::time_t>(record.last_try.sent_at / 1'000'000);
      std::tm parts{};
      ::gmtime_r(&seconds, &parts);
      char text[16];
      name.assign(text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts));
    }
    CostRow& group = groups[name];
    group.group = name;
    ++group.calls;
    group.in += record.usage.in.value_or(0);
    group.cached += record.usage.cached.value_or(0);
    group.out += record.usage.out.value_or(0);
    group.reasoning += record.usage.reasoning.value_or(0);
    group.cost += record.cost;
    group.possible += record.possible;
    group.unpriced += !record.priced && record.state == CallState::answered;
    group.from_cache += record.from_cache;
    group.saved += record.saved;
  }
  std::vector<CostRow> out;
  for (auto& [name, group] : groups) out.push_back(std::move(group));
  return out;
}

}  // namespace

std::unique_ptr<Store> open_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace assay
