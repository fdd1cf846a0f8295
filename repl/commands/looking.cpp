// status, errors, stats, check: what there is over many runs

#include <algorithm>
#include <charconv>
#include <map>

#include "core/statistics/binomial_test.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/cost_text.hpp"
#include "repl/grouping.hpp"
#include "repl/held_by.hpp"
#include "repl/open_jobs.hpp"
#include "repl/resident_bytes.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"
#include "repl/wrapped.hpp"

namespace assay {
namespace {

Json recovery_json(const Recovery& recovery) {
  return Json::object({{"unclean", recovery.unclean},
                       {"pid", recovery.pid},
                       {"host", recovery.host},
                       {"restarted", recovery.restarted},
                       {"runs", recovery.runs},
                       {"calls", recovery.calls},
                       {"resumable", recovery.resumable},
                       {"in_doubt", recovery.in_doubt},
                       {"in_doubt_max_usd", to_usd(recovery.in_doubt_max)},
                       {"damaged", recovery.damaged}});
}

/// What binds now, and what would change it: the strongest first, a line each.
Json show_held_by(Shell& shell, Reply& reply) {
  const HeldBy held = held_by(shell.engine(), shell.table());
  Json list = Json::array();
  constexpr std::size_t kMostShown = 4;
  const std::string indent(12, ' ');
  for (std::size_t i = 0; i < held.list.size(); ++i) {
    const Holding& one = held.list[i];
    list.push_back(
        Json::object({{"what", one.what},
                      {"now", one.now},
                      {"runs", one.runs},
                      {"slot", one.slot},
                      {"seconds_left", one.left ? Json(static_cast<double>(one.left->count()) / 1000) : Json()}}));
    if (i >= kMostShown) continue;
    std::string text = one.what;
    text += one.slot ? " (" + counted(one.runs, "run waits", "runs wait") + " for a slot)"
                     : " (" + count_text(one.runs) + " of " + counted(held.in_flight, "run", "runs") + " in flight)";
    if (!one.now.empty()) text += ": " + one.now;
    if (one.left && one.left->count() > 0) text += ", " + format_duration(*one.left) + " more at most";
    Reply lines;
    wrapped(text, indent, reply.width, lines);
    for (std::size_t line = 0; line < lines.lines.size(); ++line) {
      reply.line(
          StyledText()
              .add(i + line == 0 ? "held by     " : indent, TextRole::dim)
              .add(lines.lines[line].plain().substr(indent.size()), one.slot ? TextRole::plain : TextRole::warn));
    }
  }
  return list;
}

void status(Shell& shell, const Arguments&, Reply& reply) {
  Tally tally;
  std::uint64_t in_flight = 0, waits = 0, unpriced_calls = 0;
  Pico possible = 0;
  {
    const RunTable::Reader table = shell.table().read();
    std::vector<char> unpriced;
    for (const BatchInfo& batch : table.batches()) unpriced.push_back(has_unpriced_model(batch) ? 1 : 0);
    for (RunId run = 0; run < table.size(); ++run) {
      const RunRow& row = table.row(run);
      if (!table.visible(run)) continue;
      tally.add(row);
      possible += row.possible;
      if (unpriced[row.batch] != 0) unpriced_calls += row.calls;
      if (row.in_flight) ++in_flight;
      if (row.waits) ++waits;
    }
  }
  std::string now = in_flight > 0 ? count_text(in_flight) + " in flight" : "";
  if (waits > 0) now += (now.empty() ? "" : ", ") + count_text(waits) + " waiting for peers";
  const Engine::Totals totals = shell.engine().totals();
  const Store::CallCounts calls = shell.store().call_counts();
  const StoreHealth health = shell.store().health();
  reply.line(StyledText().add("experiment  ", TextRole::dim).add(shell.store().path()));
  reply.line(StyledText()
                 .add("runs        ", TextRole::dim)
                 .add(count_text(tally.n) + ": " + count_text(tally.ready) + " READY, " + count_text(tally.incomplete) +
                      " INCOMPLETE" + (now.empty() ? "" : " (" + now + ")") + ", " + count_text(tally.complete) +
                      " COMPLETE, " + count_text(tally.fail) + " FAIL"));
  reply.line(StyledText().add("score       ", TextRole::dim).add(tally_words(tally)));
  std::string call_words = count_text(calls.answered) + " answered, " + count_text(calls.failed) + " failed, " +
                           count_text(totals.in_flight_calls) + " in flight";
  if (calls.in_doubt > 0) call_words += ", " + count_text(calls.in_doubt) + " in doubt (`calls --in-doubt`)";
  reply.line(StyledText().add("calls       ", TextRole::dim).add(call_words));
  reply.line(StyledText()
                 .add("cost        ", TextRole::dim)
                 .add(cost_text(tally.cost, unpriced_calls > 0) +
                      (possible > 0 ? " and possibly " + format_usd(possible) + " more" : ""))
                 .add(unpriced_calls > 0 ? "  (" + counted(unpriced_calls, "call", "calls") +
                                               " of batches with a model of unknown price: `cost` tells which)"
                                         : "",
                      TextRole::warn));
  for (const JobFacts& facts : open_jobs(shell.engine())) {
    const auto watch = shell.score_watch(facts.id);
    const Figure sequence = watch ? watch->look() : Figure{};
    reply.line(StyledText()
                   .add("job #" + std::to_string(facts.id) + "      ", TextRole::dim)
                   .add(job_state_text(facts) + ", " + count_text(done_of(facts)) + " of " +
                        count_text(facts.selected) + " done, " + count_text(facts.in_flight) + " in flight of " +
                        count_text(facts.width) +
                        (facts.waiting_peers > 0 ? ", " + count_text(facts.waiting_peers) + " waiting for peers" : "") +
                        (sequence.n == 0 ? "" : "; confidence sequence " + sequence_text(sequence))));
  }
  Json held = show_held_by(shell, reply);
  reply.line(StyledText()
                 .add("memory      ", TextRole::dim)
                 .add(format_bytes(resident_bytes()) + ", " + count_text(totals.threads) + " worker threads" +
                      (totals.lost_threads > 0 ? ", " + count_text(totals.lost_threads) + " left behind" : "")));
  reply.line(
      StyledText()
          .add("file        ", TextRole::dim)
          .add(format_bytes(health.file_bytes) + ", " + format_bytes(health.wal_bytes) + " of it not yet merged"));
  if (!health.message.empty()) reply.line(StyledText().add(health.message, TextRole::bad));
  const Recovery& recovery = shell.store().recovery();
  if (recovery.unclean) {
    reply.line(StyledText()
                   .add("recovered   ", TextRole::dim)
                   .add("the last program (pid " + std::to_string(recovery.pid) + ") ended without closing; " +
                        count_text(recovery.resumable) + " runs go on, " + count_text(recovery.in_doubt) +
                        " calls in doubt"));
  }
  Json& result = reply.result;
  result["runs"] = tally.n;
  result["by_status"] = Json::object(
      {{"READY", tally.ready}, {"INCOMPLETE", tally.incomplete}, {"COMPLETE", tally.complete}, {"FAIL", tally.fail}});
  result["by_score"] = Json::object({{"CORRECT", tally.correct},
                                     {"INCORRECT", tally.incorrect},
                                     {"null", tally.n - tally.correct - tally.incorrect}});
  result["score"] = tally_json(tally);
  result["calls"] = Json::object({{"answered", calls.answered},
                                  {"failed", calls.failed},
                                  {"in_doubt", calls.in_doubt},
                                  {"in_flight", totals.in_flight_calls}});
  result["cost_usd"] = to_usd(tally.cost);
  result["possible_usd"] = to_usd(possible);
  result["unpriced_calls"] = unpriced_calls;
  result["held_by"] = std::move(held);
  result["rss_bytes"] = resident_bytes();
  result["threads"] = totals.threads;
  result["file"] = shell.store().path();
  result["recovery"] = recovery_json(recovery);
}

void errors(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::string query = arguments.size() > 0 ? "(" + arguments.rest(0) + ") status:FAIL" : "status:FAIL";
  const Selection selection = shell.select(query, false, false);
  struct Group {
    RunError error;
    std::uint64_t count = 0;
    RunId example = kNoRun;
  };
  std::map<std::pair<std::string, std::string>, Group> groups;
  {
    const RunTable::Reader table = shell.table().read();
    for (const RunId run : selection.runs) {
      const RunError& error = table.error(table.row(run).error);
      Group& group = groups[{error.kind, error.message}];
      if (group.count++ == 0) {
        group.error = error;
        group.example = run;
      }
    }
  }
  std::vector<Group> sorted;
  for (auto& [key, group] : groups) sorted.push_back(std::move(group));
  std::stable_sort(sorted.begin(), sorted.end(), [](const Group& a, const Group& b) { return a.count > b.count; });
  Table table({{"runs", true, false},
               {"kind", false, false},
               {"where", false, false},
               {"example", false, true},
               {"message", false, true, 40}});
  Json list = Json::array();
  for (const Group& group : sorted) {
    const std::string example(shell.table().read().name(group.example));
    table.row({count_cell(static_cast<std::int64_t>(group.count), TextRole::bad), cell(group.error.kind),
               cell(group.error.place), cell(example, TextRole::name), cell(group.error.message)});
    list.push_back(Json::object({{"kind", group.error.kind},
                                 {"message", group.error.message},
                                 {"place", group.error.place},
                                 {"count", group.count},
                                 {"example", example}}));
  }
  reply.result = Json::object({{"groups", std::move(list)}});
  if (sorted.empty()) {
    reply.line(selection.outside.value_or(0) > 0
                   ? "no listed run has failed; " + count_text(*selection.outside) + " outside the listing did"
                   : "no run has failed");
  } else {
    reply.table(table);
    reply.line(
        StyledText().add("`log RUN` tells the whole story of one; `run_n N status:FAIL` asks for what is missing, "
                         "`rerun_fails N` for all anew",
                         TextRole::dim));
  }
}

/// The word after `keyword`, both taken out of the arguments; "" when it is not there.
std::string take_clause(Arguments& arguments, std::string_view keyword, const std::string& what) {
  const auto at = std::find_if(arguments.words.begin(), arguments.words.end(),
                               [&](const ShellWord& word) { return word.text == keyword && !word.quoted; });
  if (at == arguments.words.end()) return {};
  const bool last = at + 1 == arguments.words.end();
  const bool ends = !last && (at + 2 == arguments.words.end() || (at + 2)->text == "by" || (at + 2)->text == "vs");
  if (!ends) {
    throw Error("usage", "stats: " + what + " after `" + std::string(keyword) + "`", {},
                "usage: stats [QUERY] [by FIELD] [vs P]   e.g. stats batch:qa by category vs 0.25");
  }
  std::string value = (at + 1)->text;
  arguments.words.erase(at, at + 2);
  return value;
}

/// "0.25", "25%" or "1/4".
double parse_chance(const std::string& text) {
  const auto number = [](std::string_view part) {
    double value = kUndefined;
    const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), value);
    return problem == std::errc() && end == part.data() + part.size() ? value : kUndefined;
  };
  const std::string_view all = text;
  const auto slash = all.find('/');
  double chance = kUndefined;
  if (slash != std::string_view::npos) {
    chance = number(all.substr(0, slash)) / number(all.substr(slash + 1));
  } else if (all.ends_with('%')) {
    chance = number(all.substr(0, all.size() - 1)) / 100;
  } else {
    chance = number(all);
  }
  if (!(chance > 0 && chance < 1)) {
    throw Error("usage", "stats vs " + text + ": chance lies between 0 and 1", {},
                "of four options to choose from it is 0.25 (or 1/4, or 25%)");
  }
  return chance;
}

void stats(Shell& shell, const Arguments& arguments, Reply& reply) {
  // stats [QUERY] [by FIELD] [vs P]
  Arguments query = arguments;
  const std::string by = take_clause(query, "by", "one field");
  const std::string against = take_clause(query, "vs", "one number");
  const double chance = against.empty() ? kUndefined : parse_chance(against);
  const bool versus = !against.empty();
  const std::string text = query.rest(0);
  const Selection selection = shell.select(text.empty() ? (shell.listing() ? "" : "*") : text);
  std::vector<TallyGroup> groups;
  const auto count_runs = [&](const Advance& advance) {
    groups = tally_by(shell.experiment(), selection.runs, by, advance);
  };
  if (is_payload_path(by)) {
    shell.compute("reading " + by, count_runs);
  } else {
    count_runs({});
  }
  std::vector<Column> heads = {{by.empty() ? "group" : by, false, true},
                               {"runs", true, false},
                               {"done", true, false},
                               {"FAIL", true, false},
                               {"correct", true, false},
                               {"score [95 %]", false, false}};
  if (versus) heads.push_back({"p vs " + against, true, false});
  Table table(std::move(heads));
  Json list = Json::array();
  for (const TallyGroup& group : groups) {
    const Tally& tally = group.tally;
    const auto count = [](std::uint64_t n, TextRole role = TextRole::plain) {
      return count_cell(static_cast<std::int64_t>(n), role);
    };
    std::vector<StyledText> cells = {cell(group.name, TextRole::name),
                                     count(tally.n),
                                     count(tally.complete),
                                     count(tally.fail, tally.fail > 0 ? TextRole::bad : TextRole::plain),
                                     count(tally.correct),
                                     cell(tally_line(tally))};
    Json json = Json::object({{"group", group.name}});
    json.update(tally_json(tally));
    if (versus) {
      const double p = binomial_test(tally.correct, tally.scored(), chance);
      cells.push_back(cell(tally.scored() == 0 ? "-" : p_text(p)));
      json["chance"] = chance;
      json["p"] = tally.scored() == 0 ? Json() : Json(p);
    }
    table.row(std::move(cells));
    list.push_back(std::move(json));
  }
  reply.table(table);
  reply.result = Json::object({{"groups", std::move(list)}});
  if (versus) {
    reply.line(StyledText().add("p: exact two-sided binomial test of the runs that are scored against chance " +
                                    against +
                                    (groups.size() > 1 ? ", each group by itself (not adjusted for their number)" : ""),
                                TextRole::dim));
  }
  if (selection.listed) {
    const std::size_t all = shell.select(text.empty() ? "*" : text, true, false).runs.size();
    if (all > selection.runs.size())
      reply.line(StyledText().add("(" + count_text(selection.runs.size()) + " listed of " + count_text(all) +
                                      "; `stats all` counts beyond the listing)",
                                  TextRole::dim));
  }
  std::uint64_t open = 0;
  for (const TallyGroup& group : groups) open += group.tally.n - group.tally.scored();
  if (open > 0) {
    reply.line(StyledText().add(
        count_text(open) +
            " runs have no score: the score is of those scored, its bounds count the others wrong and right",
        TextRole::dim));
  }
}

void check(Shell& shell, const Arguments&, Reply& reply) {
  shell.store().flush();
  std::vector<std::string> findings;
  shell.work([&] { findings = shell.store().check(); });
  reply.result["findings"] = findings;
  for (const std::string& finding : findings) reply.line(finding);
  if (!findings.empty()) {
    throw Error(
        "damaged", std::to_string(findings.size()) + " findings:" + [&] {
          std::string all;
          for (const std::string& finding : findings) all += "\n  " + finding;
          return all;
        }());
  }
  reply.line("every record is as it was written");
}

}  // namespace

void add_looking_commands(CommandTable& table) {
  const std::string group = "looking";
  table.add({"status",
             {"s"},
             group,
             "status",
             "runs by status, score with its bounds, jobs, calls, cost, memory",
             {},
             {},
             0,
             0,
             false,
             true,
             status,
             {}});
  table.add({"errors",
             {},
             group,
             "errors [QUERY]",
             "failed runs by error, with counts and an example",
             {"errors batch:qa"},
             {},
             0,
             SIZE_MAX,
             false,
             true,
             errors,
             complete_query});
  table.add({"stats",
             {},
             group,
             "stats [QUERY] [by FIELD] [vs P]",
             "per group: n, done, failed, score with interval and bounds; `vs P` tests against chance",
             {"stats by category", "stats batch:qa by model", "stats by category vs 0.25"},
             {},
             0,
             SIZE_MAX,
             false,
             true,
             stats,
             [](Shell& shell, const std::vector<std::string>& before, std::string_view word) {
               std::vector<Candidate> found;
               if (before.back() == "by") {
                 for (const std::string& field : group_fields(shell.experiment())) {
                   if (field.starts_with(word)) found.push_back({quote_shell_word(field), ""});
                 }
                 return found;
               }
               for (const auto& [keyword, help] :
                    {std::pair("by", "one group for each value of a field"), std::pair("vs", "test against chance")}) {
                 if (std::string_view(keyword).starts_with(word)) found.push_back({keyword, help});
               }
               for (Candidate& one : complete_query(shell, before, word)) found.push_back(std::move(one));
               return found;
             }});
  table.add({"check",
             {},
             group,
             "check",
             "verify the checksum of every record of the experiment file",
             {},
             {},
             0,
             0,
             false,
             true,
             check,
             {}});
}

}  // namespace assay
