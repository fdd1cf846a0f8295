#include "core/store/schema.hpp"

#include "core/store/row.hpp"

namespace assay {
namespace {

constexpr const char* kTables = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE session (id INTEGER PRIMARY KEY, pid INTEGER, host TEXT, boot_id TEXT, opened_at INTEGER,
  closed_at INTEGER, how TEXT, version TEXT, first_call INTEGER, sent_left INTEGER,
  attempts INTEGER, ver INTEGER, sum INTEGER) STRICT;
CREATE TABLE blob (hash BLOB PRIMARY KEY, codec INTEGER, size INTEGER, bytes BLOB, sum INTEGER) STRICT;
CREATE TABLE batch (id INTEGER PRIMARY KEY, name TEXT, kind TEXT, model TEXT, params ANY, pinned ANY, source TEXT,
  created_at INTEGER, first INTEGER, n_runs INTEGER, dropped INTEGER, ver INTEGER, sum INTEGER) STRICT;
CREATE TABLE run (id INTEGER PRIMARY KEY, batch INTEGER, item TEXT, status INTEGER, verdict INTEGER, attempt INTEGER,
  steps INTEGER, seconds REAL, ended_at INTEGER, n_calls INTEGER, tokens_in INTEGER, tokens_cached INTEGER,
  tokens_out INTEGER, tokens_reasoning INTEGER, cost INTEGER, possible INTEGER, dropped INTEGER, error_kind TEXT,
  error_message TEXT, error_place TEXT, metrics TEXT, facets TEXT, tags TEXT, answer ANY, context ANY, data ANY,
  ver INTEGER, sum INTEGER) STRICT;
CREATE TABLE attempt (id INTEGER PRIMARY KEY, run INTEGER, n INTEGER, begun_at INTEGER, ended_at INTEGER,
  imported INTEGER, outcome INTEGER, verdict INTEGER, steps INTEGER, seconds REAL, usage_calls INTEGER,
  tokens_in INTEGER, tokens_cached INTEGER, tokens_out INTEGER, tokens_reasoning INTEGER, cost INTEGER,
  possible INTEGER, n_calls INTEGER, calls_xor INTEGER, n_steps INTEGER, error_kind TEXT, error_message TEXT,
  error_place TEXT, metrics TEXT, answer ANY, context ANY, ver INTEGER, sum INTEGER) STRICT;
CREATE TABLE step (run INTEGER, attempt INTEGER, n INTEGER, checkpoint ANY, n_calls INTEGER, calls_xor INTEGER,
  ver INTEGER, sum INTEGER, PRIMARY KEY (run, attempt, n)) STRICT, WITHOUT ROWID;
CREATE TABLE call (id INTEGER PRIMARY KEY, run INTEGER, attempt INTEGER, step INTEGER, key TEXT, number INTEGER,
  state INTEGER, doubt INTEGER, imported INTEGER, model TEXT, lane TEXT, hash BLOB, request ANY, reply ANY,
  tries INTEGER, sent_at INTEGER, ended_at INTEGER, http_status INTEGER, kind TEXT, sub TEXT, message TEXT,
  wait_ms INTEGER, ambiguous INTEGER, tokens_in INTEGER, tokens_cached INTEGER, tokens_cache_write INTEGER,
  tokens_out INTEGER, tokens_reasoning INTEGER, reserved INTEGER, cost INTEGER, possible INTEGER, priced INTEGER,
  ver INTEGER, sum INTEGER) STRICT;
CREATE UNIQUE INDEX call_place ON call (run, attempt, step, key, number);
CREATE INDEX call_doubt ON call (id) WHERE doubt > 0;
CREATE TABLE try (call INTEGER, n INTEGER, sent_at INTEGER, ended_at INTEGER, http_status INTEGER, kind TEXT, sub TEXT,
  message TEXT, wait_ms INTEGER, ambiguous INTEGER, ver INTEGER, sum INTEGER, PRIMARY KEY (call, n))
  STRICT, WITHOUT ROWID;
CREATE TABLE try_detail (call INTEGER, n INTEGER, details TEXT, ver INTEGER, sum INTEGER, PRIMARY KEY (call, n))
  STRICT, WITHOUT ROWID;
CREATE TABLE log (run INTEGER, seq INTEGER, attempt INTEGER, at INTEGER, level INTEGER, from_runner INTEGER, text ANY,
  sum INTEGER, PRIMARY KEY (run, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE pause (lane TEXT PRIMARY KEY, reason TEXT, source TEXT, set_at INTEGER, until_at INTEGER,
  duration_ms INTEGER, boot_id TEXT, until_boot_us INTEGER, ver INTEGER, sum INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, text ANY, ver INTEGER, sum INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE damaged (id INTEGER PRIMARY KEY, tbl TEXT, row TEXT, found_at INTEGER, bytes BLOB, reason TEXT,
  run INTEGER, sum INTEGER) STRICT;
)sql";

constexpr const char* kAnswerTable = R"sql(
CREATE TABLE IF NOT EXISTS answer (hash BLOB, item TEXT, key TEXT, call INTEGER, bytes INTEGER, ver INTEGER,
  sum INTEGER, PRIMARY KEY (hash, item, key)) STRICT, WITHOUT ROWID;
)sql";

constexpr const char* kPublishedTable = R"sql(
CREATE TABLE IF NOT EXISTS published (run INTEGER, name TEXT, attempt INTEGER, step INTEGER, value ANY, ver INTEGER,
  sum INTEGER, PRIMARY KEY (run, name, attempt)) STRICT, WITHOUT ROWID;
)sql";

bool has_table(Connection& connection, const char* name) {
  auto statement = connection.use("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1");
  return statement.bind(1, std::string_view(name)).step();
}

// For people and other programs; `runs` is what `ls` shows.
constexpr const char* kViews = R"sql(
DROP VIEW IF EXISTS batches;
DROP VIEW IF EXISTS runs;
DROP VIEW IF EXISTS call_list;
DROP VIEW IF EXISTS attempts;
DROP VIEW IF EXISTS tags;
CREATE VIEW batches AS SELECT id - 1 AS batch, name, kind, model, source, n_runs AS runs,
  strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1e6, 'unixepoch') AS created, dropped FROM batch;
CREATE VIEW runs AS SELECT b.name AS batch, r.item AS id, b.name || ':' || r.item AS name, b.kind AS kind,
  b.model AS model,
  CASE WHEN o.n > r.attempt THEN 'INCOMPLETE'
       ELSE CASE r.status WHEN 0 THEN 'READY' WHEN 1 THEN 'INCOMPLETE' WHEN 2 THEN 'COMPLETE' ELSE 'FAIL' END
       END AS status,
  CASE WHEN o.n > r.attempt THEN NULL WHEN r.verdict = 1 THEN 'CORRECT' WHEN r.verdict = 2 THEN 'INCORRECT' END
       AS score,
  CASE WHEN o.n > r.attempt THEN o.seconds ELSE r.seconds END AS seconds,
  (r.cost + CASE WHEN o.n > r.attempt THEN o.cost ELSE 0 END) / 1e12 AS cost_usd,
  (r.possible + CASE WHEN o.n > r.attempt THEN o.possible ELSE 0 END) / 1e12 AS possible_usd,
  max(r.attempt, coalesce(o.n, 0)) AS attempts,
  CASE WHEN o.n > r.attempt THEN o.steps ELSE r.steps END AS steps,
  r.n_calls + CASE WHEN o.n > r.attempt THEN o.usage_calls ELSE 0 END AS calls,
  r.tokens_in + CASE WHEN o.n > r.attempt THEN o.tokens_in ELSE 0 END AS tokens_in,
  r.tokens_out + CASE WHEN o.n > r.attempt THEN o.tokens_out ELSE 0 END AS tokens_out,
  CASE WHEN o.n > r.attempt THEN '' ELSE r.error_kind END AS error_kind,
  CASE WHEN o.n > r.attempt THEN '' ELSE r.error_message END AS error_message,
  CASE WHEN o.n > r.attempt THEN '' ELSE r.metrics END AS metrics, r.facets AS facets,
  CASE WHEN o.n > r.attempt THEN NULL WHEN typeof(r.answer) = 'text' THEN r.answer END AS answer,
  CASE WHEN typeof(r.data) = 'text' THEN r.data END AS data,
  CASE WHEN r.ended_at > 0 THEN strftime('%Y-%m-%dT%H:%M:%fZ', r.ended_at / 1e6, 'unixepoch') END AS ended,
  r.id - 1 AS run
  FROM run r JOIN batch b ON b.id = r.batch
  LEFT JOIN attempt o ON o.id = (SELECT max(a.id) FROM attempt a WHERE a.id BETWEEN r.id * 65536 AND r.id * 65536 + 65535)
    AND o.ended_at IS NULL
  WHERE r.dropped = 0 AND b.dropped = 0;
CREATE VIEW tags AS SELECT substr(name, 5) AS tag, text AS runs FROM note WHERE name LIKE 'tag/%' AND text <> '-';
CREATE VIEW attempts AS SELECT b.name || ':' || r.item AS name, a.n AS attempt,
  CASE WHEN a.ended_at IS NULL THEN 'INCOMPLETE' ELSE CASE a.outcome WHEN 0 THEN 'READY' WHEN 1 THEN 'INCOMPLETE'
       WHEN 2 THEN 'COMPLETE' ELSE 'FAIL' END END AS outcome,
  CASE a.verdict WHEN 1 THEN 'CORRECT' WHEN 2 THEN 'INCORRECT' END AS score, a.seconds, a.cost / 1e12 AS cost_usd,
  a.steps, a.error_kind, a.error_message, a.run - 1 AS run
  FROM attempt a JOIN run r ON r.id = a.run JOIN batch b ON b.id = r.batch;
CREATE VIEW call_list AS SELECT b.name || ':' || r.item AS name, c.attempt, c.step, c.key, c.number,
  CASE c.state WHEN 0 THEN 'sent' WHEN 1 THEN 'answered' WHEN 3 THEN 'in file' WHEN 4 THEN 'refused' ELSE 'failed'
  END AS state,
  CASE c.doubt WHEN 1 THEN 'crash' WHEN 2 THEN 'ambiguous' WHEN 3 THEN 'damaged' ELSE '' END AS doubt,
  c.model, c.tries, strftime('%Y-%m-%dT%H:%M:%fZ', c.sent_at / 1e6, 'unixepoch') AS sent,
  CASE WHEN c.ended_at > 0 THEN (c.ended_at - c.sent_at) / 1e6 END AS seconds, c.http_status,
  c.kind AS error_kind, CASE WHEN c.kind = '' THEN '' ELSE c.message END AS error_message, c.tokens_in, c.tokens_out,
  c.cost / 1e12 AS cost_usd, c.possible / 1e12 AS possible_usd, c.id AS call, c.run - 1 AS run,
  CASE c.imported WHEN 1 THEN 'save' WHEN 2 THEN 'cache' ELSE 'live' END AS source,
  CASE c.imported WHEN 2 THEN c.reserved / 1e12 END AS saved_usd
  FROM call c JOIN run r ON r.id = c.run JOIN batch b ON b.id = r.batch;
)sql";

/// Schema 2: what a failed try has to say beyond its columns (of an answered one it stands in `message`). A table of
/// its own: no row of schema 1 is rewritten, and a program of schema 1 still reads the file.
void add_try_details(Connection& connection) {
  connection.run(
      "CREATE TABLE IF NOT EXISTS try_detail (call INTEGER, n INTEGER, details TEXT, ver INTEGER, sum INTEGER, "
      "PRIMARY KEY (call, n)) STRICT, WITHOUT ROWID");
}

struct MetaRecord {
  std::string_view name, value;
  template <typename V>
  void fields(V& v) {
    v(name), v(value);
  }
};

}  // namespace

const SchemaPlan& default_schema_plan() {
  static const SchemaPlan plan = {kSchemaVersion, kMinReader, {{2, false, add_try_details}}};
  return plan;
}

void create_views(Connection& connection) { connection.run(kViews); }

void create_answer_table(Connection& connection) { connection.run(kAnswerTable); }

bool has_answer_table(Connection& connection) { return has_table(connection, "answer"); }

void create_published_table(Connection& connection) { connection.run(kPublishedTable); }

bool has_published_table(Connection& connection) { return has_table(connection, "published"); }

void create_schema(Connection& connection, const std::string& experiment_id, const std::string& version,
                   const SchemaPlan& plan) {
  connection.run(kTables);
  for (const Migration& migration : plan.migrations) {
    if (migration.to > kSchemaVersion && migration.to <= plan.version) migration.apply(connection);
  }
  create_views(connection);
  put_meta(connection, "experiment", experiment_id);
  put_meta(connection, "schema", std::to_string(plan.version));
  put_meta(connection, "min_reader", std::to_string(plan.min_reader));
  put_meta(connection, "written_by", version);
  connection.run("PRAGMA application_id = " + std::to_string(kApplicationId));
  connection.run("PRAGMA user_version = " + std::to_string(plan.version));
}

void put_meta(Connection& connection, const std::string& name, const std::string& value) {
  auto statement = connection.use("INSERT OR REPLACE INTO meta VALUES (?1, ?2, ?3)");
  RowWriter("meta", statement.get()).bind(MetaRecord{name, value});
  statement.step();
}

std::string get_meta(Connection& connection, const std::string& name) {
  auto statement = connection.use("SELECT * FROM meta WHERE name = ?1");
  statement.bind(1, name);
  if (!statement.step()) return {};
  MetaRecord record;
  if (!RowReader("meta").read(statement.get(), record)) {
    throw SqliteFailure(SQLITE_CORRUPT, 0, "the record meta '" + name + "' fails its checksum");
  }
  return std::string(record.value);
}

const std::vector<std::string>& summed_tables() {
  static const std::vector<std::string> names = {"meta",    "session", "blob", "batch",  "run",
                                                 "attempt", "step",    "call", "try",    "try_detail",
                                                 "log",     "pause",   "note", "damaged"};
  return names;
}

std::vector<std::string> columns_of(Connection& connection, const std::string& table) {
  std::vector<std::string> names;
  auto statement = connection.use("SELECT name FROM pragma_table_info(?1) ORDER BY cid");
  statement.bind(1, table);
  while (statement.step()) names.emplace_back(statement.text(0));
  return names;
}

}  // namespace assay
