// What is read of one run, one call, and over all calls.

#include <algorithm>
#include <ctime>

#include "core/store/agent_group.hpp"
#include "core/store/sqlite_impl.hpp"
#include "core/text/error.hpp"

namespace assay {

bool SqliteStore::has_newer_attempt(Connection& connection, std::int64_t run_row, std::int64_t attempt) {
  auto statement = connection.use("SELECT 1 FROM attempt WHERE id > ?1 AND id <= ?2 AND ended_at IS NULL LIMIT 1");
  return statement.bind(1, attempt_row(run_row, attempt)).bind(2, attempt_row(run_row, 0xFFFF)).step();
}

StoredPayloads SqliteStore::payloads_of(Connection& connection, const RunRecord& run) {
  StoredPayloads out;
  const RunId id = run_of(run.id);
  resolve_into(connection, run.data, "data", id, out.data, out.damaged);
  if (!has_newer_attempt(connection, run.id, run.attempt)) {
    resolve_into(connection, run.answer, "answer", id, out.answer, out.damaged);
    resolve_into(connection, run.context, "context", id, out.context, out.damaged);
  }
  return out;
}

StoredPayloads SqliteStore::payloads(RunId run) {
  StoredPayloads out;
  each_payload(run, 1, {}, [&](RunId, const StoredPayloads& found) { out = found; });
  return out;
}

void SqliteStore::each_payload(RunId first, std::uint32_t count, const std::function<bool(RunId)>& wanted,
                               const std::function<void(RunId, const StoredPayloads&)>& visit) {
  constexpr std::uint32_t page_rows = 256;
  std::vector<std::pair<RunId, StoredPayloads>> page;
  for (std::uint32_t at = 0; at < count; at += page_rows) {
    const RunId begin = first + at, end = first + std::min(count, at + page_rows);
    page.clear();
    for (RunId run = begin; run < end; ++run) {
      if (!wanted || wanted(run)) page.emplace_back(run, StoredPayloads{});
    }
    if (page.empty()) continue;
    {
      const Lease lease(*this);
      RowReader reader(RunRecord::kTable);
      RunRecord record;
      for (auto& [run, payloads] : page) {
        bool found = false;
        try {
          auto statement = lease->use("SELECT * FROM run WHERE id = ?1");
          statement.bind(1, row_of(run));
          if (!statement.step()) {
            if (run >= next_run_) continue;
          } else if (reader.read(statement.get(), record)) {
            payloads = payloads_of(*lease, record);
            found = true;
          }
        } catch (const SqliteFailure& failure) {
          if (!failure.corrupt()) throw Error("store", std::string("can't be read: ") + failure.what(), options_.path);
        }
        if (found) continue;
        payloads = {};
        payloads.damaged = {"data: the run's record", "answer: the run's record", "context: the run's record"};
        found_damage("run", std::to_string(row_of(run)), "checksum or missing", row_of(run));
      }
    }
    for (const auto& [run, payloads] : page) visit(run, payloads);
  }
}

std::vector<StoredAttempt> SqliteStore::attempts(RunId run) {
  const Lease lease(*this);
  std::vector<StoredAttempt> out;
  auto statement = lease->use("SELECT * FROM attempt WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
  statement.bind(1, attempt_row(row_of(run), 0)).bind(2, attempt_row(row_of(run), 0xFFFF));
  RowReader reader(AttemptRecord::kTable);
  AttemptRecord record;
  std::vector<std::string> damaged;
  while (statement.step()) {
    if (!reader.read(statement.get(), record)) {
      found_damage("attempt", std::to_string(statement.number(0)), "checksum", row_of(run));
      continue;
    }
    StoredAttempt& attempt = out.emplace_back();
    attempt.number = static_cast<std::uint32_t>(record.n);
    attempt.begun_at = record.begun_at;
    attempt.ended_at = record.ended_at.value_or(0);
    attempt.outcome = record.ended_at ? static_cast<Status>(record.outcome) : Status::incomplete;
    attempt.score.verdict = static_cast<Verdict>(record.verdict);
    decode_metrics(record.metrics, attempt.score.metrics);
    attempt.error = record.error.error();
    attempt.seconds = record.seconds;
    attempt.steps = static_cast<std::uint32_t>(record.steps);
    attempt.usage = record.usage.sum();
    attempt.imported = record.imported != 0;
    resolve_into(*lease, record.answer, "answer of an attempt", run, attempt.answer, damaged);
    resolve_into(*lease, record.context, "context of an attempt", run, attempt.context, damaged);
    if (!record.ended_at && !attempt.imported) {
      bool partial = false;
      attempt.usage = usage_of(*lease, row_of(run), record.n, partial);
      attempt.steps = std::max(attempt.steps, steps_of(*lease, row_of(run), record.n));
    }
  }
  return out;
}

std::vector<StoredStep> SqliteStore::steps(RunId run, std::uint32_t attempt) {
  const Lease lease(*this);
  std::vector<StoredStep> out;
  auto statement = lease->use("SELECT * FROM step WHERE run = ?1 AND attempt = ?2 ORDER BY n");
  statement.bind(1, row_of(run)).bind(2, static_cast<std::int64_t>(attempt));
  RowReader reader(StepRecord::kTable);
  StepRecord record;
  std::vector<std::string> damaged;
  while (statement.step()) {
    const std::string key = std::to_string(row_of(run)) + "/" + std::to_string(attempt) + "/";
    if (!reader.read(statement.get(), record)) {
      found_damage("step", key + std::to_string(statement.number(2)), "checksum", row_of(run));
      damaged.push_back("its checksum does not hold");
      break;  // this step and what follows it run again
    }
    StoredStep step{static_cast<std::uint32_t>(record.n), {}};
    resolve_into(*lease, record.checkpoint, "checkpoint", run, step.checkpoint, damaged);
    if (!damaged.empty()) break;
    out.push_back(std::move(step));
  }
  if (attempt == kStartAttempt && !damaged.empty())
    throw Error("damaged", "the steps that it shares with another run can't be read back: " + damaged.front());
  return out;
}

std::vector<CallRecord> SqliteStore::calls(RunId run, std::optional<std::uint32_t> attempt) {
  const Lease lease(*this);
  std::vector<CallRecord> out;
  each_call_of(*lease, row_of(run), attempt, [&](const CallRow& row) { out.push_back(row.record()); });
  std::sort(out.begin(), out.end(), [](const CallRecord& a, const CallRecord& b) { return a.id < b.id; });
  return out;
}

void SqliteStore::each_call(CallId first, CallId last, const std::function<void(const CallRecord&)>& visit) {
  const Lease lease(*this);
  auto statement = lease->use("SELECT * FROM call WHERE id BETWEEN ?1 AND ?2 ORDER BY id");
  statement.bind(1, static_cast<std::int64_t>(first)).bind(2, static_cast<std::int64_t>(last));
  RowReader reader(CallRow::kTable);
  CallRow row;
  while (statement.step()) {
    if (reader.read(statement.get(), row)) {
      visit(row.record());
    } else {
      found_damage("call", std::to_string(statement.number(0)), "checksum");
    }
  }
}

std::vector<TryRecord> SqliteStore::tries(CallId call) {
  const Lease lease(*this);
  std::vector<TryRecord> out;
  {
    auto statement = lease->use("SELECT * FROM try WHERE call = ?1 ORDER BY n");
    statement.bind(1, static_cast<std::int64_t>(call));
    RowReader reader(TryRow::kTable);
    TryRow row;
    while (statement.step()) {
      if (reader.read(statement.get(), row)) {
        out.push_back(row.columns.record(row.n));
      } else {
        found_damage("try", std::to_string(call) + "/" + std::to_string(statement.number(1)), "checksum");
      }
    }
  }
  auto statement = lease->use("SELECT * FROM call WHERE id = ?1");
  statement.bind(1, static_cast<std::int64_t>(call));
  CallRow row;
  if (statement.step() && RowReader(CallRow::kTable).read(statement.get(), row)) {
    if (out.empty() || out.back().number < row.tries) out.push_back(row.last_try.record(row.tries));
  }
  auto details = lease->use("SELECT * FROM try_detail WHERE call = ?1");
  details.bind(1, static_cast<std::int64_t>(call));
  RowReader reader(TryDetailRow::kTable);
  TryDetailRow detail;
  while (details.step()) {
    if (!reader.read(details.get(), detail)) {
      found_damage("try_detail", std::to_string(call) + "/" + std::to_string(details.number(1)), "checksum");
      continue;
    }
    for (TryRecord& one : out) {
      if (one.number == static_cast<std::uint32_t>(detail.n)) one.details = detail.details;
    }
  }
  return out;
}

std::string SqliteStore::call_payload(CallId call, bool reply) {
  const Lease lease(*this);
  auto statement = lease->use("SELECT * FROM call WHERE id = ?1");
  statement.bind(1, static_cast<std::int64_t>(call));
  CallRow row;
  if (!statement.step()) return {};
  if (!RowReader(CallRow::kTable).read(statement.get(), row)) {
    found_damage("call", std::to_string(call), "checksum");
    return {};
  }
  std::string out;
  std::vector<std::string> damaged;
  resolve_into(*lease, reply ? row.reply : row.request, reply ? "reply" : "request", run_of(row.run), out, damaged);
  return out;
}

std::vector<CallRecord> SqliteStore::calls_in_doubt() {
  const Lease lease(*this);
  std::vector<CallRecord> out;
  {
    auto statement = lease->use("SELECT * FROM call WHERE doubt > 0");
    RowReader reader(CallRow::kTable);
    CallRow row;
    while (statement.step()) {
      if (reader.read(statement.get(), row)) {
        out.push_back(row.record());
      } else {
        found_damage("call", std::to_string(statement.number(0)), "checksum");
      }
    }
  }
  auto statement = lease->use("SELECT row, run FROM damaged WHERE tbl = 'call' AND run IS NOT NULL");
  while (statement.step()) {
    CallRecord lost;
    const std::string id(statement.text(0));
    if (id.empty() || id.find_first_not_of("0123456789") != std::string::npos || id.size() > 18) continue;
    lost.id = static_cast<CallId>(std::stoll(id));
    lost.run = run_of(statement.number(1));
    lost.doubt = CallDoubt::damaged;
    out.push_back(std::move(lost));
  }
  std::sort(out.begin(), out.end(), [](const CallRecord& a, const CallRecord& b) { return a.id < b.id; });
  return out;
}

std::vector<StoredLog> SqliteStore::logs(RunId run, std::uint32_t offset) {
  const Lease lease(*this);
  std::vector<StoredLog> out;
  auto statement = lease->use("SELECT * FROM log WHERE run = ?1 ORDER BY seq LIMIT -1 OFFSET ?2");
  statement.bind(1, row_of(run)).bind(2, static_cast<std::int64_t>(offset));
  RowReader reader(LogRecord::kTable);
  LogRecord record;
  std::vector<std::string> damaged;
  while (statement.step()) {
    if (!reader.read(statement.get(), record)) {
      found_damage("log", std::to_string(row_of(run)) + "/" + std::to_string(statement.number(1)), "checksum",
                   row_of(run));
      continue;
    }
    StoredLog& log = out.emplace_back();
    log.attempt = static_cast<std::uint32_t>(record.attempt);
    log.at = record.at;
    log.level = static_cast<LogLevel>(record.level);
    log.from_runner = record.from_runner != 0;
    const std::size_t before = damaged.size();
    resolve_into(*lease, record.text, "log", run, log.text, damaged);
    if (damaged.size() != before) out.pop_back();
  }
  return out;
}

std::vector<StoredPause> SqliteStore::pauses() {
  const Lease lease(*this);
  std::vector<StoredPause> out;
  auto statement = lease->use("SELECT * FROM pause ORDER BY lane");
  RowReader reader(PauseRecord::kTable);
  PauseRecord record;
  while (statement.step()) {
    if (!reader.read(statement.get(), record)) {
      found_damage("pause", std::string(statement.text(0)), "checksum");
      continue;
    }
    PutPause& pause = out.emplace_back().pause;
    pause.lane = record.lane;
    pause.reason = record.reason;
    pause.source = record.source;
    pause.set_at = record.set_at;
    pause.until = record.until_at;
    pause.duration_ms = record.duration_ms;
    pause.boot_id = record.boot_id;
    pause.until_boot_us = record.until_boot_us;
  }
  return out;
}

std::string SqliteStore::note(const std::string& name) {
  const Lease lease(*this);
  auto statement = lease->use("SELECT * FROM note WHERE name = ?1");
  statement.bind(1, name);
  NoteRecord record;
  if (!statement.step()) return {};
  std::string what;
  if (RowReader(NoteRecord::kTable).read(statement.get(), record)) {
    if (auto text = resolve(*lease, record.text, what)) return std::move(*text);
  }
  found_damage("note", name, "checksum");
  return {};
}

std::vector<std::pair<std::string, std::string>> SqliteStore::notes(const std::string& prefix) {
  const Lease lease(*this);
  std::vector<std::pair<std::string, std::string>> out;
  auto statement = lease->use("SELECT * FROM note WHERE name >= ?1 ORDER BY name");
  statement.bind(1, prefix);
  RowReader reader(NoteRecord::kTable);
  NoteRecord record;
  while (statement.step()) {
    const std::string name(statement.text(0));
    if (!name.starts_with(prefix)) break;
    std::string what;
    std::optional<std::string> text;
    if (reader.read(statement.get(), record)) text = resolve(*lease, record.text, what);
    if (!text) {
      found_damage("note", name, "checksum");
    } else if (!text->empty()) {
      out.emplace_back(name, std::move(*text));
    }
  }
  return out;
}

void SqliteStore::each_call(Connection& connection, const std::function<void(const CallRow&)>& visit) {
  auto statement = connection.use("SELECT * FROM call");
  RowReader reader(CallRow::kTable);
  CallRow row;
  while (statement.step()) {
    if (reader.read(statement.get(), row)) {
      visit(row);
    } else {
      found_damage("call", std::to_string(statement.number(0)), "checksum");
    }
  }
}

Store::CallCounts SqliteStore::call_counts() {
  const Lease lease(*this);
  CallCounts out;
  each_call(*lease, [&](const CallRow& row) {
    out.answered += row.state == static_cast<std::int64_t>(CallState::answered);
    out.failed += row.state == static_cast<std::int64_t>(CallState::failed);
    out.in_doubt += row.doubt != 0;
  });
  return out;
}

std::vector<Store::CostRow> SqliteStore::cost(const std::string& by) {
  std::vector<BatchInfo> infos;
  if (by == "batch" || by == "kind") infos = batches();
  const auto batch_of = [&](std::int64_t run_row) -> const BatchInfo* {
    const RunId run = run_of(run_row);
    auto after = std::upper_bound(infos.begin(), infos.end(), run,
                                  [](RunId value, const BatchInfo& info) { return value < info.first; });
    return after == infos.begin() ? nullptr : &*std::prev(after);
  };
  const auto group_of = [&](const CallRow& row) -> std::string {
    if (by == "batch" || by == "kind") {
      const BatchInfo* info = batch_of(row.run);
      return !info ? "" : by == "batch" ? info->name : info->kind;
    }
    if (by == "agent") return agent_group(row.key, row.model);
    if (by == "day") {
      const auto seconds = static_cast<std::time_t>(row.last_try.sent_at / 1'000'000);
      std::tm parts{};
      ::gmtime_r(&seconds, &parts);
      char text[16];
      return {text, std::strftime(text, sizeof text, "%Y-%m-%d", &parts)};
    }
    return std::string(row.model);
  };
  const Lease lease(*this);
  std::map<std::string, CostRow> groups;
  each_call(*lease, [&](const CallRow& row) {
    CostRow& group = groups[group_of(row)];
    ++group.calls;
    group.in += row.in.value_or(0);
    group.cached += row.cached.value_or(0);
    group.out += row.out.value_or(0);
    group.reasoning += row.reasoning.value_or(0);
    group.cost += row.cost;
    group.possible += row.possible;
    group.unpriced += row.priced == 0 && row.state == static_cast<std::int64_t>(CallState::answered);
    if (row.imported == CallRow::kFromCache) {
      ++group.from_cache;
      group.saved += row.reserved;
    }
  });
  std::vector<CostRow> out;
  for (auto& [name, group] : groups) {
    group.group = name;
    out.push_back(std::move(group));
  }
  return out;
}

}  // namespace assay
