#include "repl/commands/repair.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <map>
#include <thread>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr std::size_t kShownLosses = 40, kShownRuns = 12;
constexpr auto kTellEvery = std::chrono::seconds(2);

/// Rows that people know, in the order of a sentence.
constexpr std::pair<const char*, std::pair<const char*, const char*>> kWords[] = {
    {"batch", {"batch", "batches"}}, {"run", {"run", "runs"}},          {"attempt", {"attempt", "attempts"}},
    {"call", {"call", "calls"}},     {"blob", {"payload", "payloads"}}, {"log", {"log line", "log lines"}}};

std::string counts_text(const SalvageReport& report) {
  std::string text;
  std::uint64_t others = 0;
  for (const auto& [table, rows] : report.records) {
    const bool known =
        std::any_of(std::begin(kWords), std::end(kWords), [&](const auto& words) { return table == words.first; });
    if (!known && table != "session" && table != "damaged") others += rows;
  }
  for (const auto& [table, words] : kWords) {
    for (const auto& [name, rows] : report.records) {
      if (name == table && rows > 0) text += (text.empty() ? "" : ", ") + counted(rows, words.first, words.second);
    }
  }
  if (others > 0) text += ", " + counted(others, "other record", "other records");
  return text;
}

/// Losses of one sort as one line each, with the runs that they are of.
std::vector<std::string> loss_lines(const SalvageReport& report) {
  std::vector<std::pair<std::string, std::vector<std::string>>> sorts;
  for (const SalvageLoss& loss : report.losses) {
    auto sort = std::find_if(sorts.begin(), sorts.end(), [&](const auto& one) { return one.first == loss.what; });
    if (sort == sorts.end()) sort = sorts.insert(sorts.end(), {loss.what, {}});
    if (!loss.run.empty()) sort->second.push_back(loss.run);
  }
  std::vector<std::string> lines;
  for (const auto& [what, runs] : sorts) {
    if (runs.size() < 2) {
      lines.push_back((runs.empty() ? "" : runs.front() + ": ") + what);
      continue;
    }
    std::string line = count_text(runs.size()) + " runs: " + what + ": ";
    const std::size_t shown = std::min(runs.size(), kShownRuns);
    for (std::size_t i = 0; i < shown; ++i) line += (i > 0 ? ", " : "") + runs[i];
    if (shown < runs.size()) line += " and " + count_text(runs.size() - shown) + " more";
    lines.push_back(line);
  }
  return lines;
}

bool is_same_file(const std::string& left, const std::string& right) {
  struct stat one{}, other{};
  return ::stat(left.c_str(), &one) == 0 && ::stat(right.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

void repair(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::string file = repair_path(arguments.at(0)), out = arguments.size() > 1 ? arguments.at(1) : "";
  // Not only useless: closing a second descriptor of it would drop the locks of the first.
  if (is_same_file(file, shell.store().path())) {
    throw Error("usage", "this experiment is open here, and a file is repaired while nobody has it open", file,
                "`exit`, then on the command line: assay repair " + quote_shell_word(file));
  }
  const std::string version = shell.options().version;
  const auto tell = [&](const std::string& line) { shell.notice(line); };
  if (shell.foreground()) {
    shell.work([&] { repair_file(file, out, version, tell, [&] { return shell.interrupted(); }, reply); });
    return;
  }
  // On a terminal the editor draws, and takes Ctrl-C, while a thread works.
  std::atomic<bool> done{false}, stop{false};
  std::exception_ptr problem;
  {
    const std::jthread work([&] {
      try {
        repair_file(file, out, version, tell, [&] { return stop.load(); }, reply);
      } catch (...) {
        problem = std::current_exception();
      }
      done = true;
      shell.editor().wake();
    });
    shell.work([&] {
      while (shell.editor().wait([&] { return done.load(); }) != WaitResult::done) stop = true;
    });
  }
  if (problem) std::rethrow_exception(problem);
}

}  // namespace

std::string repair_path(const std::string& typed) {
  struct stat info{};
  if (::stat(typed.c_str(), &info) == 0 || typed.find('/') != std::string::npos || typed.ends_with(".assay")) {
    return typed;
  }
  return "saves/" + typed + ".assay";
}

void repair_file(const std::string& file, const std::string& out, const std::string& version,
                 const std::function<void(const std::string&)>& tell, const std::function<bool()>& stopped,
                 Reply& reply) {
  SalvageOptions options;
  options.path = file;
  options.out = out.empty() ? file + ".repaired" : out;
  options.version = version;
  auto told = std::chrono::steady_clock::now();
  options.go_on = [&](double part, std::uint64_t records) {
    const auto now = std::chrono::steady_clock::now();
    if (now - told >= kTellEvery) {
      told = now;
      tell("repair: " + ratio_text(part) + ", " + counted(records, "record", "records") + " so far");
    }
    return !stopped();
  };
  const SalvageReport report = salvage(options);

  for (const std::string& note : report.notes) reply.line(StyledText().add(note, TextRole::warn));
  reply.line(StyledText().add(options.out, TextRole::name).add(": " + counts_text(report)));
  if (report.lost == 0) {
    reply.line("nothing that was recorded is missing");
  } else {
    reply.line(StyledText().add(counted(report.lost, "loss", "losses") + ":", TextRole::warn));
    const std::vector<std::string> lines = loss_lines(report);
    for (std::size_t i = 0; i < std::min(lines.size(), kShownLosses); ++i) reply.line("  " + lines[i]);
    if (lines.size() > kShownLosses) reply.line("  and " + count_text(lines.size() - kShownLosses) + " more sorts");
    if (report.lost > kShownRuns) {
      reply.line("`check` in the new file names " +
                 (report.lost > report.losses.size() ? "the first " + count_text(report.losses.size()) : "all") +
                 " of them");
    }
    reply.line(
        "in the new file `ls err:damaged` shows the runs that lost something, `rerun N RUNS` asks again what you want "
        "back");
  }
  reply.line("next: assay " + quote_shell_word(options.out) + "   (" + file +
             " has been left as it is: keep it until you have looked)");
  Json counts = Json::object(), losses = Json::array();
  for (const auto& [table, rows] : report.records) counts[table] = rows;
  for (const SalvageLoss& loss : report.losses) {
    losses.push_back(Json::object({{"table", loss.table}, {"row", loss.row}, {"run", loss.run}, {"what", loss.what}}));
  }
  reply.result = Json::object({{"file", file},
                               {"out", options.out},
                               {"records", std::move(counts)},
                               {"lost", report.lost},
                               {"losses", std::move(losses)},
                               {"notes", report.notes}});
}

void add_repair_command(CommandTable& table) {
  table.add({"repair",
             {},
             "files",
             "repair FILE [OUT]",
             "what can be read of a damaged experiment file, in a new one (FILE.repaired)",
             {"repair saves/old.assay", "repair saves/old.assay saves/mended.assay"},
             {},
             1,
             2,
             false,
             true,
             repair,
             [](Shell&, const std::vector<std::string>&, std::string_view word) { return complete_file(word); }});
}

}  // namespace assay
