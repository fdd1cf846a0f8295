#include "core/engine/milestones.hpp"

#include <algorithm>
#include <vector>

#include "core/text/error.hpp"
#include "core/text/json.hpp"

namespace assay {
namespace {

std::string note_of(BatchId batch) { return "milestones/" + std::to_string(batch); }
const char* name_of(Milestone milestone) { return milestone == Milestone::ended ? "ended" : "published"; }

}  // namespace

Milestones::Milestones(Parts parts) : parts_(std::move(parts)) {}

Milestones::~Milestones() { stop(); }

void Milestones::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Milestones::reached(BatchId batch, Milestone milestone) { add({batch, milestone, false}); }

void Milestones::add(Reached one) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return;
    if (std::find(queue_.begin(), queue_.end(), one) == queue_.end()) queue_.push_back(one);
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  changed_.notify_all();
}

void Milestones::look_back() {
  const RunTable::Reader table = parts_.table.read();
  for (const BatchInfo& batch : table.batches()) {
    const Kind* kind = batch.dropped ? nullptr : parts_.kinds.find(batch.kind);
    if (kind == nullptr || !kind->wants_milestones(batch)) continue;
    add({batch.id, Milestone::published, true});
    add({batch.id, Milestone::ended, true});
  }
}

void Milestones::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !busy_; });
}

void Milestones::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Reached next = queue_.front();
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    tell(next);
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

std::uint64_t Milestones::attempts_of(const BatchInfo& batch) const {
  const RunTable::Reader table = parts_.table.read();
  std::uint64_t attempts = 0;
  for (RunId run = batch.first; run < batch.first + batch.count; ++run) {
    if (table.visible(run)) attempts += table.row(run).attempts;
  }
  return attempts;
}

bool Milestones::is_reached(const BatchInfo& batch, Milestone milestone) {
  bool begun = false;  // here: what came with a save is no news
  std::vector<std::uint32_t> lacking;
  {
    const RunTable::Reader table = parts_.table.read();
    for (RunId run = batch.first; run < batch.first + batch.count; ++run) {
      const RunRow& row = table.row(run);
      if (!table.visible(run)) continue;
      begun = begun || row.ended_at > 0 || (row.status == Status::incomplete && row.attempts > 0);
      if (row.status == Status::complete || row.status == Status::fail) continue;
      if (milestone == Milestone::ended || row.attempts == 0) return false;
      lacking.push_back(run);
    }
  }
  if (!begun || lacking.empty()) return begun;
  parts_.store.each_publication(batch.first, batch.count, [&](StoredPublication&& one) {
    const RunTable::Reader table = parts_.table.read();
    if (table.row(one.run).attempts == one.attempt) std::erase(lacking, one.run);
  });
  return lacking.empty();
}

void Milestones::tell(const Reached& reached) {
  const auto [id, milestone, look] = reached;
  BatchInfo batch;
  {
    const RunTable::Reader table = parts_.table.read();
    batch = table.batch(id);
  }
  try {
    const Kind* kind = batch.dropped ? nullptr : parts_.kinds.find(batch.kind);
    if (kind == nullptr || !kind->wants_milestones(batch)) return;
    if (look && !is_reached(batch, milestone)) return;
    const std::uint64_t attempts = attempts_of(batch);
    const std::string noted = parts_.store.note(note_of(id));
    Json note = noted.empty() ? Json::object() : parse_json(noted, "note");
    if (!note.is_object()) note = Json::object();
    if (note.value(name_of(milestone), std::uint64_t{0}) == attempts) return;
    for (const std::string& line : kind->reached(*parts_.view(id), milestone)) say(id, line);
    note[name_of(milestone)] = attempts;
    parts_.store.write({PutNote{note_of(id), dump_json(note)}});
  } catch (const std::exception& error) {  // it is tried again at the next opening
    if (parts_.on_note) parts_.on_note(batch.name + ": " + error.what());
  }
}

void Milestones::say(BatchId id, const std::string& line) {
  if (parts_.on_note) parts_.on_note(line);
  AppendLog entry;
  {
    const RunTable::Reader table = parts_.table.read();
    entry.run = table.batch(id).first;
    entry.attempt = table.row(entry.run).attempts;
  }
  entry.at = parts_.now();
  entry.text = dump_json(Json(line));
  parts_.store.submit({std::move(entry)}, {});
}

}  // namespace assay
