#include "core/store/applier.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/store/applier_rows.hpp"
#include "core/store/kill_point.hpp"
#include "core/store/schema.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::int64_t kMaxAttempt = 0xFFFF;

std::size_t size_of(const RunError& error) { return error.kind.size() + error.message.size() + error.place.size(); }

struct Packer {
  PreparedChange& out;
  void operator()(AddBatch& change) const {
    out.first = pack_payload(dump_json(change.info.params));
    out.second = pack_payload(dump_json(change.info.pinned));
  }
  void operator()(BeginAttempt&) const {}
  void operator()(SendCall& change) const {
    out.first = pack_payload(std::move(change.request));
    out.bytes += change.call.key.size() + change.call.model.size() + change.call.lane.size();
  }
  void operator()(RetryCall& change) const {
    out.bytes += change.previous.message.size() + change.previous.details.size();
  }
  void operator()(EndCall& change) const {
    out.first = pack_payload(std::move(change.reply));
    out.bytes += change.last_try.message.size() + change.last_try.details.size();
  }
  void operator()(EndStep& change) const { out.first = pack_payload(std::move(change.checkpoint)); }
  void operator()(EndAttempt& change) const {
    out.first = pack_payload(std::move(change.answer));
    out.second = pack_payload(std::move(change.context));
    out.bytes += size_of(change.error);
  }
  void operator()(AppendLog& change) const { out.first = pack_payload(std::move(change.text)); }
  void operator()(SetEvaluation& change) const {
    out.first = pack_payload(std::move(change.answer));
    out.bytes += size_of(change.error);
  }
  void operator()(RenameBatch&) const {}
  void operator()(SetPinned& change) const { out.first = pack_payload(std::move(change.pinned)); }
  void operator()(SetDropped& change) const { out.bytes += change.runs.size() * 4; }
  void operator()(PutPause&) const {}
  void operator()(ClearPause&) const {}
  void operator()(PutNote& change) const { out.bytes += change.text.size(); }
  void operator()(ClearAnswers& change) const { out.bytes += change.runs.size() * 4; }
  void operator()(Publish& change) const { out.first = pack_payload(std::move(change.value)); }
};

}  // namespace

PreparedChange prepare_change(Change change, std::int64_t seq) {
  PreparedChange out{std::move(change), {}, {}, seq, 256};
  std::visit(Packer{out}, out.change);
  out.bytes += out.first.bytes.size() + out.second.bytes.size();
  return out;
}

Applier::Applier(Connection& connection) : connection_(connection) {
  for (const std::string& table : summed_tables()) {
    const std::vector<std::string> columns = columns_of(connection, table);
    std::string insert = "INSERT OR REPLACE INTO " + table + " VALUES (";
    for (std::size_t i = 0; i < columns.size(); ++i) insert += (i ? ", ?" : "?") + std::to_string(i + 1);
    insert += ")";
    // The columns of the call's place are left out: SQLite would rewrite their index for every update.
    const std::size_t keys = table == "call" ? 6 : 1;
    std::string update = "UPDATE " + table + " SET ";
    for (std::size_t i = keys; i < columns.size(); ++i) {
      update += (i > keys ? ", " : "") + columns[i] + " = ?" + std::to_string(i + 1);
    }
    update += " WHERE " + (columns.empty() ? "id" : columns[0]) + " = ?1";
    sql_[table] = {connection.keep(insert), connection.keep(update)};
  }
}

const Applier::Sql& Applier::sql_for(std::string_view table) { return sql_.find(table)->second; }

void Applier::apply(const PreparedChange& prepared, std::int64_t ver) {
  ver_ = ver;
  std::visit([&](const auto& change) { apply_change(change, prepared); }, prepared.change);
}

Cell Applier::store(const Payload& payload) {
  if (payload.kind != Cell::Kind::blob) return payload.cell();
  BlobRecord record{payload.hash, static_cast<std::int64_t>(payload.codec), static_cast<std::int64_t>(payload.size),
                    payload.bytes};
  {
    auto statement = connection_.use("INSERT INTO blob VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING");
    RowWriter(BlobRecord::kTable, statement.get()).bind(record);
    statement.step();
    if (sqlite3_changes64(connection_.get()) == 1) return payload.cell();
  }
  BlobRecord other;
  bool whole = false, equal = false;
  {
    auto statement = connection_.use("SELECT * FROM blob WHERE hash = ?1");
    statement.bind_blob(1, payload.hash);
    whole = statement.step() && RowReader(BlobRecord::kTable).read(statement.get(), other);
    if (whole) {
      equal = other.size == record.size && other.codec == record.codec && other.bytes == record.bytes;
      if (!equal) {
        const auto theirs = unpack_payload(static_cast<Codec>(other.codec), static_cast<std::size_t>(other.size),
                                           other.bytes, other.hash);
        const auto ours = unpack_payload(payload.codec, payload.size, payload.bytes, payload.hash);
        whole = theirs.has_value();
        equal = theirs && ours && *theirs == *ours;
      }
    }
  }
  if (equal) return payload.cell();
  if (!whole) {  // the stored one is damaged, and these are its bytes
    put(record);
    return payload.cell();
  }
  // Two texts with one hash: this one is kept in the row. Its text must outlive the statement that binds it.
  thread_local std::string text;
  text = unpack_payload(payload.codec, payload.size, payload.bytes, payload.hash).value_or(std::string());
  return {Cell::Kind::text, text};
}

Applier::OpenCall Applier::copy_of(const CallRow& row) {
  OpenCall open{row, nullptr};
  std::array<std::string_view*, 8> views = {&open.row.key,          &open.row.model,           &open.row.lane,
                                            &open.row.hash,         &open.row.request.bytes,   &open.row.last_try.kind,
                                            &open.row.last_try.sub, &open.row.last_try.message};
  std::size_t size = 0;
  for (const std::string_view* view : views) size += view->size();
  open.texts = std::make_unique_for_overwrite<char[]>(size);
  char* to = open.texts.get();
  for (std::string_view* view : views) {
    if (!view->empty()) std::memcpy(to, view->data(), view->size());
    *view = {to, view->size()};
    to += view->size();
  }
  return open;
}

Applier::OpenAttempt* Applier::find_open(std::int64_t run_row, std::int64_t attempt) {
  const auto found = open_attempts_.find(attempt_row(run_row, attempt));
  return found == open_attempts_.end() ? nullptr : &found->second;
}

void Applier::note_call(const CallRow& row, std::int64_t sum) {
  OpenAttempt* open = find_open(row.run, row.attempt);
  if (open == nullptr) return;
  for (CallSum& known : open->calls) {
    if (known.call == row.id) {
      known.sum = sum;
      return;
    }
  }
  open->calls.push_back({row.id, row.step, sum});
}

std::int64_t Applier::count_steps(std::int64_t run_row, std::int64_t attempt) {
  if (const OpenAttempt* open = find_open(run_row, attempt)) return open->n_steps;
  auto statement = connection_.use("SELECT count(*) FROM step WHERE run = ?1 AND attempt = ?2");
  statement.bind(1, run_row).bind(2, attempt).step();
  return statement.number(0);
}

std::pair<std::int64_t, std::int64_t> Applier::digest(std::int64_t run_row, std::int64_t attempt, std::int64_t step) {
  if (const OpenAttempt* open = find_open(run_row, attempt)) {
    std::int64_t count = 0, all = 0;
    for (const CallSum& call : open->calls) {
      if (step >= 0 && call.step != step) continue;
      ++count;
      all ^= call.sum;
    }
    return {count, all};
  }
  auto statement = connection_.use(step < 0 ? "SELECT sum FROM call WHERE run = ?1 AND attempt = ?2"
                                            : "SELECT sum FROM call WHERE run = ?1 AND attempt = ?2 AND step = ?3");
  statement.bind(1, run_row).bind(2, attempt);
  if (step >= 0) statement.bind(3, step);
  std::int64_t count = 0, all = 0;
  while (statement.step()) {
    ++count;
    all ^= statement.number(0);
  }
  return {count, all};
}

void Applier::add_run(const AddBatch& batch, std::size_t index) {
  const NewRun& run = (*batch.runs)[index];
  const std::int64_t row = row_of(batch.info.first) + static_cast<std::int64_t>(index);
  const Payload data = run.data.is_null() ? Payload{} : pack_payload(dump_json(run.data));
  const Payload answer = run.answer.is_null() ? Payload{} : pack_payload(dump_json(run.answer));
  const Payload context = pack_payload(context_text(run.context));
  const std::string metrics = encode_metrics(run.score), facets = encode_pairs(run.facets);

  RunRecord record;
  record.id = row;
  record.batch = static_cast<std::int64_t>(batch.info.id) + 1;
  record.item = run.id;
  record.status = static_cast<std::int64_t>(run.status);
  record.verdict = static_cast<std::int64_t>(run.score.verdict);
  record.steps = run.steps;
  record.usage = UsageColumns(run.usage);
  record.error = ErrorColumns(run.error);
  record.metrics = metrics;
  record.facets = facets;
  record.answer = store(answer);
  record.context = store(context);
  record.data = store(data);
  record.ver = ver_;
  for (const AttemptSummary& summary : run.attempts) {
    if (summary.number > kMaxAttempt) continue;
    AttemptRecord attempt;
    attempt.id = attempt_row(row, summary.number);
    attempt.run = row;
    attempt.n = summary.number;
    attempt.imported = 1;
    attempt.outcome = static_cast<std::int64_t>(summary.outcome);
    if (summary.outcome != Status::incomplete) attempt.ended_at = 0;
    attempt.seconds = summary.seconds;
    if (&summary == &run.attempts.back()) {  // a save tells this of the last one
      attempt.usage = record.usage;
      attempt.steps = record.steps;
      attempt.verdict = record.verdict;
    }
    attempt.error = ErrorColumns(summary.error);
    attempt.ver = ver_;
    put(attempt);
    record.attempt = std::max(record.attempt, attempt.n);
    if (record.attempt == attempt.n) record.seconds = summary.seconds;
  }
  put(record);
  if (run.start) {
    const Payload checkpoint = pack_payload(checkpoint_text(run.start->answer, run.start->context, run.start->state));
    StepRecord step;
    step.run = row;
    step.attempt = kStartAttempt;
    step.n = run.start->number;
    step.checkpoint = store(checkpoint);
    step.ver = ver_;
    put(step);
  }
  for (const auto& [name, value] : run.published) {
    put_published(row, name, record.attempt, run.start ? run.start->number : 0, pack_payload(dump_json(value)));
  }
  for (std::size_t i = 0; i < run.logs.size(); ++i) {
    const Payload text = pack_payload(dump_json(run.logs[i]));
    LogRecord log;
    log.run = row;
    log.seq = static_cast<std::int64_t>(i);
    log.attempt = record.attempt;
    log.at = batch.info.created_at;
    log.level = static_cast<std::int64_t>(LogLevel::info);
    log.from_runner = 1;
    log.text = store(text);
    put(log);
  }
}

void Applier::apply_change(const AddBatch& change, const PreparedChange& prepared) {
  const std::int64_t id = static_cast<std::int64_t>(change.info.id) + 1;
  {
    auto statement = connection_.use("SELECT 1 FROM batch WHERE id = ?1");
    if (statement.bind(1, id).step()) return;
  }
  const std::size_t count = change.runs ? change.runs->size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    add_run(change, i);
    if (i == count / 2) kill_point("store.transaction.middle");
  }
  BatchRecord record;
  record.id = id;
  record.name = change.info.name;
  record.kind = change.info.kind;
  record.model = change.info.model;
  record.params = store(prepared.first);
  record.pinned = store(prepared.second);
  record.source = change.info.source;
  record.created_at = change.info.created_at;
  record.first = row_of(change.info.first);
  record.n_runs = static_cast<std::int64_t>(count);
  record.dropped = change.info.dropped ? 1 : 0;
  record.ver = ver_;
  put(record);
}

void Applier::apply_change(const BeginAttempt& change, const PreparedChange&) {
  if (change.number > kMaxAttempt) throw SqliteFailure(SQLITE_CONSTRAINT, 0, "a run has at most 65,535 attempts");
  AttemptRecord record;
  record.run = row_of(change.run);
  record.n = change.number;
  record.id = attempt_row(record.run, record.n);
  record.begun_at = change.at;
  record.ver = ver_;
  auto statement = connection_.use(
      "INSERT INTO attempt VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,"
      "?24,?25,?26,?27,?28) ON CONFLICT DO NOTHING");
  RowWriter(AttemptRecord::kTable, statement.get()).bind(record);
  statement.step();
  if (sqlite3_changes64(connection_.get()) == 1) open_attempts_[record.id] = {change.at, -1, 0, {}};
}

void Applier::apply_change(const EndStep& change, const PreparedChange& prepared) {
  StepRecord record;
  record.run = row_of(change.run);
  record.attempt = change.attempt;
  record.n = change.number;
  record.checkpoint = store(prepared.first);
  std::tie(record.n_calls, record.calls_xor) = digest(record.run, record.attempt, record.n);
  record.ver = ver_;
  put(record);
  if (OpenAttempt* open = find_open(record.run, record.attempt)) {
    if (record.n > open->last_step) {
      ++open->n_steps;
      open->last_step = record.n;
    } else {
      open_attempts_.erase(attempt_row(record.run, record.attempt));  // a step written again: ask the file from now on
    }
  }
}

void Applier::apply_change(const EndAttempt& change, const PreparedChange& prepared) {
  const bool final = change.status == Status::complete || change.status == Status::fail;
  const std::int64_t run_row = row_of(change.run), id = attempt_row(run_row, change.number);
  AttemptRecord attempt;
  bool known = false;
  if (const auto found = open_attempts_.find(id); found != open_attempts_.end()) {
    attempt.id = id;
    attempt.run = run_row;
    attempt.n = change.number;
    attempt.begun_at = found->second.begun_at;
    known = true;
  }
  auto reading = connection_.use("SELECT * FROM attempt WHERE id = ?1");
  if (!known && !load(reading, attempt_reader_, attempt, id, run_row)) {
    attempt = {};
    attempt.id = id;
    attempt.run = run_row;
    attempt.n = change.number;
    attempt.begun_at = change.at;
  }
  if (attempt.ended_at) return;  // applied before
  const std::string metrics = encode_metrics(change.score);
  UsageColumns usage(change.usage);
  if (!known) {  // it went on after a pause: answers of a file may have come that its worker knows nothing of
    auto paid = connection_.use("SELECT coalesce(sum(cost), 0) FROM call WHERE run = ?1 AND attempt = ?2");
    paid.bind(1, run_row).bind(2, change.number).step();
    usage.cost = std::max(usage.cost, paid.number(0));
  }
  const bool imported = attempt.imported != 0;
  attempt.outcome = static_cast<std::int64_t>(change.status);
  attempt.imported = 0;
  attempt.steps = change.steps;
  attempt.seconds = change.seconds;
  attempt.usage = usage;
  attempt.error = ErrorColumns(change.error);
  std::tie(attempt.n_calls, attempt.calls_xor) = digest(run_row, change.number, -1);
  attempt.n_steps = count_steps(run_row, change.number);
  open_attempts_.erase(id);
  attempt.ver = ver_;
  if (!final) {
    if (imported) attempt.imported = 1;
    put(attempt);
    return;
  }
  attempt.ended_at = change.at;
  attempt.verdict = static_cast<std::int64_t>(change.score.verdict);
  attempt.metrics = metrics;
  attempt.answer = store(prepared.first);
  attempt.context = store(prepared.second);
  put(attempt);
  if (written_.size() < 100'000) written_.push_back({WrittenRow::Table::attempt, id, ver_});

  auto statement = connection_.use("SELECT * FROM run WHERE id = ?1");
  RunRecord run;
  if (!load(statement, run_reader_, run, run_row, run_row)) return;
  run.usage = run.usage.plus(usage);
  if (run.attempt <= attempt.n) {
    run.attempt = attempt.n;
    run.status = attempt.outcome;
    run.verdict = attempt.verdict;
    run.steps = attempt.steps;
    run.seconds = attempt.seconds;
    run.ended_at = change.at;
    run.error = attempt.error;
    run.metrics = metrics;
    run.answer = attempt.answer;
    run.context = attempt.context;
  }
  run.ver = ver_;
  update(run);
}

void Applier::apply_change(const AppendLog& change, const PreparedChange& prepared) {
  LogRecord record;
  record.run = row_of(change.run);
  record.seq = prepared.seq;
  record.attempt = change.attempt;
  record.at = change.at;
  record.level = static_cast<std::int64_t>(change.level);
  record.from_runner = change.from_runner ? 1 : 0;
  record.text = store(prepared.first);
  put(record);
}

void Applier::apply_change(const SetEvaluation& change, const PreparedChange& prepared) {
  auto statement = connection_.use("SELECT * FROM run WHERE id = ?1");
  RunRecord run;
  if (!load(statement, run_reader_, run, row_of(change.run), row_of(change.run))) return;
  const std::string metrics = encode_metrics(change.score);
  run.status = static_cast<std::int64_t>(change.status);
  run.verdict = static_cast<std::int64_t>(change.score.verdict);
  run.error = ErrorColumns(change.error);
  run.metrics = metrics;
  if (!change.keep_answer) run.answer = store(prepared.first);
  run.ver = ver_;
  update(run);
}

void Applier::apply_change(const RenameBatch& change, const PreparedChange&) {
  auto statement = connection_.use("SELECT * FROM batch WHERE id = ?1");
  RowReader reader(BatchRecord::kTable);
  BatchRecord record;
  if (!load(statement, reader, record, static_cast<std::int64_t>(change.batch) + 1, 0)) return;
  record.name = change.name;
  record.ver = ver_;
  update(record);
}

void Applier::apply_change(const SetPinned& change, const PreparedChange& prepared) {
  auto statement = connection_.use("SELECT * FROM batch WHERE id = ?1");
  RowReader reader(BatchRecord::kTable);
  BatchRecord record;
  if (!load(statement, reader, record, static_cast<std::int64_t>(change.batch) + 1, 0)) return;
  record.pinned = store(prepared.first);
  record.ver = ver_;
  update(record);
}

void Applier::apply_change(const SetDropped& change, const PreparedChange&) {
  for (const BatchId batch : change.batches) {
    auto statement = connection_.use("SELECT * FROM batch WHERE id = ?1");
    RowReader reader(BatchRecord::kTable);
    BatchRecord record;
    if (!load(statement, reader, record, static_cast<std::int64_t>(batch) + 1, 0)) continue;
    record.dropped = change.dropped ? 1 : 0;
    record.ver = ver_;
    update(record);
  }
  for (const RunId run : change.runs) {
    auto statement = connection_.use("SELECT * FROM run WHERE id = ?1");
    RunRecord record;
    if (!load(statement, run_reader_, record, row_of(run), row_of(run))) continue;
    record.dropped = change.dropped ? 1 : 0;
    record.ver = ver_;
    update(record);
  }
}

void Applier::apply_change(const PutPause& change, const PreparedChange&) {
  PauseRecord record;
  record.lane = change.lane;
  record.reason = change.reason;
  record.source = change.source;
  record.set_at = change.set_at;
  record.until_at = change.until;
  record.duration_ms = change.duration_ms;
  record.boot_id = change.boot_id;
  record.until_boot_us = change.until_boot_us;
  record.ver = ver_;
  put(record);
}

void Applier::apply_change(const ClearPause& change, const PreparedChange&) {
  auto statement = connection_.use("DELETE FROM pause WHERE lane = ?1");
  statement.bind(1, change.lane).step();
}

void Applier::apply_change(const PutNote& change, const PreparedChange&) {
  NoteRecord record;
  record.name = change.name;
  // In its row whatever its length: a note is replaced often, and a blob would be left behind each time.
  if (!change.text.empty()) record.text = {Cell::Kind::text, change.text};
  record.ver = ver_;
  put(record);
}

void Applier::put_session(const SessionRecord& session) { put(session); }

void Applier::put_damaged(std::string_view table, std::string_view row, std::string_view bytes, std::string_view reason,
                          std::optional<std::int64_t> run_row, std::int64_t now) {
  {
    auto statement = connection_.use("SELECT 1 FROM damaged WHERE tbl = ?1 AND row = ?2");
    if (statement.bind(1, table).bind(2, row).step()) return;
  }
  std::int64_t id = 0;
  {
    auto statement = connection_.use("SELECT coalesce(max(id), 0) + 1 FROM damaged");
    statement.step();
    id = statement.number(0);
  }
  put(DamagedRecord{id, table, row, now, bytes, reason, run_row});
}

}  // namespace assay
