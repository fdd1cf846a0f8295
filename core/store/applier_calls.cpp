// The changes that belong to a call: sent, tried again, ended; and what is summed up of it.

#include <tuple>

#include "core/store/applier_rows.hpp"

namespace assay {
namespace {

constexpr std::size_t kOpenCalls = 50'000;  // kept in memory until they end

bool has_result(const CallRow& row) {
  return row.state == static_cast<std::int64_t>(CallState::answered) ||
         row.state == static_cast<std::int64_t>(CallState::refused);
}

void set_usage(CallRow& row, const TokenUsage& usage) {
  row.in = usage.in;
  row.cached = usage.cached;
  row.cache_write = usage.cache_write;
  row.out = usage.out;
  row.reasoning = usage.reasoning;
}

}  // namespace

void Applier::apply_change(const SendCall& change, const PreparedChange& prepared) {
  const CallRecord& call = change.call;
  const std::string hash = to_bytes(call.request_hash);
  CallRow row;
  row.id = static_cast<std::int64_t>(call.id);
  row.run = row_of(call.run);
  row.attempt = call.attempt;
  row.step = call.step;
  row.key = call.key;
  row.number = call.number;
  row.state = static_cast<std::int64_t>(call.state);
  row.doubt = static_cast<std::int64_t>(call.doubt);
  row.imported = call.imported ? 1 : 0;
  row.model = call.model;
  row.lane = call.lane;
  row.hash = hash;
  row.request = store(prepared.first);
  row.tries = call.last_try.number;
  row.last_try = TryColumns(call.last_try);
  set_usage(row, call.usage);
  row.reserved = call.reserved;
  row.cost = call.cost;
  row.possible = call.possible;
  row.priced = call.priced ? 1 : 0;
  row.ver = ver_;
  auto statement = connection_.use(
      "INSERT INTO call VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,"
      "?25,?26,?27,?28,?29,?30,?31,?32,?33,?34) ON CONFLICT (id) DO NOTHING");
  const std::int64_t sum = RowWriter(CallRow::kTable, statement.get()).bind(row);
  statement.step();
  if (sqlite3_changes64(connection_.get()) == 1) {
    note_call(row, sum);
    if (call.state == CallState::sent && open_calls_.size() < kOpenCalls) open_calls_[row.id] = copy_of(row);
    if (!digest_is_open(row.run, row.attempt, row.step)) {
      refresh_digests(row.run, row.attempt, row.step, ver_, usage_of(row));
    }
  }
}

void Applier::apply_change(const RetryCall& change, const PreparedChange&) {
  CallRow row;
  UsageColumns before;
  open_calls_.erase(static_cast<std::int64_t>(change.call));
  {
    auto statement = connection_.use("SELECT * FROM call WHERE id = ?1");
    if (!load(statement, call_reader_, row, static_cast<std::int64_t>(change.call), 0)) return;
    TryRow previous;
    previous.call = row.id;
    previous.n = change.previous.number;
    previous.columns = TryColumns(change.previous);
    previous.ver = ver_;
    put(previous);
    put_details(row.id, change.previous);
    if (has_result(row)) return;
    before = usage_of(row);
    row.state = static_cast<std::int64_t>(CallState::sent);
    if (change.doubt != CallDoubt::none) row.doubt = static_cast<std::int64_t>(change.doubt);  // a mark stays
    row.tries = change.next.number;
    row.last_try = TryColumns(change.next);
    row.reserved = change.reserved;
    row.possible = change.possible;
    row.ver = ver_;
    note_call(row, update(row));
  }
  if (!digest_is_open(row.run, row.attempt, row.step)) {
    refresh_digests(row.run, row.attempt, row.step, ver_, usage_of(row).minus(before));
  }
}

void Applier::apply_change(const EndCall& change, const PreparedChange& prepared) {
  if (auto open = open_calls_.extract(static_cast<std::int64_t>(change.call))) {
    end_call(open.mapped().row, change, prepared);
    return;
  }
  CallRow row;
  auto statement = connection_.use("SELECT * FROM call WHERE id = ?1");
  if (!load(statement, call_reader_, row, static_cast<std::int64_t>(change.call), 0)) return;
  end_call(row, change, prepared);
}

void Applier::end_call(CallRow& row, const EndCall& change, const PreparedChange& prepared) {
  if (has_result(row)) return;
  const UsageColumns before = usage_of(row);
  row.state = static_cast<std::int64_t>(change.state);
  if (change.doubt != CallDoubt::none) row.doubt = static_cast<std::int64_t>(change.doubt);  // a mark stays
  if (!change.model.empty()) row.model = change.model;
  row.reply = store(prepared.first);
  row.tries = change.last_try.number;
  row.last_try = TryColumns(change.last_try);
  set_usage(row, change.usage);
  row.reserved = 0;
  row.cost = change.cost;
  row.possible = change.possible;
  row.priced = change.priced ? 1 : 0;
  if (change.from_cache) {
    row.imported = CallRow::kFromCache;
    row.reserved = change.saved;
  }
  row.ver = ver_;
  note_call(row, update(row));
  put_details(row.id, change.last_try);
  if (change.keep_answer) keep_answer(row, prepared.first.size);
  if (written_.size() < 100'000) written_.push_back({WrittenRow::Table::call, row.id, ver_});
  if (!digest_is_open(row.run, row.attempt, row.step)) {
    refresh_digests(row.run, row.attempt, row.step, ver_, usage_of(row).minus(before));
  }
}

void Applier::put_details(std::int64_t call, const TryRecord& one) {
  if (one.details.empty() || one.kind.empty()) return;  // of an answered one: TryColumns
  TryDetailRow row;
  row.call = call;
  row.n = one.number;
  row.details = one.details;
  row.ver = ver_;
  put(row);
}

void Applier::update_call(const CallRow& row) { update(row); }
void Applier::update_attempt(const AttemptRecord& row) { update(row); }

bool Applier::digest_is_open(std::int64_t run_row, std::int64_t attempt, std::int64_t step) {
  const OpenAttempt* open = find_open(run_row, attempt);
  return open != nullptr && step > open->last_step;
}

UsageColumns Applier::usage_of(const CallRow& row) {
  UsageColumns usage;
  usage.calls = 1;
  usage.in = row.in.value_or(0);
  usage.cached = row.cached.value_or(0);
  usage.out = row.out.value_or(0);
  usage.reasoning = row.reasoning.value_or(0);
  usage.cost = row.cost;
  usage.possible = row.possible;
  return usage;
}

void Applier::refresh_digests(std::int64_t run_row, std::int64_t attempt, std::int64_t step, std::int64_t ver,
                              const UsageColumns& news) {
  {
    auto statement = connection_.use("SELECT * FROM step WHERE run = ?1 AND attempt = ?2 AND n = ?3");
    statement.bind(1, run_row).bind(2, attempt).bind(3, step);
    StepRecord record;
    if (statement.step() && RowReader(StepRecord::kTable).read(statement.get(), record)) {
      std::tie(record.n_calls, record.calls_xor) = digest(run_row, attempt, step);
      record.ver = ver;
      put(record);
    }
  }
  auto statement = connection_.use("SELECT * FROM attempt WHERE id = ?1");
  AttemptRecord record;
  if (!load(statement, attempt_reader_, record, attempt_row(run_row, attempt), run_row) || !record.ended_at) return;
  std::tie(record.n_calls, record.calls_xor) = digest(run_row, attempt, -1);
  record.usage = record.usage.plus(news);
  record.ver = ver;
  update(record);
  if (news == UsageColumns{}) return;
  auto reading = connection_.use("SELECT * FROM run WHERE id = ?1");
  RunRecord run;
  if (!load(reading, run_reader_, run, run_row, run_row)) return;
  run.usage = run.usage.plus(news);
  run.ver = ver;
  update(run);
}

}  // namespace assay
