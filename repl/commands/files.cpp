// save, export

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <map>
#include <set>

#include "core/text/atomic_file.hpp"
#include "core/text/csv.hpp"
#include "core/text/duration.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/commands/bulk.hpp"
#include "repl/commands/files.hpp"
#include "repl/run_list.hpp"
#include "repl/save_file.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {

void refuse_experiment_file(Shell& shell, const std::string& path) {
  std::error_code problem;
  const std::string file = shell.store().path();
  for (const char* ending : {"", "-wal", "-shm", "-lock", "-reserve"}) {
    if (std::filesystem::equivalent(path, file + ending, problem)) {
      throw Error("file", "that is the open experiment itself", path, "name another file");
    }
  }
}

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

/// The formats that kinds have of their own, and the kinds that have them.
std::map<std::string, std::vector<const Kind*>> kinds_by_format(Shell& shell) {
  std::map<std::string, std::vector<const Kind*>> formats;
  for (const Kind* kind : shell.kinds().all()) {
    for (const std::string& format : kind->export_formats()) formats[format].push_back(kind);
  }
  return formats;
}

struct OutFile {
  std::string path;
  std::vector<std::string> batches;
  ExportedFile file;
};

/// The files that the kinds make of the selected batches: one for all of a kind where `path` is a file, else one each.
std::vector<OutFile> files_of_kinds(Shell& shell, const std::string& format, const std::vector<const Kind*>& kinds,
                                    const std::string& path, const Selection& selection, std::size_t& others) {
  std::map<const Kind*, std::vector<std::unique_ptr<BatchView>>> views;
  for (auto& view : shell.views(selection.runs)) {
    const Kind* kind = shell.kinds().find(view->info().kind);
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
      others += view->size();
      continue;
    }
    views[kind].push_back(std::move(view));
  }
  const bool single = path.ends_with(".json");
  if (single && views.size() > 1) {
    throw Error("usage", "batches of several kinds can't stand in one file", path, "name a folder, or select one kind");
  }
  std::vector<OutFile> files;
  for (const auto& [kind, batches] : views) {
    std::vector<std::vector<const BatchView*>> groups;
    for (const auto& view : batches) {
      if (!single || groups.empty()) groups.emplace_back();
      groups.back().push_back(view.get());
    }
    for (const auto& group : groups) {
      OutFile out{path, {}, kind->export_runs(format, group)};
      for (const BatchView* view : group) out.batches.push_back(view->info().name);
      if (!single) out.path = (std::filesystem::path(path) / out.file.name).string();
      files.push_back(std::move(out));
    }
  }
  return files;
}

void refuse_overwriting(const std::vector<OutFile>& files, bool force) {
  std::map<std::string, const OutFile*> taken;
  for (const OutFile& file : files) {
    const auto [first, fresh] = taken.emplace(file.path, &file);
    if (!fresh) {
      throw Error(
          "file",
          "batches " + first->second->batches.front() + " and " + file.batches.front() + " would both be written to it",
          file.path, "export them one at a time, each to a folder of its own");
    }
    if (!force && std::filesystem::exists(file.path)) {
      throw Error("file", "there is such a file already; nothing was written", file.path, "--force writes over it");
    }
  }
}

void export_for_others(Shell& shell, const Arguments& arguments, const std::vector<const Kind*>& kinds, Reply& reply) {
  const std::string &format = arguments.at(0), &path = arguments.at(1);
  const std::string query = arguments.rest(2);
  const Selection selection = shell.select(query.empty() ? "*" : query, query.empty());
  std::size_t others = 0;
  const std::vector<OutFile> files = files_of_kinds(shell, format, kinds, path, selection, others);
  std::string names;
  for (const Kind* kind : kinds) names += (names.empty() ? "" : ", ") + kind->name();
  if (files.empty()) {
    throw Error("empty", "export " + format + ": none of the " + count_text(selection.runs.size()) +
                             " selected runs is of kind " + names);
  }
  if (!path.ends_with(".json") && std::filesystem::exists(path) && !std::filesystem::is_directory(path)) {
    throw Error("file", "that is a file, not a folder", path, "a path that ends in .json is one file for all batches");
  }
  if (std::all_of(files.begin(), files.end(), [](const OutFile& out) { return out.file.runs == 0; })) {
    throw Error("empty", "export " + format + ": none of the selected runs is COMPLETE; nothing was written");
  }
  refuse_overwriting(files, arguments.has("--force"));
  std::uint64_t runs = 0, left_out = 0;
  Json list = Json::array();
  if (!path.ends_with(".json")) std::filesystem::create_directories(path);
  for (const OutFile& out : files) {
    refuse_experiment_file(shell, out.path);
    write_file(out.path, out.file.text);
    runs += out.file.runs;
    left_out += out.file.left_out;
    list.push_back(Json::object(
        {{"file", out.path}, {"batches", out.batches}, {"runs", out.file.runs}, {"left_out", out.file.left_out}}));
    reply.line(count_text(out.file.runs) + (out.file.runs == 1 ? " run exported to " : " runs exported to ") +
               out.path +
               (out.file.left_out > 0 ? "; " + count_text(out.file.left_out) + " left out (not COMPLETE)" : ""));
  }
  if (others > 0) {
    reply.line(count_text(others) + " selected runs are of kinds that have no such format (" + format + " is of " +
               names + ")");
  }
  reply.result =
      Json::object({{"files", std::move(list)}, {"runs", runs}, {"left_out", left_out}, {"of_other_kinds", others}});
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
  if (format == "inspect") return export_inspect(shell, arguments, reply);
  const auto own = kinds_by_format(shell);
  if (const auto found = own.find(format); found != own.end())
    return export_for_others(shell, arguments, found->second, reply);
  const std::vector<JointChoice> joint = joint_choices(shell.kinds());
  if (const auto choices = find_joint(joint, format); !choices.empty())
    return export_joint(shell, choices, arguments, reply);
  if (format != "csv" && format != "jsonl") {
    std::vector<std::string> formats = {"csv", "jsonl", "openai-batch", "inspect"};
    for (const auto& [name, kinds] : own) formats.push_back(name);
    std::vector<std::string> shown = formats;
    for (const JointChoice& choice : joint) {
      const std::string& name = choice.format.name;
      if (std::find(formats.begin(), formats.end(), name) != formats.end()) continue;  // of another kind, too
      formats.push_back(name);
      if (name.find(':') == std::string::npos) {
        shown.push_back(name);
      } else if (!shown.back().ends_with(']')) {
        shown.back() += "[:VARIANT]";
      }
    }
    const auto near = nearest(format, formats);
    throw Error("usage",
                "export " + format + ": there is no such format" + (near ? "; did you mean " + *near + "?" : ""), {},
                "formats: " + joined(shown, ", "));
  }
  if (arguments.has("--force"))
    throw Error("usage", "--force goes with the formats of kinds; " + format + " always writes over a file");
  const Selection selection = shell.select(query.empty() ? "*" : query, query.empty());
  if (format == "csv") {
    export_csv(shell, path, selection.runs, arguments.has("--spreadsheet"));
  } else {
    export_jsonl(shell, path, selection.runs);
  }
  reply.line(describe(selection) + " exported to " + path);
  reply.result = Json::object({{"file", path}, {"runs", selection.runs.size()}});
}

std::vector<Candidate> complete_export(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  if (before.size() == 2) return complete_file(word);
  if (before.size() > 2) return complete_query(shell, before, word);
  std::vector<Candidate> found;
  for (const auto& [format, what] :
       {std::pair("csv", "a table"), std::pair("jsonl", "JSON lines"), std::pair("openai-batch", "calls to be made"),
        std::pair("inspect", "a log that Inspect's viewer opens")}) {
    if (std::string_view(format).starts_with(word)) found.push_back({format, what});
  }
  for (const auto& [format, kinds] : kinds_by_format(shell)) {
    if (format.starts_with(word)) found.push_back({format, "of kind " + kinds.front()->name()});
  }
  for (const JointChoice& choice : joint_choices(shell.kinds())) {
    const bool told =
        std::any_of(found.begin(), found.end(), [&](const Candidate& one) { return one.text == choice.format.name; });
    if (!told && choice.format.name.starts_with(word)) found.push_back({choice.format.name, choice.format.help});
  }
  return found;
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
  table.add(
      {"export",
       {},
       group,
       "export FORMAT PATH [QUERY]",
       "write runs: csv, jsonl, openai-batch (`help bulk`), forms of other programs: inspect, tiger, syndisco, "
       "comments ..",
       {"export csv runs.csv", "export openai-batch out", "export tiger out kind:qa", "export comments comments.csv"},
       {{"--spreadsheet", "", "csv: put ' before cells that a spreadsheet would take for a formula"},
        {"--force", "", "forms of other programs: write over files that are there"}},
       2,
       SIZE_MAX,
       false,
       true,
       export_runs,
       complete_export});
}

}  // namespace assay
