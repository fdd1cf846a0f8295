// calls, why: the model calls of runs, every try of them, and what a run waits for

#include <algorithm>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/shell.hpp"
#include "repl/try_view.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// Rows to print, and to list under --json, where a person gave no limit for it all are.
struct RowLimit {
  std::size_t printed = 0, listed = SIZE_MAX;
};

RowLimit limit_of(Shell& shell, const Arguments& arguments) {
  if (!arguments.has("--limit")) return {parse_count(shell.settings().get("ls.limit"), "ls.limit", 1), SIZE_MAX};
  const std::size_t limit = parse_count(arguments.flags.at("--limit"), "--limit", 0);
  return {limit, limit};
}

void say_more(const RowLimit& limit, std::size_t total, const Arguments& arguments, Reply& reply) {
  std::string command = "calls";
  if (arguments.has("--in-doubt")) command += " --in-doubt";
  if (arguments.size() > 0) command += " " + arguments.rest(0);
  const StyledText line = more_line(std::min(limit.printed, total), total, command);
  if (!line.empty()) reply.line(line);
}

void in_doubt(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::vector<CallRecord> all = shell.store().calls_in_doubt();
  if (arguments.size() > 0) {
    std::vector<RunId> only = shell.select(arguments.rest(0)).runs;
    std::sort(only.begin(), only.end());
    std::erase_if(all, [&](const CallRecord& call) { return !std::binary_search(only.begin(), only.end(), call.run); });
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
  const RowLimit limit = limit_of(shell, arguments);
  const std::string policy = shell.settings().get("in_doubt");
  for (const CallRecord& call : all) {
    const std::string name(shell.table().read().name(call.run));
    const Pico most = std::max(call.possible, call.reserved);
    sum += most;
    if (table.size() < limit.printed) {
      table.row({cell(name, TextRole::name), count_cell(call.attempt), cell(step_text(call.step)), cell(call.key),
                 cell(call.model), cell(time_text(call.last_try.sent_at)), count_cell(call.last_try.number),
                 cell(call.priced || most > 0 ? format_usd(most) : "unpriced"), cell(to_text(call.doubt))});
    }
    if (rows.size() >= limit.listed) continue;
    rows.push_back(Json::object({{"run", name},
                                 {"attempt", call.attempt},
                                 {"step", step_text(call.step)},
                                 {"key", call.key},
                                 {"model", call.model},
                                 {"sent_at", call.last_try.sent_at},
                                 {"tries", call.last_try.number},
                                 {"at_most_usd", to_usd(most)},
                                 {"why", to_text(call.doubt)},
                                 {"policy", policy}}));
  }
  if (all.empty()) {
    reply.line("no call is in doubt");
  } else {
    reply.table(table);
    say_more(limit, all.size(), arguments, reply);
    reply.line(count_text(all.size()) + (all.size() == 1 ? " call" : " calls") + " in doubt, at most " +
               format_usd(sum));
    reply.line(
        StyledText().add("set in_doubt=" + policy +
                             (policy == "retry" ? ": sent again when their runs go on, marked possibly paid twice"
                                                : ": their runs wait for `resume QUERY` or `rerun QUERY`"),
                         TextRole::dim));
  }
  reply.result = Json::object({{"calls", std::move(rows)}, {"matched", all.size()}, {"at_most_usd", to_usd(sum)}});
  reply.paged = true;
}

double seconds_of(const TryRecord& one) {
  return one.ended_at > 0 ? static_cast<double>(one.ended_at - one.sent_at) * 1e-6 : 0;
}

std::string state_words(const CallRecord& call) {
  std::string state(to_text(call.state));
  if (call.imported) state = "imported";
  if (call.from_cache) state = "from cache";
  if (call.doubt != CallDoubt::none) state += ", possibly paid twice";
  return state;
}

std::string cost_words(const CallRecord& call) {
  if (call.from_cache) return "saved " + format_usd(call.saved);
  return call.priced ? format_usd(call.cost) : "unpriced";
}

std::string error_words(const TryRecord& one) {
  return one.kind.empty() ? "" : one.kind + (one.sub.empty() ? "" : "/" + one.sub) + ": " + one.message;
}

Json call_json(const std::string& run, const CallRecord& call, const std::vector<TryRecord>& tries) {
  const TryRecord& last = call.last_try;
  Json json = Json::object({{"run", run},
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
                            {"cached", call.usage.cached ? Json(*call.usage.cached) : Json()},
                            {"out", call.usage.out ? Json(*call.usage.out) : Json()},
                            {"reasoning", call.usage.reasoning ? Json(*call.usage.reasoning) : Json()},
                            {"source", call.from_cache ? "cache"
                                       : call.imported ? "save"
                                                       : "live"},
                            {"cost_usd", to_usd(call.cost)},
                            {"saved_usd", to_usd(call.saved)},
                            {"possible_usd", to_usd(call.possible)},
                            {"priced", call.priced},
                            {"seconds", seconds_of(last)},
                            {"request_hash", to_hex(call.request_hash)}});
  if (!last.kind.empty())
    json["error"] = Json::object({{"kind", last.kind}, {"sub", last.sub}, {"message", last.message}});
  Json list = Json::array();
  for (const TryRecord& one : tries) list.push_back(try_json(one));
  json["try_list"] = std::move(list);
  return json;
}

/// Whether the tries of a call tell more than its line.
bool worth_showing(const std::vector<TryRecord>& tries) {
  return tries.size() > 1 || (tries.size() == 1 && !tries.front().details.empty());
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
  const RowLimit limit = limit_of(shell, arguments);
  std::size_t total = 0;
  Reply below;
  for (const RunId run : selection.runs) {
    const std::string name(shell.table().read().name(run));
    for (const CallRecord& call : shell.store().calls(run)) {
      ++total;
      const bool printed = table.size() < limit.printed, listed = reply.result.size() < limit.listed;
      if (!printed && !listed) continue;
      const std::vector<TryRecord> tries = shell.store().tries(call.id);
      const TryRecord& last = call.last_try;
      const auto tokens = [](const std::optional<std::int64_t>& n) { return n ? count_cell(*n) : cell("-"); };
      if (printed) {
        table.row({cell(name, TextRole::name), count_cell(call.attempt), cell(step_text(call.step)), cell(call.key),
                   cell(call.model), cell(state_words(call)), count_cell(last.number),
                   cell(last.http_status == 0 ? "-" : std::to_string(last.http_status)), tokens(call.usage.in),
                   tokens(call.usage.out), cell(cost_words(call)), cell(seconds_text(seconds_of(last))),
                   cell(error_words(last))});
        if (worth_showing(tries) || arguments.has("--raw")) {
          below.line(StyledText().add(name + " step " + step_text(call.step) + (call.key.empty() ? "" : " " + call.key),
                                      TextRole::title));
          if (worth_showing(tries)) show_tries(tries, "  ", below);
        }
      }
      Json json = call_json(name, call, tries);
      if (arguments.has("--raw")) {
        const std::string request = shell.store().call_request(call.id), answer = shell.store().call_reply(call.id);
        json["request"] = request;
        json["reply"] = answer;
        if (printed) {
          below.line("  request: " + request);
          below.line("  reply:   " + answer);
        }
      }
      if (listed) reply.result.push_back(std::move(json));
    }
  }
  if (total == 0) {
    reply.line("no call is recorded for " + describe(selection));
    const RunTable::Reader runs = shell.table().read();
    std::uint64_t counted_calls = 0;
    for (const RunId run : selection.runs) counted_calls += runs.row(run).calls;
    if (counted_calls > 0)
      reply.line(
          StyledText().add(counted(counted_calls, "call is", "calls are") +
                               " counted in their usage: runs that came from a file brought its sums, not the calls",
                           TextRole::dim));
  } else {
    if (table.size() > 0) reply.table(table);
    for (StyledText& line : below.lines) reply.line(line);
    say_more(limit, total, arguments, reply);
  }
  reply.paged = true;
}

std::string left_text(const std::optional<std::chrono::milliseconds>& left) {
  return left && left->count() > 0 ? ", " + format_duration(*left) + " more at most" : "";
}

/// What holds a run that no job has.
std::string resting_words(const RunRow& row, const RunError& error) {
  switch (row.status) {
    case Status::fail:
      return "FAIL: " + error.kind + " in " + error.place + ": " + error.message;
    case Status::incomplete:
      return "INCOMPLETE: it was interrupted" + (error.empty() ? std::string() : " (" + error.message + ")") +
             "; `run_n` goes on with it";
    case Status::ready:
      return "READY: it has not begun; `run_n N` begins";
    case Status::complete:
      return "COMPLETE" + (row.verdict == Verdict::none ? std::string() : ", " + std::string(to_text(row.verdict)));
  }
  return {};
}

Json left_json(const std::optional<std::chrono::milliseconds>& left) {
  return left ? Json(static_cast<double>(left->count()) / 1000) : Json();
}

void why(Shell& shell, const Arguments& arguments, Reply& reply) {
  const RunId run = shell.select_one(arguments.rest(0));
  const WhyRun waits = shell.engine().why(run);
  RunRow row;
  RunError error;
  std::string name;
  {
    const RunTable::Reader table = shell.table().read();
    row = table.row(run);
    error = table.error(row.error);
    name = table.name(run);
  }
  std::string words;
  if (waits.state == WhyRun::State::idle) {
    words = resting_words(row, error);
  } else {
    words = "waits for " + waits.what + left_text(waits.left);
  }
  reply.line(StyledText().add(name, TextRole::name).add(": " + words));
  if (waits.state == WhyRun::State::in_flight) {
    const bool numbered = waits.step != 0 && waits.step != kEvaluateStep;
    reply.line(StyledText().add("in " + std::string(numbered ? "step " : "") + step_text(waits.step) + " of attempt " +
                                    std::to_string(waits.attempt) + ", in flight in job #" + std::to_string(waits.job),
                                TextRole::dim));
  }
  Json list = Json::array(), waiting = Json::array();
  for (const WhyRun::Call& call : waits.calls) {
    waiting.push_back(Json::object(
        {{"key", call.key}, {"model", call.model}, {"waits_for", call.what}, {"seconds_left", left_json(call.left)}}));
  }
  // Of the newest attempt: what happened before it is `calls`.
  const std::uint32_t attempt = waits.state == WhyRun::State::in_flight ? waits.attempt : row.attempts;
  for (const CallRecord& call : shell.store().calls(run, attempt)) {
    const std::vector<TryRecord> tries = shell.store().tries(call.id);
    list.push_back(call_json(name, call, tries));
    const auto now =
        std::find_if(waits.calls.begin(), waits.calls.end(), [&](const auto& one) { return one.id == call.id; });
    StyledText line;
    line.add("call", TextRole::title).add(" step " + step_text(call.step) + (call.key.empty() ? "" : " " + call.key));
    line.add(" to " + call.model + ": ");
    if (now != waits.calls.end()) {
      line.add("waits for " + now->what + left_text(now->left));
    } else {
      line.add(state_words(call) + (call.priced ? ", " + cost_words(call) : "") +
               (call.possible > 0 ? ", possibly " + format_usd(call.possible) + " more" : ""));
    }
    reply.line(line);
    show_tries(tries, "  ", reply);
  }
  // Begun, and not yet sent for the first time: nothing of it is recorded.
  for (const WhyRun::Call& call : waits.calls) {
    if (call.tries > 0) continue;
    reply.line(StyledText()
                   .add("call", TextRole::title)
                   .add(call.key.empty() ? "" : " " + call.key)
                   .add(" to " + call.model + ": not sent yet, waits for " + call.what + left_text(call.left)));
  }
  if (waits.state == WhyRun::State::idle && row.attempts > 1) {
    reply.line(StyledText().add("`log " + name + "` tells of its earlier attempts, `calls " + name + "` of their calls",
                                TextRole::dim));
  }
  reply.result["why"] = words;
  reply.result["state"] = waits.state == WhyRun::State::in_flight ? "in_flight"
                          : waits.state == WhyRun::State::in_job  ? "in_job"
                                                                  : "idle";
  reply.result["waiting"] = std::move(waiting);
  reply.result["calls"] = std::move(list);
  reply.paged = true;
}

}  // namespace

void add_call_commands(CommandTable& table) {
  const std::string group = "looking";
  table.add(
      {"calls",
       {},
       group,
       "calls RUN.. | calls --in-doubt [QUERY]",
       "the model calls of a run, with their tries; or calls whose outcome is not known, with their highest price",
       {"calls add:17", "calls --in-doubt"},
       {{"--in-doubt", "", "calls that were in flight when the program died, or may have been paid twice"},
        {"--limit", "N", "calls to print (0: none)"},
        {"--raw", "", "requests and replies too"}},
       0,
       SIZE_MAX,
       false,
       true,
       calls,
       complete_query});
  table.add({"why",
             {},
             group,
             "why RUN",
             "the one thing a run waits for now, or why it failed; every try of its calls",
             {"why add:17"},
             {},
             1,
             SIZE_MAX,
             false,
             true,
             why,
             complete_query});
}

}  // namespace assay
