// Tags and notes of runs, and what takes changes back.

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>

#include "core/engine/experiment.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr std::size_t kUndoDepth = 20;
constexpr const char* kUndoNote = "undo";
constexpr std::string_view kTagNotes = "tag/", kRunNotes = "run_notes/";
constexpr const char* kNoRuns = "-";  // of a tag: the note is there, for runs of files that kept tags elsewhere
constexpr std::size_t kMostTagBytes = 200, kMostNoteBytes = 64U << 10;

Json undo_stack(Store& store) {
  const std::string text = store.note(kUndoNote);
  Json stack = text.empty() ? Json() : parse_json(text, "undo");
  return stack.is_array() ? stack : Json::array();
}

Json notes_value(const std::vector<RunNote>& notes) {
  Json list = Json::array();
  for (const RunNote& note : notes) list.push_back(Json{{"at", note.at}, {"text", note.text}});
  return list;
}

std::vector<RunNote> notes_from(const Json& list) {
  std::vector<RunNote> notes;
  for (const Json& note : list) notes.push_back({note.at("at").get<WallTime>(), note.at("text").get<std::string>()});
  return notes;
}

}  // namespace

void Experiment::load_labels() {
  const auto count = static_cast<RunId>(table_.read().size());
  for (const auto& [name, text] : store_->notes(std::string(kTagNotes))) {
    table_.set_tag(name.substr(kTagNotes.size()), runs_of_ranges(text, count));
  }
  for (const auto& [name, text] : store_->notes(std::string(kRunNotes))) {
    RunId run = kNoRun;
    std::from_chars(name.data() + kRunNotes.size(), name.data() + name.size(), run);
    if (run < count) table_.set_notes(run, notes_from(parse_json(text, name)));
  }
}

void Experiment::add_tag(LabelChanges& to, const std::string& name, std::vector<RunId> runs) {
  to.changes.emplace_back(PutNote{std::string(kTagNotes) + name, runs.empty() ? kNoRuns : ranges_text(runs)});
  to.tags.emplace_back(name, std::move(runs));
}

void Experiment::add_notes(LabelChanges& to, RunId run, std::vector<RunNote> notes) {
  to.changes.emplace_back(
      PutNote{std::string(kRunNotes) + std::to_string(run), notes.empty() ? "" : dump_json(notes_value(notes))});
  to.notes.emplace_back(run, std::move(notes));
}

Experiment::LabelChanges Experiment::label_changes(RunId first, const std::vector<RunLabels>& labels) const {
  LabelChanges all;
  std::map<std::string, std::vector<RunId>> tags;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const RunId run = first + static_cast<RunId>(i);
    for (const std::string& tag : labels[i].tags) {
      std::vector<RunId>& runs = tags[tag];
      if (runs.empty() || runs.back() != run) runs.push_back(run);
    }
    if (!labels[i].notes.empty()) add_notes(all, run, labels[i].notes);
  }
  for (auto& [name, more] : tags) {
    std::vector<RunId> runs = tagged_runs(name);
    runs.insert(runs.end(), more.begin(), more.end());  // new runs come after all others
    add_tag(all, name, std::move(runs));
  }
  return all;
}

void Experiment::show_labels(const LabelChanges& labels) {
  for (const auto& [name, runs] : labels.tags) table_.set_tag(name, runs);
  for (const auto& [run, notes] : labels.notes) table_.set_notes(run, notes);
}

std::vector<RunId> Experiment::tagged_runs(const std::string& name) const {
  const RunTable::Reader table = table_.read();
  const auto found = table.tagged().find(name);
  return found == table.tagged().end() ? std::vector<RunId>() : found->second;
}

std::size_t Experiment::tag(const std::vector<RunId>& runs, const std::string& name, bool on) {
  if (name.empty() || name.size() > kMostTagBytes || name.front() == '-') {
    throw Error("usage", "a tag has 1 to 200 bytes and doesn't begin with \"-\", unlike \"" + name + "\"");
  }
  const std::lock_guard lock(change_mutex_);
  std::vector<RunId> selected = runs, changed, after;
  std::sort(selected.begin(), selected.end());
  selected.erase(std::unique(selected.begin(), selected.end()), selected.end());
  const std::vector<RunId> before = tagged_runs(name);
  if (on) {
    std::set_difference(selected.begin(), selected.end(), before.begin(), before.end(), std::back_inserter(changed));
    std::set_union(before.begin(), before.end(), changed.begin(), changed.end(), std::back_inserter(after));
  } else {
    std::set_intersection(selected.begin(), selected.end(), before.begin(), before.end(), std::back_inserter(changed));
    std::set_difference(before.begin(), before.end(), changed.begin(), changed.end(), std::back_inserter(after));
  }
  if (changed.empty()) return 0;
  LabelChanges labels;
  add_tag(labels, name, std::move(after));
  labels.changes.push_back(undo_note(Json{{"did", "tag"}, {"tag", name}, {"on", on}, {"runs", ranges_text(changed)}}));
  store_->write(labels.changes);
  show_labels(labels);
  return changed.size();
}

void Experiment::add_note(RunId run, const std::string& text) {
  if (text.size() > kMostNoteBytes) throw Error("usage", "a note has at most 64 KiB");
  const std::lock_guard lock(change_mutex_);
  std::vector<RunNote> notes;
  {
    const RunTable::Reader table = table_.read();
    const auto before = table.notes(run);
    notes.assign(before.begin(), before.end());
  }
  LabelChanges labels;
  const Json before = notes_value(notes);
  notes.push_back({clock_.wall(), text});
  add_notes(labels, run, std::move(notes));
  labels.changes.push_back(undo_note(Json{{"did", "note"}, {"run", run}, {"before", before}}));
  store_->write(labels.changes);
  show_labels(labels);
}

RunNote Experiment::remove_note(RunId run, std::size_t n) {
  const std::lock_guard lock(change_mutex_);
  std::vector<RunNote> notes;
  std::string name;
  {
    const RunTable::Reader table = table_.read();
    const auto before = table.notes(run);
    notes.assign(before.begin(), before.end());
    name = table.name(run);
  }
  if (n == 0 || n > notes.size()) {
    throw Error("usage", name + " has no note " + std::to_string(n) + ": it has " +
                             (notes.empty() ? "none" : counted(notes.size(), "note", "notes")));
  }
  LabelChanges labels;
  const Json before = notes_value(notes);
  RunNote taken = notes[n - 1];
  notes.erase(notes.begin() + static_cast<std::ptrdiff_t>(n - 1));
  add_notes(labels, run, std::move(notes));
  labels.changes.push_back(undo_note(Json{{"did", "note"}, {"run", run}, {"before", before}}));
  store_->write(labels.changes);
  show_labels(labels);
  return taken;
}

Change Experiment::undo_note(Json entry) {
  Json stack = undo_stack(*store_);
  stack.push_back(std::move(entry));
  while (stack.size() > kUndoDepth) stack.erase(stack.begin());
  return PutNote{kUndoNote, dump_json(stack)};
}

void Experiment::push_undo(Json entry) { store_->write({undo_note(std::move(entry))}); }

std::string Experiment::undo() {
  const std::lock_guard lock(change_mutex_);
  Json stack = undo_stack(*store_);
  if (stack.empty()) throw Error("usage", "nothing to undo: no drop, rename, tag or note is left to take back");
  const Json entry = stack.back();
  stack.erase(stack.size() - 1);
  const PutNote note{kUndoNote, dump_json(stack)};
  if (entry.at("did") == "rename") {
    const auto batch = entry.at("batch").get<BatchId>();
    const std::string name = free_name(entry.at("from").get<std::string>());
    store_->write({RenameBatch{batch, name}, note});
    table_.rename_batch(batch, name);
    return "batch " + entry.at("to").get<std::string>() + " is " + name + " again";
  }
  if (entry.at("did") == "tag") {
    const std::string name = entry.at("tag").get<std::string>();
    const std::vector<RunId> runs = runs_of_ranges(entry.at("runs").get<std::string>(), kNoRun);
    const bool on = entry.at("on").get<bool>();
    const std::vector<RunId> now = tagged_runs(name);
    std::vector<RunId> after;
    if (on) {
      std::set_difference(now.begin(), now.end(), runs.begin(), runs.end(), std::back_inserter(after));
    } else {
      std::set_union(now.begin(), now.end(), runs.begin(), runs.end(), std::back_inserter(after));
    }
    LabelChanges labels;
    add_tag(labels, name, std::move(after));
    labels.changes.emplace_back(note);
    store_->write(labels.changes);
    show_labels(labels);
    return counted(runs.size(), "run has", "runs have") +
           (on ? " the tag " + name + " no longer" : " the tag " + name + " again");
  }
  if (entry.at("did") == "note") {
    const auto run = entry.at("run").get<RunId>();
    std::vector<RunNote> before = notes_from(entry.at("before"));
    const std::size_t left = before.size();
    LabelChanges labels;
    add_notes(labels, run, std::move(before));
    labels.changes.emplace_back(note);
    store_->write(labels.changes);
    show_labels(labels);
    return std::string(table_.read().name(run)) + " has " + (left == 0 ? "no note" : counted(left, "note", "notes")) +
           " again";
  }
  SetDropped change;
  change.batches = entry.at("batches").get<std::vector<BatchId>>();
  change.runs = entry.at("runs").get<std::vector<RunId>>();
  change.dropped = false;
  store_->write({change, note});
  std::uint64_t runs = change.runs.size();
  for (const BatchId batch : change.batches) {
    // A batch made meanwhile may have taken the name.
    const std::string name = table_.read().batch(batch).name;
    if (const std::string fresh = free_name(name); fresh != name) {
      store_->write({RenameBatch{batch, fresh}});
      table_.rename_batch(batch, fresh);
    }
    table_.set_batch_dropped(batch, false);
    runs += table_.read().batch(batch).count;
  }
  table_.set_dropped(change.runs, false);
  return std::to_string(runs) + (runs == 1 ? " dropped run is back" : " dropped runs are back");
}

}  // namespace assay
