// save, export

#include <array>
#include <cmath>
#include <ctime>
#include <set>

#include "core/text/atomic_file.hpp"
#include "core/text/csv.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/commands/bulk.hpp"
#include "repl/run_list.hpp"
#include "repl/save_file.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// saves/EXPERIMENT-20261121-140211.json
std::string default_save_name(const std::string& experiment, WallTime now) {
  std::string name = experiment.substr(experiment.find_last_of('/') + 1);
  if (name.ends_with(".assay")) name.resize(name.size() - 6);
  if (name == ":memory:") name = "memory";
  const auto seconds = static_cast<time_t>(now / 1'000'000);
  tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  return "saves/" + safe_file_name(name) + "-" +
         std::string(text.data(), std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &parts)) + ".json";
}

/// The experiment file and its companions are never written over.
void refuse_experiment_file(Shell& shell, const std::string& path) {
  std::error_code problem;
  const std::string file = shell.store().path();
  for (const char* ending : {"", "-wal", "-shm", "-lock", "-reserve"}) {
    if (std::filesystem::equivalent(path, file + ending, problem)) {
      throw Error("file", "that is the open experiment itself", path, "name another file");
    }
  }
}

void save(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::string path = arguments.size() > 0
                               ? arguments.at(0)
                               : default_save_name(shell.store().path(), shell.experiment().clock().wall());
  refuse_experiment_file(shell, path);
  if (arguments.size() == 0) std::filesystem::create_directories("saves");
  const std::string query = arguments.rest(1);
  const Selection selection = shell.select(query.empty() ? "*" : query, query.empty());
  const std::uint64_t bytes = write_save(path, shell.experiment(), selection.runs);
  reply.line(describe(selection) + " saved to " + path + " (" + format_bytes(bytes) + ")");
  reply.result = Json::object({{"file", path}, {"runs", selection.runs.size()}, {"bytes", bytes}});
}

void export_jsonl(Shell& shell, const std::string& path, const std::vector<RunId>& runs) {
  AtomicFile file(path);
  std::string text;
  shell.experiment().each_serialized(runs, [&](RunId, SerializedRun&& run) {
    text.clear();
    append_json(text, run);
    text += '\n';
    file.append(text);
  });
  file.commit();
}

std::string flat(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

/// One row a run: what it is, how it came out, then the columns of data and of answer, then the metrics.
void export_csv(Shell& shell, const std::string& path, const std::vector<RunId>& runs, bool spreadsheet) {
  std::vector<std::string> data_keys, answer_keys, metrics;
  std::set<std::string> seen;
  shell.experiment().each_serialized(runs, [&](RunId, SerializedRun&& run) {
    const auto note = [&](const std::string& prefix, const Json& value, std::vector<std::string>& keys) {
      if (!value.is_object()) return;
      for (const auto& [key, unused] : value.items()) {
        if (seen.insert(prefix + key).second) keys.push_back(key);
      }
    };
    note("data.", run.run.data, data_keys);
    note("answer.", run.run.answer, answer_keys);
    for (const auto& [name, unused] : run.run.score.metrics) {
      if (seen.insert("metric." + name).second) metrics.push_back(name);
    }
  });
  AtomicFile file(path);
  std::string line;
  const auto put = [&](std::string_view text) {
    if (!line.empty()) line += ',';
    line += csv_field(text, ',', spreadsheet);
  };
  for (const char* name :
       {"run", "batch", "id", "kind", "model", "status", "score", "attempts", "seconds", "cost_usd", "error", "answer"})
    put(name);
  for (const std::string& key : data_keys) put("data." + key);
  for (const std::string& key : answer_keys) put("answer." + key);
  for (const std::string& name : metrics) put("metric." + name);
  file.append(line + "\r\n");
  shell.experiment().each_serialized(runs, [&](RunId id, SerializedRun&& run) {
    RunRow row;
    {
      const RunTable::Reader table = shell.table().read();
      row = table.row(id);
    }
    line.clear();
    put(run.batch + ":" + run.run.id);
    put(run.batch);
    put(run.run.id);
    put(run.kind);
    put(run.model);
    put(to_text(run.run.status));
    put(run.run.score.verdict == Verdict::none ? "" : to_text(run.run.score.verdict));
    put(std::to_string(row.attempts));
    put(dump_json(static_cast<double>(row.seconds)));
    put(dump_json(to_usd(row.cost)));
    put(run.run.error.empty() ? "" : run.run.error.kind + ": " + run.run.error.message);
    put(flat(run.run.answer));
    const auto keyed = [&](const Json& value, const std::vector<std::string>& keys) {
      for (const std::string& key : keys) put(value.is_object() && value.contains(key) ? flat(value.at(key)) : "");
    };
    keyed(run.run.data, data_keys);
    keyed(run.run.answer, answer_keys);
    for (const std::string& name : metrics) {
      std::string text;
      for (const auto& [key, value] : run.run.score.metrics) {
        if (key == name) text = dump_json(value);
      }
      put(text);
    }
    file.append(line + "\r\n");
  });
  file.commit();
}

void export_runs(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::string& format = arguments.at(0);
  const std::string& path = arguments.at(1);
  refuse_experiment_file(shell, path);
  const std::string query = arguments.rest(2);
  if (format == "openai-batch") {
    constexpr std::size_t width = 64;
    return run_into_files(shell, path, width,
                          query.empty() ? shell.select("status:READY | status:INCOMPLETE", true) : shell.select(query),
                          reply);
  }
  if (format != "csv" && format != "jsonl") {
    throw Error("usage", "export " + format + ": there is no such format", {}, "formats: csv, jsonl, openai-batch");
  }
  const Selection selection = shell.select(query.empty() ? "*" : query, query.empty());
  if (format == "csv") {
    export_csv(shell, path, selection.runs, arguments.has("--spreadsheet"));
  } else {
    export_jsonl(shell, path, selection.runs);
  }
  reply.line(describe(selection) + " exported to " + path);
  reply.result = Json::object({{"file", path}, {"runs", selection.runs.size()}});
}

}  // namespace

void add_file_commands(CommandTable& table) {
  const std::string group = "files";
  const auto files = [](Shell&, const std::vector<std::string>&, std::string_view word) { return complete_file(word); };
  table.add({"save",
             {},
             group,
             "save [FILE] [QUERY]",
             "write runs to a file that `load` reads back: .json, .jsonl, also .gz or .zst",
             {"save night.json", "save wrong.jsonl.gz score:INCORRECT"},
             {},
             0,
             SIZE_MAX,
             false,
             true,
             save,
             files});
  table.add({"export",
             {},
             group,
             "export csv|jsonl FILE [QUERY] | export openai-batch DIR [QUERY]",
             "write runs as a table or as JSON lines, or the calls they wait for as OpenAI Batch files (`help bulk`)",
             {"export csv runs.csv", "export openai-batch out"},
             {{"--spreadsheet", "", "csv: put ' before cells that a spreadsheet would take for a formula"}},
             2,
             SIZE_MAX,
             false,
             true,
             export_runs,
             files});
}

}  // namespace assay
