// status, detail, log, calls, errors, stats, why, check

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/grouping.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::string count_text(std::uint64_t n) { return format_count(static_cast<std::int64_t>(n)); }

Json recovery_json(const Recovery& recovery) {
  return Json::object({{"unclean", recovery.unclean},
                       {"pid", recovery.pid},
                       {"host", recovery.host},
                       {"restarted", recovery.restarted},
                       {"runs", recovery.runs},
                       {"calls", recovery.calls},
                       {"resumable", recovery.resumable},
                       {"in_doubt", recovery.in_doubt},
                       {"in_doubt_max_usd", static_cast<double>(recovery.in_doubt_max) * 1e-12},
                       {"damaged", recovery.damaged}});
}

void status(Shell& shell, const Arguments&, Reply& reply) {
  Tally tally;
  std::uint64_t in_flight = 0;
  Pico possible = 0;
  {
    const RunTable::Reader table = shell.table().read();
    for (RunId run = 0; run < table.size(); ++run) {
      const RunRow& row = table.row(run);
      if (!table.visible(run)) continue;
      tally.add(row);
      possible += row.possible;
      if (row.in_flight) ++in_flight;
    }
  }
  const Engine::Totals totals = shell.engine().totals();
  const Store::CallCounts calls = shell.store().call_counts();
  const StoreHealth health = shell.store().health();
  reply.line(StyledText().add("experiment  ", TextRole::dim).add(shell.store().path()));
  reply.line(StyledText()
                 .add("runs        ", TextRole::dim)
                 .add(count_text(tally.n) + ": " + count_text(tally.ready) + " READY, " + count_text(tally.incomplete) +
                      " INCOMPLETE" + (in_flight > 0 ? " (" + count_text(in_flight) + " in flight)" : "") + ", " +
                      count_text(tally.complete) + " COMPLETE, " + count_text(tally.fail) + " FAIL"));
  reply.line(StyledText().add("score       ", TextRole::dim).add(tally_words(tally)));
  std::string call_words = count_text(calls.answered) + " answered, " + count_text(calls.failed) + " failed, " +
                           count_text(totals.in_flight_calls) + " in flight";
  if (calls.in_doubt > 0) call_words += ", " + count_text(calls.in_doubt) + " in doubt (`calls --in-doubt`)";
  reply.line(StyledText().add("calls       ", TextRole::dim).add(call_words));
  reply.line(
      StyledText()
          .add("cost        ", TextRole::dim)
          .add(format_usd(tally.cost) + (possible > 0 ? " and possibly " + format_usd(possible) + " more" : "")));
  for (const JobFacts& facts : shell.engine().jobs()) {
    if (facts.state == JobFacts::State::done || facts.ended() + facts.cancelled >= facts.selected) continue;
    reply.line(StyledText()
                   .add("job #" + std::to_string(facts.id) + "      ", TextRole::dim)
                   .add(job_state_text(facts) + ", " + count_text(facts.ended()) + " of " + count_text(facts.selected) +
                        " done, " + count_text(facts.in_flight) + " in flight of " + count_text(facts.width)));
  }
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
  result["cost_usd"] = static_cast<double>(tally.cost) * 1e-12;
  result["possible_usd"] = static_cast<double>(possible) * 1e-12;
  result["rss_bytes"] = resident_bytes();
  result["threads"] = totals.threads;
  result["file"] = shell.store().path();
  result["recovery"] = recovery_json(recovery);
}

std::string content_text(const Json& content) {
  return content.is_string() ? content.get<std::string>() : dump_json(content, 2);
}

Json attempt_json(const StoredAttempt& attempt) {
  Json json = Json::object();
  json["n"] = attempt.number;
  json["outcome"] = to_text(attempt.outcome);
  json["error"] =
      attempt.error.empty()
          ? Json()
          : Json::object(
                {{"kind", attempt.error.kind}, {"message", attempt.error.message}, {"place", attempt.error.place}});
  json["seconds"] = attempt.seconds;
  json["steps"] = attempt.steps;
  json["score"] = attempt.score.verdict == Verdict::none ? Json() : Json(to_text(attempt.score.verdict));
  return json;
}

void detail_of(Shell& shell, RunId run, std::optional<std::uint32_t> wanted, Reply& reply, Json& result) {
  Experiment& experiment = shell.experiment();
  SerializedRun saved = experiment.serialized(run);
  const std::vector<StoredAttempt> attempts = shell.store().attempts(run);
  RunRow row;
  {
    const RunTable::Reader table = shell.table().read();
    row = table.row(run);
  }
  Json answer = saved.run.answer;
  std::vector<ContextMessage> context = saved.run.context;
  Status state = saved.run.status;
  Score score = saved.run.score;
  RunError error = saved.run.error;
  if (wanted) {
    const auto found =
        std::find_if(attempts.begin(), attempts.end(), [&](const auto& a) { return a.number == *wanted; });
    if (found == attempts.end()) {
      throw Error("usage", saved.batch + ":" + saved.run.id + " has no attempt " + std::to_string(*wanted) +
                               " (it has " + std::to_string(attempts.size()) + ")");
    }
    answer = found->answer.empty() ? Json() : parse_json(found->answer, "answer");
    context.clear();
    if (!found->context.empty()) {
      for (const Json& message : parse_json(found->context, "context")) {
        context.push_back({message.at("role").get<std::string>(), message.at("content")});
      }
    }
    state = found->outcome;
    score = found->score;
    error = found->error;
  }
  const auto field = [&](const char* name, const StyledText& value) {
    reply.line(StyledText().add(name, TextRole::dim).add(value));
  };
  reply.line(StyledText().add(saved.batch + ":" + saved.run.id, TextRole::title));
  field("status    ", StyledText()
                          .add(status_cell(state, row.in_flight))
                          .add(wanted ? " (attempt " + std::to_string(*wanted) + ")" : ""));
  field("score     ", verdict_cell(score.verdict));
  if (!score.metrics.empty()) {
    std::string metrics;
    for (const auto& [name, value] : score.metrics)
      metrics += (metrics.empty() ? "" : ", ") + name + " " + number_text(value);
    field("metrics   ", StyledText().add(metrics));
  }
  if (!error.empty()) {
    field("error     ", StyledText().add(error.kind + " in " + error.place + ": ", TextRole::bad));
    reply.block(error.message, "          ");
  }
  field("kind      ", StyledText().add(saved.kind + (saved.model.empty() ? "" : ", model " + saved.model)));
  field("usage     ",
        StyledText().add(count_text(row.calls) + " calls, " + count_text(row.tokens_in) + " tokens in, " +
                         count_text(row.tokens_out) + " out, " + format_usd(row.cost) +
                         (row.possible > 0 ? " and possibly " + format_usd(row.possible) + " more" : "")));
  if (row.ended_at != 0) {
    field("ended     ",
          StyledText().add(time_text(row.ended_at) + " after " + seconds_text(static_cast<double>(row.seconds)) + ", " +
                           count_text(row.steps) + " steps"));
  }
  reply.line(StyledText().add("data", TextRole::title));
  reply.block(dump_json(saved.run.data, 2), "  ");
  reply.line(StyledText().add("answer", TextRole::title));
  reply.block(dump_json(answer, 2), "  ");
  reply.line(StyledText()
                 .add("context", TextRole::title)
                 .add(" " + std::to_string(context.size()) + " messages", TextRole::dim));
  for (const ContextMessage& message : context) {
    reply.line(StyledText().add("  " + message.role, TextRole::name));
    reply.block(content_text(message.content), "    ");
  }
  if (!attempts.empty()) {
    reply.line(StyledText().add("attempts", TextRole::title));
    Table table({{"n", true, false},
                 {"outcome", false, false},
                 {"score", false, false},
                 {"began", false, false},
                 {"time", true, false},
                 {"steps", true, false},
                 {"calls", true, false},
                 {"error", false, true}},
                2);
    for (const StoredAttempt& attempt : attempts) {
      table.row({count_cell(attempt.number), status_cell(attempt.outcome, false), verdict_cell(attempt.score.verdict),
                 cell(time_text(attempt.begun_at)), cell(seconds_text(attempt.seconds)), count_cell(attempt.steps),
                 count_cell(attempt.usage.calls),
                 cell(attempt.error.empty()
                          ? ""
                          : attempt.error.kind + " in " + attempt.error.place + ": " + attempt.error.message)});
    }
    reply.table(table);
  }
  saved.run.answer = answer;
  saved.run.context = context;
  saved.run.status = state;
  saved.run.score = score;
  saved.run.error = error;
  result = to_json_value(saved);
  Json list = Json::array();
  for (const StoredAttempt& attempt : attempts) list.push_back(attempt_json(attempt));
  result["attempts"] = std::move(list);
}

void detail(Shell& shell, const Arguments& arguments, Reply& reply) {
  const Selection selection = shell.select(arguments.rest(0));
  if (selection.runs.size() > 100) {
    throw Error("usage", "detail of " + count_text(selection.runs.size()) + " runs is too much to read", {},
                "at most 100; `ls` lists, `save` exports");
  }
  std::optional<std::uint32_t> attempt;
  if (arguments.has("--attempt"))
    attempt = static_cast<std::uint32_t>(parse_count(arguments.flags.at("--attempt"), "--attempt", 1));
  reply.paged = true;
  Json all = Json::array();
  for (const RunId run : selection.runs) {
    if (run != selection.runs.front()) reply.line("");
    Json one;
    detail_of(shell, run, attempt, reply, one);
    all.push_back(std::move(one));
  }
  reply.result = all.size() == 1 ? all.front() : all;
}

LogLevel parse_level(const std::string& text) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (to_text(level) == text) return level;
  }
  throw Error("usage", "--level is debug, info, warn or error, not \"" + text + "\"");
}

void log(Shell& shell, const Arguments& arguments, Reply& reply) {
  const Selection selection = shell.select(arguments.rest(0));
  const LogLevel least = arguments.has("--level") ? parse_level(arguments.flags.at("--level")) : LogLevel::debug;
  reply.paged = true;
  reply.result = Json::array();
  constexpr std::size_t kMostLines = 100'000;
  for (const RunId run : selection.runs) {
    std::string name(shell.table().read().name(run));
    std::uint32_t attempt = 0;
    const std::vector<StoredLog> lines = shell.store().logs(run);
    const std::vector<StoredAttempt> attempts = shell.store().attempts(run);
    if (selection.runs.size() > 1) reply.line(StyledText().add(name, TextRole::title));
    const auto heading = [&](const StoredAttempt& one) {
      reply.line(StyledText().add(
          "attempt " + std::to_string(one.number) + ": " +
              (one.ended_at == 0 && !one.imported ? std::string("not ended") : std::string(to_text(one.outcome))) +
              (one.begun_at != 0 ? ", begun " + time_text(one.begun_at) : "") +
              (one.error.empty() ? "" : ", " + one.error.kind + " in " + one.error.place + ": " + one.error.message),
          TextRole::name));
    };
    std::size_t next = 0;
    for (const StoredLog& line : lines) {
      if (reply.lines.size() > kMostLines) throw Error("usage", "more than 100,000 lines: name fewer runs");
      while (next < attempts.size() && attempts[next].number <= line.attempt) heading(attempts[next++]);
      attempt = line.attempt;
      if (line.level < least) continue;
      const Json entry = parse_json(line.text, name);
      StyledText text;
      text.add("  " + (line.at == 0 ? std::string("            ") : time_of_day(line.at)) + " ", TextRole::dim);
      if (line.level >= LogLevel::warn) text.add(std::string(to_text(line.level)) + " ", TextRole::warn);
      text.add(entry.is_string() ? entry.get<std::string>() : line.text);
      reply.line(text);
      reply.result.push_back(Json::object(
          {{"run", name}, {"attempt", attempt}, {"at", line.at}, {"level", to_text(line.level)}, {"entry", entry}}));
    }
    while (next < attempts.size()) heading(attempts[next++]);
    if (attempts.empty() && lines.empty()) reply.line(name + " has not been run: no log");
  }
}

Json usd(Pico pico) { return static_cast<double>(pico) * 1e-12; }

std::string step_text(std::uint32_t step) {
  return step == 0 ? "setup" : step == kEvaluateStep ? "evaluate" : std::to_string(step);
}

void in_doubt(Shell& shell, const Arguments& arguments, Reply& reply) {
  const std::vector<CallRecord> all = shell.store().calls_in_doubt();
  std::optional<std::vector<RunId>> only;
  if (arguments.size() > 0) {
    only = shell.select(arguments.rest(0)).runs;
    std::sort(only->begin(), only->end());
  }
  Table table({{"run", false, true},
               {"attempt", true, false},
               {"step", true, false},
               {"key", false, false},
               {"model", false, true},
               {"sent", false, false},
               {"tries", true, false},
               {"at most", true, false},
               {"why", false, false}});
  Json rows = Json::array();
  Pico sum = 0;
  const std::string policy = shell.settings().get("in_doubt");
  for (const CallRecord& call : all) {
    if (only && !std::binary_search(only->begin(), only->end(), call.run)) continue;
    const std::string name(shell.table().read().name(call.run));
    const Pico most = std::max(call.possible, call.reserved);
    sum += most;
    table.row({cell(name, TextRole::name), count_cell(call.attempt), cell(step_text(call.step)), cell(call.key),
               cell(call.model), cell(time_text(call.last_try.sent_at)), count_cell(call.last_try.number),
               cell(call.priced || most > 0 ? format_usd(most) : "unpriced"), cell(to_text(call.doubt))});
    rows.push_back(Json::object({{"run", name},
                                 {"attempt", call.attempt},
                                 {"step", step_text(call.step)},
                                 {"key", call.key},
                                 {"model", call.model},
                                 {"sent_at", call.last_try.sent_at},
                                 {"tries", call.last_try.number},
                                 {"at_most_usd", usd(most)},
                                 {"why", to_text(call.doubt)},
                                 {"policy", policy}}));
  }
  if (table.size() == 0) {
    reply.line("no call is in doubt");
  } else {
    reply.table(table);
    reply.line(
        StyledText().add("set in_doubt=" + policy +
                             (policy == "retry" ? ": sent again when their runs go on, marked possibly paid twice"
                                                : ": their runs wait for `resume QUERY` or `rerun QUERY`"),
                         TextRole::dim));
  }
  reply.result = Json::object({{"calls", std::move(rows)}, {"at_most_usd", usd(sum)}});
  reply.paged = true;
}

void calls(Shell& shell, const Arguments& arguments, Reply& reply) {
  if (arguments.has("--in-doubt")) {
    in_doubt(shell, arguments, reply);
    return;
  }
  if (arguments.size() == 0)
    throw Error("usage", "calls: of which run?", {}, "usage: calls RUN.. | calls --in-doubt [QUERY]");
  const Selection selection = shell.select(arguments.rest(0));
  if (selection.runs.size() > 1000) throw Error("usage", "calls of more than 1,000 runs: name fewer");
  Table table({{"run", false, true},
               {"att", true, false},
               {"step", true, false},
               {"key", false, false},
               {"model", false, true},
               {"state", false, false},
               {"tries", true, false},
               {"http", true, false},
               {"in", true, false},
               {"out", true, false},
               {"cost", true, false},
               {"time", true, false},
               {"error", false, true}});
  reply.result = Json::array();
  for (const RunId run : selection.runs) {
    const std::string name(shell.table().read().name(run));
    for (const CallRecord& call : shell.store().calls(run)) {
      const TryRecord& last = call.last_try;
      const double seconds = last.ended_at > 0 ? static_cast<double>(last.ended_at - last.sent_at) * 1e-6 : 0;
      const auto tokens = [](const std::optional<std::int64_t>& n) { return n ? count_cell(*n) : cell("-"); };
      std::string state(to_text(call.state));
      if (call.imported) state = "imported";
      if (call.doubt != CallDoubt::none) state += ", possibly paid twice";
      table.row(
          {cell(name, TextRole::name), count_cell(call.attempt), cell(step_text(call.step)), cell(call.key),
           cell(call.model), cell(state), count_cell(last.number),
           cell(last.http_status == 0 ? "-" : std::to_string(last.http_status)), tokens(call.usage.in),
           tokens(call.usage.out), cell(call.priced ? format_usd(call.cost) : "unpriced"), cell(seconds_text(seconds)),
           cell(last.kind.empty() ? "" : last.kind + (last.sub.empty() ? "" : "/" + last.sub) + ": " + last.message)});
      Json json = Json::object({{"run", name},
                                {"attempt", call.attempt},
                                {"step", step_text(call.step)},
                                {"key", call.key},
                                {"number", call.number},
                                {"model", call.model},
                                {"state", to_text(call.state)},
                                {"doubt", to_text(call.doubt)},
                                {"tries", last.number},
                                {"http", last.http_status},
                                {"in", call.usage.in ? Json(*call.usage.in) : Json()},
                                {"out", call.usage.out ? Json(*call.usage.out) : Json()},
                                {"cost_usd", usd(call.cost)},
                                {"possible_usd", usd(call.possible)},
                                {"priced", call.priced},
                                {"seconds", seconds},
                                {"request_hash", to_hex(call.request_hash)}});
      if (!last.kind.empty())
        json["error"] = Json::object({{"kind", last.kind}, {"sub", last.sub}, {"message", last.message}});
      if (last.number > 1) {
        Json tries = Json::array();
        for (const TryRecord& one : shell.store().tries(call.id)) {
          tries.push_back(Json::object({{"n", one.number},
                                        {"kind", one.kind},
                                        {"sub", one.sub},
                                        {"http", one.http_status},
                                        {"message", one.message},
                                        {"wait_ms", one.wait_ms},
                                        {"ambiguous", one.ambiguous}}));
        }
        json["earlier_tries"] = std::move(tries);
      }
      if (arguments.has("--raw")) {
        json["request"] = shell.store().call_request(call.id);
        json["reply"] = shell.store().call_reply(call.id);
        reply.line("request: " + shell.store().call_request(call.id));
        reply.line("reply:   " + shell.store().call_reply(call.id));
      }
      reply.result.push_back(std::move(json));
    }
  }
  if (table.size() == 0) {
    reply.line("no call is recorded for " + describe(selection));
  } else {
    reply.table(table);
  }
  reply.paged = true;
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
        StyledText().add("`log RUN` tells the whole story of one; `rerun_fails N` runs them again", TextRole::dim));
  }
}

void stats(Shell& shell, const Arguments& arguments, Reply& reply) {
  // stats [QUERY] [by FIELD]
  Arguments query = arguments;
  std::string by;
  for (std::size_t i = 0; i < query.words.size(); ++i) {
    if (query.words[i].text != "by" || query.words[i].quoted) continue;
    if (i + 2 != query.words.size())
      throw Error("usage", "stats: one field after `by`", {}, "usage: stats [QUERY] [by FIELD]");
    by = query.words[i + 1].text;
    query.words.resize(i);
    break;
  }
  const std::string text = query.rest(0);
  const Selection selection = shell.select(text.empty() ? (shell.listing() ? "" : "*") : text);
  const std::vector<TallyGroup> groups = tally_by(shell.experiment(), selection.runs, by);
  Table table({{by.empty() ? "group" : by, false, true},
               {"n", true, false},
               {"done", true, false},
               {"FAIL", true, false},
               {"scored", true, false},
               {"correct", true, false},
               {"score", true, false},
               {"95 %", true, false},
               {"worst-best", true, false}});
  Json list = Json::array();
  const auto bounds = [](double low, double high) {
    if (!(low == low)) return std::string("-");
    std::string a = ratio_text(low), b = ratio_text(high);
    return a.substr(0, a.size() - 2) + "-" + b;
  };
  for (const TallyGroup& group : groups) {
    const Tally& tally = group.tally;
    const auto count = [](std::uint64_t n, TextRole role = TextRole::plain) {
      return count_cell(static_cast<std::int64_t>(n), role);
    };
    const auto [low, high] = tally.interval();
    table.row({cell(group.name, TextRole::name), count(tally.n), count(tally.complete),
               count(tally.fail, tally.fail > 0 ? TextRole::bad : TextRole::plain), count(tally.scored()),
               count(tally.correct), cell(ratio_text(tally.score())), cell(bounds(low, high)),
               cell(bounds(tally.worst(), tally.best()))});
    Json json = Json::object({{"group", group.name}});
    json.update(tally_json(tally));
    list.push_back(std::move(json));
  }
  reply.table(table);
  reply.result = Json::object({{"groups", std::move(list)}});
  std::uint64_t open = 0;
  for (const TallyGroup& group : groups) open += group.tally.n - group.tally.scored();
  if (open > 0) {
    reply.line(StyledText().add(
        count_text(open) + " runs have no score: the score is of those scored; worst-best counts them wrong and right",
        TextRole::dim));
  }
}

void why(Shell& shell, const Arguments& arguments, Reply& reply) {
  const RunId run = shell.select_one(arguments.rest(0));
  const std::string waits = shell.engine().why(run);
  const RunTable::Reader table = shell.table().read();
  const RunRow row = table.row(run);
  const RunError error = table.error(row.error);
  std::string words;
  if (!waits.empty()) {
    words = waits;
  } else if (row.status == Status::fail) {
    words = "FAIL: " + error.kind + " in " + error.place + ": " + error.message;
  } else if (row.status == Status::incomplete) {
    words = "INCOMPLETE: it was interrupted" + (error.empty() ? std::string() : " (" + error.message + ")") +
            "; `run_n` goes on with it";
  } else if (row.status == Status::ready) {
    words = "READY: it has not begun; `run_n N` begins";
  } else {
    words = "COMPLETE" + std::string(row.verdict == Verdict::none ? "" : ", ") +
            std::string(row.verdict == Verdict::none ? "" : to_text(row.verdict));
  }
  reply.line(std::string(table.name(run)) + ": " + words);
  reply.result["why"] = words;
}

void check(Shell& shell, const Arguments&, Reply& reply) {
  shell.store().flush();
  const std::vector<std::string> findings = shell.store().check();
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
  table.add({"detail",
             {},
             group,
             "detail RUN..",
             "everything of a run: data, answer, context, attempts, usage",
             {"detail 3", "detail add:17 --attempt 1"},
             {{"--attempt", "K", "an earlier attempt"}},
             1,
             SIZE_MAX,
             false,
             true,
             detail,
             complete_query});
  table.add({"log",
             {"logs"},
             group,
             "log RUN..",
             "the log of a run, all attempts, with times",
             {"log add:17"},
             {{"--level", "L", "debug, info, warn or error and above"}},
             1,
             SIZE_MAX,
             false,
             true,
             log,
             complete_query});
  table.add({"calls",
             {},
             group,
             "calls RUN.. | calls --in-doubt [QUERY]",
             "the model calls of a run; or calls whose outcome is not known, with their highest price",
             {"calls add:17", "calls --in-doubt"},
             {{"--in-doubt", "", "calls that were in flight when the program died, or may have been paid twice"},
              {"--raw", "", "requests and replies too"}},
             0,
             SIZE_MAX,
             false,
             true,
             calls,
             complete_query});
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
             "stats [QUERY] [by FIELD]",
             "per group: n, done, failed, score with interval and bounds",
             {"stats by category", "stats batch:qa by model"},
             {},
             0,
             SIZE_MAX,
             false,
             true,
             stats,
             complete_query});
  table.add({"why",
             {},
             group,
             "why RUN",
             "what a run waits for, or why it failed",
             {"why add:17"},
             {},
             1,
             SIZE_MAX,
             false,
             true,
             why,
             complete_query});
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
