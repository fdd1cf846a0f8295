// Answers that may serve the same request again: an index of calls by request, item and place, made when the first is
// kept. The answers themselves stand with their calls; an entry that is damaged, or whose call is, is none.

#include "core/store/sqlite_impl.hpp"
#include "core/text/error.hpp"

namespace assay {

void Applier::keep_answer(const CallRow& row, std::size_t bytes) {
  if (!answer_table_) {
    create_answer_table(connection_);
    answer_table_ = true;
  }
  auto item = connection_.use("SELECT item FROM run WHERE id = ?1");
  if (!item.bind(1, row.run).step()) return;
  AnswerRow answer;
  answer.hash = row.hash;
  answer.item = item.text(0);
  answer.key = row.key;
  answer.call = row.id;
  answer.bytes = static_cast<std::int64_t>(bytes);
  answer.ver = ver_;
  auto statement = connection_.use("INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  RowWriter(AnswerRow::kTable, statement.get()).bind(answer);
  statement.step();
}

void Applier::apply_change(const ClearAnswers& change, const PreparedChange&) {
  if (!has_answer_table(connection_)) return;
  if (change.all) {
    connection_.run("DELETE FROM answer");
    return;
  }
  for (const RunId run : change.runs) {
    auto statement = connection_.use(
        change.shared ? "DELETE FROM answer WHERE hash IN (SELECT hash FROM call WHERE run = ?1)"
                      : "DELETE FROM answer WHERE (hash, item, key) IN (SELECT c.hash, r.item, c.key FROM call c JOIN "
                        "run r ON r.id = c.run WHERE c.run = ?1)");
    statement.bind(1, row_of(run)).step();
  }
}

bool SqliteStore::keeps_answers(Connection& connection) {
  if (!answer_table_ && has_answer_table(connection)) answer_table_ = true;
  return answer_table_;
}

std::optional<KeptAnswer> SqliteStore::find_answer(const Hash128& hash, RunId run, std::string_view key, bool shared) {
  const Lease lease(*this);
  Connection& connection = *lease;
  try {
    if (!keeps_answers(connection)) return std::nullopt;
    const std::string bytes = to_bytes(hash);
    auto entries = connection.use(
        shared ? "SELECT * FROM answer WHERE hash = ?1"
               : "SELECT * FROM answer WHERE hash = ?1 AND item = (SELECT item FROM run WHERE id = ?2) AND key = ?3");
    entries.bind_blob(1, bytes);
    if (!shared) entries.bind(2, row_of(run)).bind(3, key);
    AnswerRow entry;
    RowReader reader(AnswerRow::kTable);
    while (entries.step()) {
      if (!reader.read(entries.get(), entry)) continue;
      auto statement = connection.use("SELECT * FROM call WHERE id = ?1");
      statement.bind(1, entry.call);
      CallRow row;
      if (!statement.step() || !RowReader(CallRow::kTable).read(statement.get(), row)) continue;
      if (row.hash != bytes || row.state != static_cast<std::int64_t>(CallState::answered)) continue;
      std::string what;
      std::optional<std::string> reply = resolve(connection, row.reply, what);
      if (!reply) continue;
      KeptAnswer found;
      found.call = static_cast<CallId>(row.id);
      found.reply = std::move(*reply);
      found.model = row.model;
      found.cost = row.cost;
      auto name =
          connection.use("SELECT b.name || ':' || r.item FROM run r JOIN batch b ON b.id = r.batch WHERE r.id = ?1");
      if (name.bind(1, row.run).step()) found.run = name.text(0);
      return found;
    }
  } catch (const SqliteFailure& failure) {
    if (!failure.corrupt()) throw Error("store", std::string("can't be read: ") + failure.what(), options_.path);
  }
  return std::nullopt;
}

KeptFigures SqliteStore::kept_figures() {
  const Lease lease(*this);
  KeptFigures figures;
  if (!keeps_answers(*lease)) return figures;
  {
    auto statement = lease->use("SELECT count(*), coalesce(sum(bytes), 0) FROM answer");
    statement.step();
    figures.entries = static_cast<std::uint64_t>(statement.number(0));
    figures.bytes = static_cast<std::uint64_t>(statement.number(1));
  }
  each_call(*lease, [&](const CallRow& row) {
    if (row.imported != CallRow::kFromCache) return;
    ++figures.hits;
    figures.saved += row.reserved;
  });
  return figures;
}

}  // namespace assay
