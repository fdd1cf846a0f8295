// What runs show the others of their batch: a table of its own, made when the first of them does. All attempts are
// kept; which of them counts is for the reader.

#include "core/store/applier_rows.hpp"
#include "core/store/sqlite_impl.hpp"
#include "core/text/error.hpp"

namespace assay {

void Applier::put_published(std::int64_t run_row, std::string_view name, std::int64_t attempt, std::int64_t step,
                            const Payload& value) {
  if (!published_table_) {
    create_published_table(connection_);
    published_table_ = true;
  }
  PublishedRow row;
  row.run = run_row;
  row.name = name;
  row.attempt = attempt;
  row.step = step;
  row.value = store(value);
  row.ver = ver_;
  auto statement = connection_.use("INSERT OR REPLACE INTO published VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  RowWriter(PublishedRow::kTable, statement.get()).bind(row);
  statement.step();
}

void Applier::apply_change(const Publish& change, const PreparedChange& prepared) {
  put_published(row_of(change.run), change.name, change.attempt, change.step, prepared.first);
}

void SqliteStore::each_publication(RunId first, std::uint32_t count,
                                   const std::function<void(StoredPublication&&)>& visit) {
  const Lease lease(*this);
  try {
    if (!published_table_ && has_published_table(*lease)) published_table_ = true;
    if (!published_table_) return;
    auto statement = lease->use("SELECT * FROM published WHERE run >= ?1 AND run < ?2 ORDER BY run, name, attempt");
    statement.bind(1, row_of(first)).bind(2, row_of(first) + static_cast<std::int64_t>(count));
    RowReader reader(PublishedRow::kTable);
    PublishedRow row;
    while (statement.step()) {
      if (!reader.read(statement.get(), row)) {
        found_damage("published", std::to_string(statement.number(0)), "checksum", statement.number(0));
        continue;
      }
      StoredPublication one;
      one.run = run_of(row.run);
      one.attempt = static_cast<std::uint32_t>(row.attempt);
      one.step = static_cast<std::uint32_t>(row.step);
      one.name = row.name;
      std::vector<std::string> damaged;
      resolve_into(*lease, row.value, "published value", one.run, one.value, damaged);
      if (damaged.empty()) visit(std::move(one));
    }
  } catch (const SqliteFailure& failure) {
    if (!failure.corrupt()) throw Error("store", std::string("can't be read: ") + failure.what(), options_.path);
    found_damage("published", "page", failure.what());
  }
}

}  // namespace assay
