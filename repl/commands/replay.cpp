#include "repl/commands/replay.hpp"

#include <map>

#include "core/text/error.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr std::size_t kShownLines = 20;

struct Outcome {
  std::uint64_t runs = 0, same = 0, calls = 0, skipped = 0;
  bool missing = false;
  std::vector<std::string> lines;  // what is different, a line each
};

void add(const ReplayResult& result, Outcome& to) {
  ++to.runs;
  to.calls += result.calls;
  if (result.same()) {
    ++to.same;
    return;
  }
  for (const std::string& line : result.missing) to.lines.push_back(result.run + ": " + line);
  to.missing = to.missing || !result.missing.empty();
  if (!result.missing.empty()) return;  // what differs then is the consequence
  for (const ReplayDifference& one : result.differences) {
    to.lines.push_back(result.run + ": " + one.what + " was " + one.recorded + ", came out as " + one.replayed);
  }
}

std::string first_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (std::size_t i = 0; i < std::min(lines.size(), kShownLines); ++i) text += "\n  " + lines[i];
  if (lines.size() > kShownLines) text += "\n  and " + count_text(lines.size() - kShownLines) + " more";
  return text;
}

/// The user messages of runs, written again by their kinds.
struct Rebuilt {
  std::uint64_t compared = 0, equal = 0;
  std::map<RunId, bool> same;  // of the runs whose kind can do it
  std::string first_run;       // the first that differs
  std::optional<RebuiltMessages::Difference> first;
};

Rebuilt rebuild(Shell& shell, const std::vector<RunId>& runs) {
  std::map<BatchId, std::vector<RunId>> by_batch;
  {
    const RunTable::Reader table = shell.table().read();
    for (const RunId run : runs) {
      if (!table.row(run).in_flight && !table.row(run).waits) by_batch[table.row(run).batch].push_back(run);
    }
  }
  Rebuilt all;
  for (const auto& [id, members] : by_batch) {
    const std::unique_ptr<BatchView> view = shell.experiment().view(id, members);
    const BatchInfo& batch = view->info();
    const Kind* kind = shell.kinds().find(batch.kind);
    if (kind == nullptr) continue;
    view->each(true, [&](const RunView& run) {
      if (shell.interrupted()) return;
      const auto messages = kind->rebuild(batch, run);
      if (!messages) return;
      all.compared += messages->compared;
      all.equal += messages->equal;
      all.same[run.id] = messages->compared == messages->equal;
      if (all.first || !messages->first) return;
      all.first = messages->first;
      all.first_run = batch.name + ":" + run.run_id;
    });
  }
  return all;
}

std::string rebuilt_text(const Rebuilt& rebuilt) {
  if (rebuilt.compared == 0) return "no message of a prompt is recorded: there was nothing to rebuild";
  if (rebuilt.equal == rebuilt.compared)
    return count_text(rebuilt.compared) + (rebuilt.compared == 1 ? " message" : " messages") +
           " rebuilt, byte for byte as recorded";
  std::string text = count_text(rebuilt.equal) + " of " + count_text(rebuilt.compared) + " rebuilt messages are equal";
  if (rebuilt.first) {
    text += "; the first that is not: " + rebuilt.first_run + ", agent " + rebuilt.first->agent + ", round " +
            std::to_string(rebuilt.first->round) + ", byte " + count_text(rebuilt.first->offset) + "\n  recorded " +
            dump_json(rebuilt.first->want) + "\n  rebuilt  " + dump_json(rebuilt.first->got);
  }
  return text;
}

void tell(const Rebuilt& rebuilt, Json& result) {
  if (rebuilt.same.empty()) return;
  result["messages"] = Json::object({{"compared", rebuilt.compared}, {"equal", rebuilt.equal}});
  result["first_difference"] = nullptr;
  if (const auto& first = rebuilt.first) {
    result["first_difference"] = Json::object({{"run", rebuilt.first_run},
                                               {"agent", first->agent},
                                               {"round", first->round},
                                               {"offset", first->offset},
                                               {"want", first->want},
                                               {"got", first->got}});
  }
}

bool can_replay(Shell& shell, const Replayer& replayer, RunId run) {
  {
    const RunTable::Reader table = shell.table().read();
    const RunRow& row = table.row(run);
    if (row.attempts == 0 || row.in_flight || row.waits) return false;
  }
  return replayer.executed(run);
}

void replay(Shell& shell, const Replayer::MakeRunner& make_runner, const Arguments& arguments, Reply& reply) {
  const Selection selection = shell.select(arguments.rest(0));
  const auto number = [&](const char* flag, std::uint64_t least) -> std::optional<std::uint32_t> {
    if (!arguments.has(flag)) return std::nullopt;
    return static_cast<std::uint32_t>(parse_count(arguments.flags.at(flag), flag, least));
  };
  const auto attempt = number("--attempt", 1), step = number("--step", 0);
  Rebuilt rebuilt;
  if (!attempt && !step) rebuilt = rebuild(shell, selection.runs);
  Replayer replayer(shell.store(), shell.table(), shell.experiment().clock(), make_runner);
  Outcome outcome;
  std::string how;                   // of a single run
  std::uint64_t runs = 0, same = 0;  // executed again, or rebuilt alone
  for (const RunId run : selection.runs) {
    if (shell.interrupted()) {
      throw Error("interrupted", "stopped after " + count_text(runs) + " runs, " + count_text(same) +
                                     " of them came out the same" + first_lines(outcome.lines));
    }
    const auto written = rebuilt.same.find(run);
    const bool alike = written == rebuilt.same.end() || written->second;
    const bool alone = selection.runs.size() == 1 && written == rebuilt.same.end();  // then the replayer says why not
    if (!alone && !can_replay(shell, replayer, run)) {
      if (written == rebuilt.same.end()) {
        ++outcome.skipped;
      } else {
        ++runs;
        same += alike ? 1 : 0;
      }
      continue;
    }
    const ReplayResult result = replayer.replay(run, attempt, step);
    add(result, outcome);
    ++runs;
    same += alike && result.same() ? 1 : 0;
    if (selection.runs.size() == 1) {
      how = result.run + ", attempt " + std::to_string(result.attempt) +
            (step ? ", to the end of " + place_of_step(*step) : ", " + std::string(to_text(result.status)));
    }
  }
  reply.result = Json::object(
      {{"runs", runs}, {"same", same}, {"calls", outcome.calls}, {"sent", 0}, {"skipped", outcome.skipped}});
  tell(rebuilt, reply.result);
  if (outcome.skipped > 0)
    reply.line(count_text(outcome.skipped) + " have not been executed, or are in flight: skipped");
  const std::string words = how.empty() ? count_text(outcome.runs) + " runs" : how;
  const std::string served = count_text(outcome.calls) + " recorded calls served, nothing sent";
  if (outcome.same != outcome.runs) {
    throw Error(outcome.missing ? "replay_missing" : "replay",
                words + ": " + (how.empty() ? count_text(outcome.runs - outcome.same) + " " : "") +
                    "did not come out the same; " + served + first_lines(outcome.lines) +
                    (rebuilt.same.empty() ? "" : "\n" + rebuilt_text(rebuilt)),
                {},
                outcome.missing ? "nothing was changed; `run_n` or `rerun` asks a model for what is missing"
                                : "nothing was changed; `detail RUN` shows what is recorded");
  }
  if (outcome.runs > 0 || rebuilt.same.empty()) reply.line(words + ": came out the same; " + served);
  if (!rebuilt.same.empty()) {
    const std::uint64_t written = rebuilt.same.size();
    reply.block(count_text(written) + (written == 1 ? " run: " : " runs: ") + rebuilt_text(rebuilt));
    if (rebuilt.equal != rebuilt.compared)
      reply.line(
          "prompts, schedule and topology are the batch's: load it with those it was made with, and replay again");
  }
}

}  // namespace

void add_replay_command(CommandTable& table, Replayer::MakeRunner make_runner) {
  table.add(
      {"replay",
       {},
       "looking",
       "replay RUN..",
       "execute runs again from their recorded calls alone, and rebuild their prompts: no network, nothing is changed",
       {"replay add:17", "replay all", "replay add:17 --step 2"},
       {{"--step", "K", "only up to the end of step K; 0 is the setup"}, {"--attempt", "K", "an earlier attempt"}},
       1,
       SIZE_MAX,
       false,
       true,
       [make_runner = std::move(make_runner)](Shell& shell, const Arguments& arguments, Reply& reply) {
         replay(shell, make_runner, arguments, reply);
       },
       complete_query});
}

}  // namespace assay
