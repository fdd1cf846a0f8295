#include "core/query/value_columns.hpp"

#include <algorithm>

#include "core/text/json.hpp"

namespace assay {
namespace {

constexpr std::size_t kTogether = 1'024;  // values that are put into a column under one lock

/// The text of a value as a column keeps it; "" when there is none.
std::string text_at(std::string_view payload, const std::string& path) {
  if (payload.empty()) return {};
  if (path.empty()) return std::string(payload);
  const auto json = parse_json_lenient(payload);
  if (!json) return {};
  const Json* found = value_at(*json, path);
  return found == nullptr ? std::string() : dump_json(*found);
}

}  // namespace

std::size_t ValueColumn::memory_bytes() const {
  return (values_.capacity() + seen_.capacity()) * sizeof(std::uint32_t) + texts_.memory_bytes();
}

bool ValueColumns::use(const ValuePath& path, const std::vector<RunId>& runs, PayloadSource& source,
                       const std::function<void(const ValueColumn&)>& use) {
  const std::shared_ptr<ValueColumn> column = find(path);
  if (!column) return false;
  const Stale stale = stale_runs(*column, path.answer, runs);
  if (!stale.runs.empty() && !read(*column, path, stale, source)) {
    forget(path);
    return false;
  }
  {
    const std::lock_guard lock(column->mutex_);
    use(*column);
  }
  if (!stale.runs.empty()) make_room(path);
  return true;
}

std::shared_ptr<ValueColumn> ValueColumns::find(const ValuePath& path) {
  const std::lock_guard lock(mutex_);
  if (too_much_.contains(path)) return nullptr;
  std::shared_ptr<ValueColumn>& column = columns_[path];
  if (!column) column = std::make_shared<ValueColumn>();
  column->used_ = ++uses_;
  return column;
}

ValueColumns::Stale ValueColumns::stale_runs(ValueColumn& column, bool answer, const std::vector<RunId>& runs) const {
  Stale stale;
  if (runs.empty()) return stale;
  const std::lock_guard lock(column.mutex_);
  const RunTable::Reader table = table_.read();
  if (column.values_.size() <= runs.back()) {
    column.values_.resize(table.size(), ValueColumn::kUnread);
    if (answer) column.seen_.resize(table.size(), 0);
  }
  if (!answer) {  // what a run was given does not change
    for (const RunId run : runs) {
      if (column.values_[run] == ValueColumn::kUnread) stale.runs.push_back(run);
    }
    stale.changes.resize(stale.runs.size(), 0);
    return stale;
  }
  for (const RunId run : runs) {
    const RunRow& row = table.row(run);
    if (column.values_[run] != ValueColumn::kUnread && column.seen_[run] == row.changes) continue;
    if (row.status == Status::complete || row.status == Status::fail) {
      stale.runs.push_back(run);
      stale.changes.push_back(row.changes);
    } else {
      column.values_[run] = 0;
      column.seen_[run] = row.changes;
    }
  }
  return stale;
}

/// False: it has grown beyond its bound.
bool ValueColumns::read(ValueColumn& column, const ValuePath& path, const Stale& stale, PayloadSource& source) {
  struct Read {
    RunId run;
    std::uint32_t changes;
    std::string text;
  };
  std::vector<Read> read;
  bool fits = true;
  const auto keep = [&] {
    const std::lock_guard lock(column.mutex_);
    for (const Read& one : read) {
      // Another thread may have read it after a later change.
      if (path.answer && column.values_[one.run] != ValueColumn::kUnread && column.seen_[one.run] > one.changes)
        continue;
      column.values_[one.run] = column.texts_.add(one.text);
      if (path.answer) column.seen_[one.run] = one.changes;
    }
    read.clear();
    fits = column.memory_bytes() <= most_bytes_;
  };
  PayloadParts parts;
  (path.answer ? parts.answer : parts.data) = true;
  source.visit(stale.runs, parts, [&](RunId run, const QueryPayload& payload) {
    const auto at =
        static_cast<std::size_t>(std::lower_bound(stale.runs.begin(), stale.runs.end(), run) - stale.runs.begin());
    read.push_back({run, stale.changes[at], text_at(path.answer ? payload.answer : payload.data, path.path)});
    if (read.size() < kTogether) return true;
    keep();
    return fits;
  });
  keep();
  return fits;
}

void ValueColumns::forget(const ValuePath& path) {
  const std::lock_guard lock(mutex_);
  columns_.erase(path);
  too_much_.insert(path);
}

/// Others go, the one that was used longest ago first, until all fit.
void ValueColumns::make_room(const ValuePath& path) {
  const std::lock_guard lock(mutex_);
  for (;;) {
    std::size_t bytes = 0;
    auto oldest = columns_.end();
    for (auto at = columns_.begin(); at != columns_.end(); ++at) {
      {
        const std::lock_guard column(at->second->mutex_);
        bytes += at->second->memory_bytes();
      }
      if (at->first != path && (oldest == columns_.end() || at->second->used_ < oldest->second->used_)) oldest = at;
    }
    if (bytes <= most_bytes_of_all_ || oldest == columns_.end()) return;
    columns_.erase(oldest);
  }
}

std::size_t ValueColumns::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t bytes = 0;
  for (const auto& [path, column] : columns_) {
    const std::lock_guard one(column->mutex_);
    bytes += column->memory_bytes();
  }
  return bytes;
}

}  // namespace assay
