#include "repl/commands/bulk.hpp"

#include <filesystem>
#include <map>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/auto_lane.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr const char* kUsage =
    "usage: bulk list | import FILE.. | submit [NAME..] | status [NAME..] | collect [NAME..] | cancel [NAME..] | "
    "release NAME..";

std::string counted(std::uint64_t n, const std::string& one, const std::string& many) {
  return format_count(static_cast<std::int64_t>(n)) + " " + (n == 1 ? one : many);
}

Json json_of(const BulkFileFacts& file) {
  return Json::object({{"file", file.name},
                       {"path", file.path},
                       {"model", file.model},
                       {"state", file.state},
                       {"calls", file.calls},
                       {"waiting", file.waiting},
                       {"answered", file.answered},
                       {"failed", file.refused},
                       {"given_back", file.returned},
                       {"bytes", file.bytes},
                       {"batch_id", file.batch_id}});
}

/// What was written since, for those who were not told when it happened.
void tell_written(Shell& shell, Reply& reply) {
  for (const std::string& line : shell.bulk().wait_written()) {
    if (shell.foreground()) reply.line(line);
  }
}

void list(Shell& shell, Reply& reply) {
  tell_written(shell, reply);
  Table table({{"file", false, false},
               {"model", false, true},
               {"state", false, true},
               {"calls", true, false},
               {"waiting", true, false},
               {"answered", true, false},
               {"FAIL", true, false},
               {"given back", true, false},
               {"batch", false, true}});
  reply.result = Json::array();
  const auto count = [](std::uint64_t n, TextRole role = TextRole::plain) {
    return count_cell(static_cast<std::int64_t>(n), role);
  };
  for (const BulkFileFacts& file : shell.bulk().list()) {
    table.row({cell(file.path, TextRole::name), cell(file.model), cell(file.state), count(file.calls),
               count(file.waiting), count(file.answered),
               count(file.refused, file.refused > 0 ? TextRole::bad : TextRole::plain), count(file.returned),
               cell(file.batch_id.empty() ? "-" : file.batch_id)});
    reply.result.push_back(json_of(file));
  }
  if (table.size() == 0) {
    reply.line("no bulk files yet: `run_n N lane=bulk:DIR` makes some");
  } else {
    reply.table(table);
  }
}

void tell_import(const BulkImport& import, Reply& reply) {
  std::string line =
      counted(import.lines, "line", "lines") + ": " + counted(import.answered, "answer", "answers") + " recorded";
  const auto also = [&line](std::uint64_t n, const std::string& what) {
    if (n > 0) line += ", " + format_count(static_cast<std::int64_t>(n)) + " " + what;
  };
  also(import.refused, "failed for good");
  also(import.returned, "given back to be sent again");
  also(import.late, "came late (given back before; recorded and counted all the same)");
  also(import.repeated, "came before");
  also(import.unknown, "that nobody waits for");
  also(import.bad, "unreadable");
  reply.line(line);
  for (const std::string& problem : import.problems) reply.line(StyledText().add("  " + problem, TextRole::warn));
  const std::uint64_t told = import.problems.size(), all = import.repeated + import.unknown + import.bad;
  if (all > told) reply.line("  and " + counted(all - told, "line more", "lines more"));
  std::uint64_t waiting = 0;
  Json files = Json::array();
  for (const BulkFileFacts& file : import.files) {
    waiting += file.waiting;
    files.push_back(json_of(file));
    if (file.waiting > 0) {
      reply.line(file.name + ": " + counted(file.waiting, "call is", "calls are") +
                 " still without an answer (`bulk release " + file.name + "` gives them back)");
    }
  }
  if (import.answered + import.refused + import.returned + import.late > 0)
    reply.line("`run_n N` goes on with the runs that waited");
  reply.result = Json::object({{"lines", import.lines},
                               {"answered", import.answered},
                               {"failed", import.refused},
                               {"given_back", import.returned},
                               {"late", import.late},
                               {"repeated", import.repeated},
                               {"unknown", import.unknown},
                               {"bad", import.bad},
                               {"waiting", waiting},
                               {"problems", import.problems},
                               {"files", std::move(files)}});
}

void release(Shell& shell, const std::vector<std::string>& names, bool force, Reply& reply) {
  tell_written(shell, reply);
  reply.result = Json::array();
  for (const std::string& name : names) {
    const std::uint64_t n = shell.bulk().release(name, force);
    reply.line(name + ": " +
               (n == 0 ? "no call waits in it" : counted(n, "call", "calls") + " given back; `run_n` sends them"));
    reply.result.push_back(Json::object({{"file", name}, {"released", n}}));
  }
}

void bulk(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::string& what = arguments.at(0);
  std::vector<std::string> names;
  for (std::size_t i = 1; i < arguments.size(); ++i) names.push_back(arguments.at(i));
  if (what == "list" && names.empty()) return list(shell, reply);
  const bool known = what == "import" || what == "release" || what == "submit" || what == "status" ||
                     what == "cancel" || what == "collect";
  if (!known) throw Error("usage", "bulk " + arguments.rest(0) + ": there is no such thing", {}, kUsage);
  shell.require_writable("bulk " + what + " changes the experiment");
  if (names.empty() && (what == "import" || what == "release"))
    throw Error("usage", "bulk " + what + ": which file?", {}, kUsage);
  const BulkDesk::Interrupted interrupted = [&shell] { return shell.interrupted(); };
  if (what == "release") return release(shell, names, arguments.has("--force"), reply);
  if (what == "import") {
    BulkImport sum;
    for (const std::string& name : names) sum += shell.bulk().import(name, interrupted);
    return tell_import(sum, reply);
  }
  std::vector<std::string> lines;
  if (what == "collect") {
    const BulkImport sum = shell.bulk().collect(names, lines, interrupted);
    for (const std::string& line : lines) reply.line(line);
    if (sum.lines > 0) {
      tell_import(sum, reply);
    } else {
      reply.result = Json::object({{"lines", 0}});
    }
    reply.result["told"] = lines;
    return;
  }
  if (what == "submit") tell_written(shell, reply);
  lines = what == "submit"   ? shell.bulk().submit(names, interrupted)
          : what == "status" ? shell.bulk().status(names, interrupted)
                             : shell.bulk().cancel(names, interrupted);
  for (const std::string& line : lines) reply.line(line);
  reply.result = Json::object({{"told", lines}});
}

std::vector<Candidate> complete(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  std::vector<Candidate> out;
  if (before.size() <= 1) {
    for (const auto& [name, help] :
         std::map<std::string, std::string>{{"list", "the files and what they wait for"},
                                            {"import", "read a provider's output or error file"},
                                            {"submit", "send files to the provider"},
                                            {"status", "ask the provider how far they are"},
                                            {"collect", "download and import what has ended"},
                                            {"cancel", "end a batch at the provider"},
                                            {"release", "give back what has no answer"}}) {
      if (name.starts_with(word)) out.push_back({name, help});
    }
    return out;
  }
  if (before[1] == "import") return complete_file(word);
  for (const BulkFileFacts& file : shell.bulk().list()) {
    if (file.name.starts_with(word)) out.push_back({file.name, file.state});
  }
  return out;
}

}  // namespace

void tell_held(Shell& shell, const Selection& selection, Reply& reply) {
  constexpr std::size_t shown = 3;
  if (!shell.foreground()) return;
  std::map<std::string, std::uint64_t> reasons;
  {
    const RunTable::Reader table = shell.table().read();
    for (const RunId run : selection.runs) {
      const RunRow& row = table.row(run);
      if (row.status != Status::incomplete || row.error == 0 || row.in_flight) continue;
      const RunError& error = table.error(row.error);
      if (error.kind == "held") ++reasons[error.message];
    }
  }
  std::size_t told = 0;
  for (const auto& [reason, n] : reasons) {
    if (++told > shown) continue;
    reply.line(counted(n, "run waits", "runs wait") + ": " + reason);
  }
  if (told > shown) reply.line("and " + counted(told - shown, "reason more", "reasons more"));
}

namespace {

std::vector<BatchInfo> batches_of(Shell& shell, const Selection& selection) {
  std::map<BatchId, BatchInfo> batches;
  {
    const RunTable::Reader table = shell.table().read();
    for (const RunId run : selection.runs) {
      const RunRow& row = table.row(run);
      if (!batches.contains(row.batch)) batches.emplace(row.batch, table.batch(row.batch));
    }
  }
  std::vector<BatchInfo> all;
  for (auto& [id, batch] : batches) all.push_back(std::move(batch));
  return all;
}

/// "night.bulk" beside night.assay.
std::string default_folder(const std::string& experiment) {
  if (experiment.starts_with(":")) return "bulk";
  return std::filesystem::path(experiment).replace_extension("bulk").string();
}

}  // namespace

void run_in_auto_lane(Shell& shell, const std::string& folder, const std::string& deadline, std::size_t width,
                      const Selection& selection, Reply& reply) {
  const auto setting = [&shell](const char* name) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(parse_duration(shell.settings().get(name)));
  };
  Clock& clock = shell.experiment().clock();
  AutoLanePlan plan;
  plan.runs = selection.runs;
  plan.batches = batches_of(shell, selection);
  plan.width = width;
  plan.folder = folder.empty() ? default_folder(shell.store().path()) : folder;
  plan.live_from = next_time_of_day(deadline, clock.wall()) -
                   std::chrono::duration_cast<std::chrono::microseconds>(setting("bulk.margin")).count();
  plan.poll = setting("bulk.poll");
  shell.bulk().open(plan.folder, plan.batches);  // refuses now what can't be done later
  AutoLaneParts parts{shell.engine(),
                      shell.table(),
                      clock,
                      shell.bulk(),
                      [&terminals = shell.terminals()](const std::string& line) { terminals.tell(line); },
                      {}};
  const std::string words = describe(selection);
  if (!shell.foreground()) {
    shell.terminals().in_background("lane=auto", [parts, plan, words](const std::stop_token& stop) mutable {
      parts.interrupted = [stop] { return stop.stop_requested(); };
      if (AutoLane(parts, plan).run()) parts.tell("lane=auto: " + words + " ended");
    });
    reply.line(words + ", in files until " + std::to_string(setting("bulk.margin").count() / 60'000) +
               " minutes before " + deadline + ", live after that");
    return;
  }
  parts.interrupted = [&shell] { return shell.interrupted(); };
  bool ended = false;
  shell.work([&] { ended = AutoLane(parts, plan).run(); });
  std::map<Status, std::uint64_t> by_status;
  {
    const RunTable::Reader table = shell.table().read();
    for (const RunId run : plan.runs) ++by_status[table.row(run).status];
  }
  if (!ended) throw Error("interrupted", "lane=auto was stopped", {}, "the same command takes it up again");
  reply.line(words);
  reply.line(counted(by_status[Status::complete], "run", "runs") + " COMPLETE, " +
             counted(by_status[Status::fail], "run", "runs") + " FAIL");
  reply.result = Json::object({{"complete", by_status[Status::complete]}, {"fail", by_status[Status::fail]}});
}

void run_into_files(Shell& shell, const std::string& folder, std::size_t width, const Selection& selection,
                    Reply& reply) {
  JobRequest request;
  request.runs = selection.runs;
  request.width = width;
  request.files = shell.bulk().open(folder, batches_of(shell, selection));
  shell.run_job(request, selection, reply);
  if (!shell.foreground()) return;
  request.files.reset();
  const std::vector<std::string> lines = shell.bulk().wait_written();
  for (const std::string& line : lines) reply.line(line);
  tell_held(shell, selection, reply);
  reply.line(lines.empty() ? "nothing had to be sent: no file was written"
                           : "next: `bulk submit`, or upload them yourself and `bulk import` what comes back");
  reply.result["bulk"] = lines;
}

void add_bulk_command(CommandTable& table) {
  table.add({"bulk",
             {},
             "running",
             "bulk list | import FILE.. | submit|status|collect|cancel [NAME..] | release NAME..",
             "files of calls at half the price (OpenAI Batch): what run_n lane=bulk:DIR wrote, and its answers",
             {"bulk list", "bulk import out/night-0001.output.jsonl", "bulk submit", "bulk collect"},
             {{"--force", "", "release: also what is with the provider; both may be paid"}},
             1,
             SIZE_MAX,
             false,
             true,
             bulk,
             complete});
}

}  // namespace assay
