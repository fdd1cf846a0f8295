#include "core/model/run_table.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/text/hash.hpp"

namespace assay {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::uint32_t saturated(std::int64_t value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, std::numeric_limits<std::uint32_t>::max()));
}

std::uint64_t hash_of(const RunError& error) {
  return xxh3_64(error.place, xxh3_64(error.message, xxh3_64(error.kind)));
}

bool same(const RunError& a, const RunError& b) {
  return a.kind == b.kind && a.message == b.message && a.place == b.place;
}

/// Room for `extra` more without growing by less than a quarter: exact for one big load, linear for many small ones.
template <typename Container>
void grow(Container& container, std::size_t extra) {
  const std::size_t needed = container.size() + extra;
  if (needed > container.capacity())
    container.reserve(std::max(needed, container.capacity() + container.capacity() / 4));
}

}  // namespace

RunTable::RunTable() : offsets_{0}, errors_(1), texts_(1) {}

// --- reading ---------------------------------------------------------------------------------------------------------

std::string_view RunTable::name_of(RunId run) const {
  const std::uint64_t begin = offsets_[run];
  return std::string_view(names_).substr(begin, offsets_[run + 1] - begin - 1);
}

std::string_view RunTable::Reader::name(RunId run) const { return table_.name_of(run); }

std::string_view RunTable::Reader::id(RunId run) const {
  return table_.name_of(run).substr(table_.batches_[table_.rows_[run].batch].name.size() + 1);
}

const RunTable::Column* RunTable::find_column(const std::vector<std::vector<Column>>& columns, BatchId batch,
                                              std::string_view name) const {
  for (const Column& candidate : columns[batch]) {
    if (candidate.name == name) return &candidate;
  }
  return nullptr;
}

double RunTable::Reader::metric(RunId run, std::string_view name) const {
  const BatchId batch = table_.rows_[run].batch;
  const auto values = metric_column(batch, name);
  const std::size_t at = run - table_.batches_[batch].first;
  return at < values.size() ? values[at] : kMissing;
}

std::span<const double> RunTable::Reader::metric_column(BatchId batch, std::string_view name) const {
  const Column* found = table_.find_column(table_.metrics_, batch, name);
  return found ? std::span<const double>(found->numbers) : std::span<const double>();
}

std::vector<std::string> RunTable::Reader::metric_names(BatchId batch) const {
  std::vector<std::string> names;
  for (const Column& candidate : table_.metrics_[batch]) names.push_back(candidate.name);
  return names;
}

std::string_view RunTable::Reader::facet(RunId run, std::string_view name) const {
  const BatchId batch = table_.rows_[run].batch;
  const auto values = facet_column(batch, name);
  const std::size_t at = run - table_.batches_[batch].first;
  return at < values.size() ? std::string_view(table_.texts_[values[at]]) : std::string_view();
}

std::span<const std::uint32_t> RunTable::Reader::facet_column(BatchId batch, std::string_view name) const {
  const Column* found = table_.find_column(table_.facets_, batch, name);
  return found ? std::span<const std::uint32_t>(found->texts) : std::span<const std::uint32_t>();
}

std::vector<std::string> RunTable::Reader::facet_names(BatchId batch) const {
  std::vector<std::string> names;
  for (const Column& candidate : table_.facets_[batch]) names.push_back(candidate.name);
  return names;
}

template <typename Visit>
void RunTable::each_named(std::string_view address, Visit visit) const {
  if (index_.empty()) return;
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = xxh3_64(address) & mask; index_[slot] != kFree; slot = (slot + 1) & mask) {
    if (name_of(index_[slot]) == address) visit(index_[slot]);
  }
}

std::optional<RunId> RunTable::Reader::find(std::string_view address) const {
  std::optional<RunId> best;
  table_.each_named(address, [&](RunId run) {
    if (!best || std::pair(!visible(run), run) < std::pair(!visible(*best), *best)) best = run;
  });
  return best;
}

std::vector<RunId> RunTable::Reader::find_all(std::string_view address) const {
  std::vector<RunId> runs;
  table_.each_named(address, [&](RunId run) { runs.push_back(run); });
  std::sort(runs.begin(), runs.end());
  return runs;
}

std::optional<BatchId> RunTable::Reader::find_batch(std::string_view name) const {
  std::optional<BatchId> best;
  for (const BatchInfo& info : table_.batches_) {
    if (info.name != name) continue;
    if (!info.dropped) return info.id;
    if (!best) best = info.id;
  }
  return best;
}

std::vector<std::string> RunTable::Reader::tags(RunId run) const {
  std::vector<std::string> names;
  for (const auto& [name, runs] : table_.tags_) {
    if (std::binary_search(runs.begin(), runs.end(), run)) names.push_back(name);
  }
  return names;
}

std::span<const RunNote> RunTable::Reader::notes(RunId run) const {
  const auto found = table_.notes_.find(run);
  return found == table_.notes_.end() ? std::span<const RunNote>() : found->second;
}

// --- changes ---------------------------------------------------------------------------------------------------------

void RunTable::declare_batch(const BatchInfo& info) {
  const std::unique_lock lock(mutex_);
  const std::size_t next = batches_.empty() ? 0 : std::size_t{batches_.back().first} + batches_.back().count;
  if (info.id != batches_.size() || info.first != next) throw std::logic_error("RunTable: batches must come in order");
  batches_.push_back(info);
  metrics_.emplace_back();
  facets_.emplace_back();
  const std::size_t coming = next + info.count - rows_.size();
  reserve(coming, coming * (info.name.size() + 10));
  ++version_;
}

void RunTable::append(const TableEntry& entry) {
  const std::unique_lock lock(mutex_);
  append_row(entry);
  ++version_;
}

void RunTable::add_batch(const BatchInfo& info, const std::vector<NewRun>& runs) {
  const std::unique_lock lock(mutex_);
  if (info.id != batches_.size() || info.first != rows_.size())
    throw std::logic_error("RunTable: batches must come in order");
  batches_.push_back(info);
  batches_.back().count = static_cast<std::uint32_t>(runs.size());
  metrics_.emplace_back();
  facets_.emplace_back();
  std::size_t name_bytes = 0;
  for (const NewRun& run : runs) name_bytes += info.name.size() + run.id.size() + 2;
  reserve(runs.size(), name_bytes);
  TableEntry entry;
  for (const NewRun& run : runs) {
    entry.id = run.id;
    entry.facets = run.facets;
    entry.score = run.score;
    entry.error = run.error;
    RunRow& row = entry.row = RunRow{};
    row.status = run.status;
    row.steps = run.steps;
    row.calls = run.usage.calls;
    row.tokens_in = saturated(run.usage.in);
    row.tokens_out = saturated(run.usage.out);
    row.cost = run.usage.cost;
    row.possible = run.usage.possible;
    if (!run.attempts.empty()) {
      row.attempts = static_cast<std::uint16_t>(std::min<std::uint32_t>(run.attempts.back().number, 0xFFFF));
      row.seconds = static_cast<float>(run.attempts.back().seconds);
    }
    append_row(entry);
  }
  ++version_;
}

void RunTable::append_row(const TableEntry& entry) {
  const auto run = static_cast<RunId>(rows_.size());
  // While opening, the run belongs to the batch whose range holds it; batches are in order of their ranges.
  BatchId batch = rows_.empty() ? 0 : rows_.back().batch;
  while (batch < batches_.size() && run >= batches_[batch].first + batches_[batch].count) ++batch;
  if (batch >= batches_.size()) throw std::logic_error("RunTable: a run without a batch");
  const BatchInfo& info = batches_[batch];

  grow(rows_, 1);
  rows_.push_back(entry.row);
  RunRow& row = rows_.back();
  row.batch = batch;
  row.verdict = entry.score.verdict;
  row.error = intern_error(entry.error);

  grow(names_, info.name.size() + entry.id.size() + 2);
  names_.append(info.name).append(1, ':').append(entry.id).append(1, '\n');
  grow(offsets_, 1);
  offsets_.push_back(names_.size());
  clean_names_ = clean_names_ && name_of(run).find('\n') == std::string_view::npos;
  grow(states_, 1);
  states_.push_back(0);
  set_state(run);
  index_name(run);

  set_metrics(run, entry.score);
  const std::size_t at = run - info.first;
  for (const auto& [name, text] : entry.facets) {
    std::vector<std::uint32_t>& texts = column(facets_[batch], name).texts;
    if (texts.empty()) texts.reserve(info.count);
    if (texts.size() <= at) texts.resize(at + 1, 0);
    texts[at] = intern_text(text);
  }
  for (const std::string& tag : entry.tags) tags_[tag].push_back(run);
}

void RunTable::update(RunId run, const std::function<void(RunRow&)>& change) {
  const std::unique_lock lock(mutex_);
  RunRow& row = rows_.at(run);
  change(row);
  ++row.changes;
  set_state(run);
  ++version_;
}

void RunTable::set_result(RunId run, const Score& score, const RunError& error,
                          const std::function<void(RunRow&)>& change) {
  const std::unique_lock lock(mutex_);
  RunRow& row = rows_.at(run);
  row.verdict = score.verdict;
  row.error = intern_error(error);
  set_metrics(run, score);
  if (change) change(row);
  ++row.changes;
  set_state(run);
  ++version_;
}

void RunTable::set_pinned(BatchId batch, Json pinned) {
  const std::unique_lock lock(mutex_);
  batches_.at(batch).pinned = std::move(pinned);
}

void RunTable::rename_batch(BatchId batch, std::string name) {
  const std::unique_lock lock(mutex_);
  BatchInfo& info = batches_.at(batch);
  const std::size_t skip = info.name.size();
  const std::size_t end = std::min<std::size_t>(std::size_t{info.first} + info.count, rows_.size());
  std::string names;
  names.reserve(names_.size() + (end - std::min<std::size_t>(info.first, end)) * name.size());
  names.append(names_, 0, offsets_[std::min<std::size_t>(info.first, rows_.size())]);
  std::vector<std::uint64_t> offsets(
      offsets_.begin(),
      offsets_.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(info.first, rows_.size()) + 1));
  offsets.reserve(offsets_.size());
  for (std::size_t run = info.first; run < rows_.size(); ++run) {
    std::string_view old = name_of(static_cast<RunId>(run));
    if (run < end) {
      names.append(name);
      old.remove_prefix(skip);
    }
    names.append(old).append(1, '\n');
    offsets.push_back(names.size());
  }
  info.name = std::move(name);
  names_ = std::move(names);
  offsets_ = std::move(offsets);
  clean_names_ = static_cast<std::size_t>(std::count(names_.begin(), names_.end(), '\n')) == rows_.size();
  rebuild_index(rows_.size());
  ++version_;
}

void RunTable::set_dropped(const std::vector<RunId>& runs, bool dropped) {
  const std::unique_lock lock(mutex_);
  for (const RunId run : runs) {
    rows_.at(run).dropped = dropped;
    set_state(run);
  }
  ++version_;
}

void RunTable::set_batch_dropped(BatchId batch, bool dropped) {
  const std::unique_lock lock(mutex_);
  BatchInfo& info = batches_.at(batch);
  info.dropped = dropped;
  for (RunId run = info.first; run < info.first + info.count; ++run) set_state(run);
  ++version_;
}

void RunTable::set_tag(const std::string& name, std::vector<RunId> runs) {
  const std::unique_lock lock(mutex_);
  if (runs.empty())
    tags_.erase(name);
  else
    tags_[name] = std::move(runs);
  ++version_;
}

void RunTable::set_notes(RunId run, std::vector<RunNote> notes) {
  const std::unique_lock lock(mutex_);
  if (notes.empty())
    notes_.erase(run);
  else
    notes_[run] = std::move(notes);
  ++version_;
}

// --- parts -----------------------------------------------------------------------------------------------------------

void RunTable::reserve(std::size_t runs, std::size_t name_bytes) {
  grow(rows_, runs);
  grow(states_, runs);
  grow(offsets_, runs);
  grow(names_, name_bytes);
  if ((rows_.size() + runs) * 10 > index_.size() * 7) rebuild_index(rows_.size() + runs);
}

void RunTable::set_state(RunId run) {
  const RunRow& row = rows_[run];
  unsigned state = static_cast<unsigned>(row.status) | static_cast<unsigned>(row.verdict) << RunState::kVerdictShift;
  if (row.dropped || batches_[row.batch].dropped) state |= RunState::kHidden;
  if (row.in_flight) state |= RunState::kInFlight;
  states_[run] = static_cast<std::uint8_t>(state);
}

void RunTable::index_name(RunId run) {
  if (rows_.size() * 10 > index_.size() * 7) return rebuild_index(rows_.size());
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = xxh3_64(name_of(run)) & mask;
  while (index_[slot] != kFree) slot = (slot + 1) & mask;
  index_[slot] = run;
}

/// For at least `runs` entries: every name that exists goes in again.
void RunTable::rebuild_index(std::size_t runs) {
  std::size_t slots = 64;
  while (runs * 10 > slots * 7) slots *= 2;
  index_.assign(slots, kFree);
  const std::size_t mask = slots - 1;
  const std::size_t named = std::min(rows_.size(), offsets_.size() - 1);
  for (std::size_t run = 0; run < named; ++run) {
    std::size_t slot = xxh3_64(name_of(static_cast<RunId>(run))) & mask;
    while (index_[slot] != kFree) slot = (slot + 1) & mask;
    index_[slot] = static_cast<std::uint32_t>(run);
  }
}

std::uint32_t RunTable::intern_error(const RunError& error) {
  if (error.empty() && error.message.empty()) return 0;
  const std::uint64_t hash = hash_of(error);
  const auto [begin, end] = error_index_.equal_range(hash);
  for (auto found = begin; found != end; ++found) {
    if (same(errors_[found->second], error)) return found->second;
  }
  const auto index = static_cast<std::uint32_t>(errors_.size());
  errors_.push_back(error);
  error_index_.emplace(hash, index);
  return index;
}

std::uint32_t RunTable::intern_text(std::string_view text) {
  if (text.empty()) return 0;
  const std::uint64_t hash = xxh3_64(text);
  const auto [begin, end] = text_index_.equal_range(hash);
  for (auto found = begin; found != end; ++found) {
    if (texts_[found->second] == text) return found->second;
  }
  const auto index = static_cast<std::uint32_t>(texts_.size());
  texts_.emplace_back(text);
  text_index_.emplace(hash, index);
  return index;
}

RunTable::Column& RunTable::column(std::vector<Column>& columns, std::string_view name) {
  for (Column& candidate : columns) {
    if (candidate.name == name) return candidate;
  }
  columns.push_back({std::string(name), {}, {}});
  return columns.back();
}

void RunTable::set_metrics(RunId run, const Score& score) {
  const RunRow& row = rows_[run];
  const BatchInfo& info = batches_[row.batch];
  const std::size_t at = run - info.first;
  for (Column& old : metrics_[row.batch]) {
    if (at < old.numbers.size()) old.numbers[at] = kMissing;
  }
  for (const auto& [name, value] : score.metrics) {
    if (std::isnan(value)) continue;
    std::vector<double>& numbers = column(metrics_[row.batch], name).numbers;
    if (numbers.empty()) numbers.reserve(info.count);
    if (numbers.size() <= at) numbers.resize(at + 1, kMissing);
    numbers[at] = value;
  }
}

std::size_t RunTable::memory_bytes() const {
  const std::shared_lock lock(mutex_);
  constexpr std::size_t kNode = 32;  // of an unordered map, beside its value
  const auto text_bytes = [](const std::string& text) { return text.capacity() > 15 ? text.capacity() + 1 : 0; };
  std::size_t bytes = rows_.capacity() * sizeof(RunRow) + states_.capacity() + names_.capacity() +
                      offsets_.capacity() * sizeof(std::uint64_t) + index_.capacity() * sizeof(std::uint32_t);
  for (const auto* table : {&metrics_, &facets_}) {
    for (const auto& columns : *table) {
      for (const Column& c : columns)
        bytes += sizeof(Column) + c.numbers.capacity() * sizeof(double) + c.texts.capacity() * sizeof(std::uint32_t);
    }
  }
  for (const RunError& e : errors_)
    bytes += sizeof(RunError) + kNode + text_bytes(e.kind) + text_bytes(e.message) + text_bytes(e.place);
  for (const std::string& text : texts_) bytes += sizeof(std::string) + kNode + text_bytes(text);
  for (const auto& [name, runs] : tags_) bytes += kNode + name.capacity() + runs.capacity() * sizeof(RunId);
  for (const auto& [run, notes] : notes_) {
    bytes += kNode;
    for (const RunNote& note : notes) bytes += sizeof(note) + note.text.capacity();
  }
  return bytes + batches_.capacity() * sizeof(BatchInfo);
}

std::uint64_t RunTable::version() const { return version_.load(); }

}  // namespace assay
