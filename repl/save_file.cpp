#include "repl/save_file.hpp"

#include <fstream>
#include <map>

#include "core/store/sqlite_store.hpp"
#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/json_values.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr std::string_view kSqliteStart("SQLite format 3\0", 16);

bool is_json_lines(std::string path) {
  for (const char* ending : {".gz", ".zst"}) {
    if (path.ends_with(ending)) path.resize(path.size() - std::string_view(ending).size());
  }
  return path.ends_with(".jsonl");
}

std::string stem(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  for (const char* ending : {".gz", ".zst", ".jsonl", ".json"}) {
    if (name.ends_with(ending)) name.resize(name.size() - std::string_view(ending).size());
  }
  return name.empty() ? "save" : name;
}

}  // namespace

bool is_experiment_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string start(kSqliteStart.size(), '\0');
  return file.read(start.data(), static_cast<std::streamsize>(start.size())) && start == kSqliteStart;
}

std::vector<SavedBatch> read_experiment(const std::string& path, const ReadingParts& parts) {
  StoreOptions options;
  options.path = path;
  options.read_only = true;
  Experiment other({open_sqlite_store(options), parts.kinds, parts.clock, parts.settings, 1});
  std::vector<SavedBatch> batches;
  for (const BatchInfo& info : other.batches()) {
    std::vector<RunId> runs;
    {
      const RunTable::Reader table = other.table().read();
      for (RunId run = info.first; run < info.first + info.count; ++run) {
        if (table.visible(run)) runs.push_back(run);
      }
    }
    if (runs.empty()) continue;
    SavedBatch& saved = batches.emplace_back();
    saved.batch.info = info;
    saved.batch.info.source = path;
    saved.batch.runs.reserve(runs.size());
    std::uint64_t calls = 0;
    other.each_serialized(runs, [&](RunId, SerializedRun&& run) {
      calls += run.run.usage.calls;
      saved.batch.runs.push_back(std::move(run.run));
      saved.labels.push_back(std::move(run.labels));
    });
    if (calls > 0)
      saved.batch.notes.push_back("what was sent and answered in its " + counted(calls, "call", "calls") +
                                  " stays in " + path);
  }
  if (batches.empty()) throw Error("file", "there is no run in it", path);
  return batches;
}

std::vector<SavedBatch> read_save(const std::string& path, const KindRegistry& kinds) {
  InputFile input(path);
  std::vector<SavedBatch> batches;
  std::map<std::pair<std::string, std::string>, std::size_t> index;  // (batch, kind) -> position
  read_json_values(input, {}, [&](Json&& value, const JsonPlace& place) {
    SerializedRun run = from_json_value(value, path + ":" + std::to_string(place.line));
    value = Json();
    const std::string name = run.batch.empty() ? stem(path) : run.batch;
    const auto [found, fresh] = index.try_emplace({name, run.kind}, batches.size());
    if (fresh) {
      LoadedBatch& batch = batches.emplace_back().batch;
      batch.info.name = name;
      batch.info.kind = run.kind;
      batch.info.model = run.model;
      batch.info.params = run.params.is_object() ? run.params : Json::object();
      batch.info.source = path;
    }
    LoadedBatch& batch = batches[found->second].batch;
    if (run.run.id.empty()) run.run.id = std::to_string(batch.runs.size() + 1);
    batch.runs.push_back(std::move(run.run));
    batches[found->second].labels.push_back(std::move(run.labels));
  });
  if (batches.empty()) throw Error("file", "there is no run in it", path);
  for (SavedBatch& saved : batches) {
    LoadedBatch& batch = saved.batch;
    BatchInfo& info = batch.info;
    if (info.kind.empty()) {
      std::vector<const Kind*> fitting;
      for (const Kind* kind : kinds.all()) {
        bool fits = true;
        for (const NewRun& run : batch.runs) {
          if (!(fits = kind->accepts(run.data))) break;
        }
        if (fits) fitting.push_back(kind);
      }
      if (fitting.size() == 1) {
        info.kind = fitting.front()->name();
      } else {
        batch.warnings.push_back("the file names no kind and " + std::to_string(fitting.size()) +
                                 " kinds fit: its runs can be read, not run; `load KIND " + path + "` names one");
      }
    } else if (kinds.find(info.kind) == nullptr) {
      batch.warnings.push_back("this program has no kind " + info.kind + ": its runs can be read, not run");
    }
    if (const Kind* kind = kinds.find(info.kind); kind != nullptr && info.params.empty()) {
      info.params = resolve_parameters(kind->parameters(), {}, kind->name());
    }
  }
  return batches;
}

std::uint64_t write_save(const std::string& path, Experiment& experiment, const std::vector<RunId>& runs) {
  AtomicFile file(path);
  const bool lines = is_json_lines(path);
  if (!lines) file.append("[");
  bool first = true;
  std::string text;
  experiment.each_serialized(runs, [&](RunId, SerializedRun&& run) {
    text.clear();
    if (!lines) text += first ? "\n" : ",\n";
    first = false;
    append_json(text, run);
    if (lines) text += '\n';
    file.append(text);
  });
  if (!lines) file.append(first ? "]\n" : "\n]\n");
  const std::uint64_t bytes = file.plain_bytes();
  file.commit();
  return bytes;
}

}  // namespace assay
