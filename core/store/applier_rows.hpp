#pragma once
// Rows in and out of the applier's connection: the member templates of Applier, for the files that define it.

#include <optional>
#include <string>

#include "core/store/applier.hpp"

namespace assay {

template <typename Record>
void Applier::put(const Record& record) {
  auto statement = connection_.use(sql_for(Record::kTable).insert);
  RowWriter(Record::kTable, statement.get()).bind(record);
  statement.step();
}

template <typename Record>
std::int64_t Applier::update(const Record& record) {
  auto statement = connection_.use(sql_for(Record::kTable).update);
  const std::int64_t sum = RowWriter(Record::kTable, statement.get()).bind(record);
  statement.step();
  return sum;
}

template <typename Record>
bool Applier::load(Connection::Use& statement, RowReader& reader, Record& record, std::int64_t key,
                   std::int64_t run_row) {
  statement.bind(1, key);
  if (!statement.step()) return false;
  if (reader.read(statement.get(), record)) return true;
  put_damaged(Record::kTable, std::to_string(key), {}, "checksum", run_row ? std::optional(run_row) : std::nullopt, 0);
  return false;
}

}  // namespace assay
