#include "repl/commands/replay.hpp"

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

void replay(Shell& shell, const Replayer::MakeRunner& make_runner, const Arguments& arguments, Reply& reply) {
  const Selection selection = shell.select(arguments.rest(0));
  const auto number = [&](const char* flag, std::uint64_t least) -> std::optional<std::uint32_t> {
    if (!arguments.has(flag)) return std::nullopt;
    return static_cast<std::uint32_t>(parse_count(arguments.flags.at(flag), flag, least));
  };
  const auto attempt = number("--attempt", 1), step = number("--step", 0);
  Replayer replayer(shell.store(), shell.table(), shell.experiment().clock(), make_runner);
  Outcome outcome;
  std::string how;  // of a single run
  for (const RunId run : selection.runs) {
    if (shell.interrupted()) {
      throw Error("interrupted", "stopped after " + count_text(outcome.runs) + " runs, " + count_text(outcome.same) +
                                     " of them came out the same" + first_lines(outcome.lines));
    }
    if (selection.runs.size() > 1) {
      const RunTable::Reader table = shell.table().read();
      if (const RunRow& row = table.row(run); row.attempts == 0 || row.in_flight) {
        ++outcome.skipped;
        continue;
      }
    }
    const ReplayResult result = replayer.replay(run, attempt, step);
    add(result, outcome);
    if (selection.runs.size() == 1) {
      how = result.run + ", attempt " + std::to_string(result.attempt) +
            (step ? ", to the end of " + place_of_step(*step) : ", " + std::string(to_text(result.status)));
    }
  }
  reply.result = Json::object({{"runs", outcome.runs},
                               {"same", outcome.same},
                               {"calls", outcome.calls},
                               {"sent", 0},
                               {"skipped", outcome.skipped}});
  if (outcome.skipped > 0)
    reply.line(count_text(outcome.skipped) + " have not been executed, or are in flight: skipped");
  const std::string words = how.empty() ? count_text(outcome.runs) + " runs" : how;
  const std::string served = count_text(outcome.calls) + " recorded calls served, nothing sent";
  if (outcome.same == outcome.runs) {
    reply.line(words + ": came out the same; " + served);
    return;
  }
  throw Error(outcome.missing ? "replay_missing" : "replay",
              words + ": " + (how.empty() ? count_text(outcome.runs - outcome.same) + " " : "") +
                  "did not come out the same; " + served + first_lines(outcome.lines),
              {},
              outcome.missing ? "nothing was changed; `run_n` or `rerun` asks a model for what is missing"
                              : "nothing was changed; `detail RUN` shows what is recorded");
}

}  // namespace

void add_replay_command(CommandTable& table, Replayer::MakeRunner make_runner) {
  table.add(
      {"replay",
       {},
       "looking",
       "replay RUN..",
       "execute runs again from their recorded calls alone: no network, nothing is changed",
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
