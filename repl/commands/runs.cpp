// detail, log: everything of single runs

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/model/context_text.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/commands/diff.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

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

/// The prompts that a batch keeps, without their texts: by the parameter that named them.
Json pinned_prompts(const Json& pinned) {
  Json prompts = Json::object();
  const auto note = [&](const std::string& parameter, const Json& pin) {
    if (!pin.is_object() || !pin.contains("name") || !pin.contains("hash")) return;
    prompts[parameter] =
        Json::object({{"name", pin.at("name")}, {"path", pin.value("path", Json(""))}, {"hash", pin.at("hash")}});
  };
  if (!pinned.is_object()) return prompts;
  for (const auto& [name, pin] : pinned.items()) note(name, pin);
  if (const auto several = pinned.find("prompts"); several != pinned.end() && several->is_object()) {
    for (const auto& [parameter, pin] : several->items()) note(parameter, pin);
  }
  return prompts;
}

void detail_of(Shell& shell, RunId run, std::optional<std::uint32_t> wanted, Reply& reply, Json& result) {
  Experiment& experiment = shell.experiment();
  SerializedRun saved = experiment.serialized(run);
  const std::vector<StoredAttempt> attempts = shell.store().attempts(run);
  RunRow row;
  BatchInfo batch;
  {
    const RunTable::Reader table = shell.table().read();
    row = table.row(run);
    batch = table.batch(row.batch);
  }
  const Json prompts = pinned_prompts(batch.pinned);
  const RunLabels labels = saved.labels;
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
      context = context_from(parse_json(found->context, "context"));
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
                          .add(status_cell(state, row.in_flight, row.waits && !wanted))
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
  for (const auto& [parameter, pin] : prompts.items()) {
    const std::string path = content_text(pin.at("path"));
    field("prompt    ", StyledText()
                            .add(parameter == "prompt" ? "" : parameter + ": ")
                            .add(content_text(pin.at("name")), TextRole::name)
                            .add(path.empty() ? ", comes with the kind" : ", from " + path)
                            .add(", hash " + content_text(pin.at("hash"))));
  }
  field("usage     ",
        StyledText().add(counted(row.calls, "call", "calls") + ", " + count_text(row.tokens_in) + " tokens in, " +
                         count_text(row.tokens_out) + " out, " + format_usd(row.cost) +
                         (row.possible > 0 ? " and possibly " + format_usd(row.possible) + " more" : "")));
  if (saved.run.start) {
    const auto from = saved.run.data.is_object() ? saved.run.data.find("forked_from") : saved.run.data.end();
    const bool named = from != saved.run.data.end() && from->is_object();
    field("begins    ",
          StyledText().add("after step " + std::to_string(saved.run.start->number) +
                           (named ? ", shared with " + from->value("run", std::string("another run")) : "")));
  }
  if (!labels.tags.empty()) field("tags      ", StyledText().add(joined(labels.tags, ", "), TextRole::name));
  for (std::size_t i = 0; i < labels.notes.size(); ++i) {
    field(i == 0 ? "notes     " : "          ",
          StyledText().add(std::to_string(i + 1) + "  " + time_text(labels.notes[i].at), TextRole::dim));
    reply.block(labels.notes[i].text, "             ");
  }
  if (row.ended_at != 0) {
    field("ended     ",
          StyledText().add(time_text(row.ended_at) + " after " + seconds_text(static_cast<double>(row.seconds)) + ", " +
                           counted(row.steps, "step", "steps")));
  }
  if (const Kind* one = shell.kinds().find(saved.kind)) {
    RunView view;
    view.id = run;
    view.run_id = saved.run.id;
    view.status = state;
    view.score = score;
    view.error = error;
    view.data = saved.run.data;
    view.answer = answer;
    view.context = context;
    draw_report(one->detail(batch, view), reply);
  }
  reply.line(StyledText().add("data", TextRole::title));
  reply.block(dump_json(saved.run.data, 2), "  ");
  reply.line(StyledText().add("answer", TextRole::title));
  reply.block(dump_json(answer, 2), "  ");
  reply.line(StyledText()
                 .add("context", TextRole::title)
                 .add(" " + std::to_string(context.size()) + " messages", TextRole::dim));
  for (const ContextMessage& message : context) {
    StyledText head;
    head.add("  " + message.role, TextRole::name);
    if (message.more.is_object()) {
      for (const auto& [key, value] : message.more.items()) {
        head.add("  " + key + " " + content_text(value), TextRole::dim);
      }
    }
    reply.line(head);
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
  if (!prompts.empty()) result["prompts"] = std::move(prompts);
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

StyledText log_line(const StoredLog& line, const Json& entry) {
  StyledText text;
  text.add("  " + (line.at == 0 ? std::string("            ") : time_of_day(line.at)) + " ", TextRole::dim);
  if (line.level >= LogLevel::warn) text.add(std::string(to_text(line.level)) + " ", TextRole::warn);
  return text.add(entry.is_string() ? entry.get<std::string>() : line.text);
}

/// Prints what is there and what comes, until all these runs have ended, no job is left that could run them, or Ctrl-C.
void follow_logs(Shell& shell, const std::vector<RunId>& runs, LogLevel least, Reply& reply) {
  std::vector<std::uint32_t> shown(runs.size(), 0);
  std::size_t headed = runs.size();  // whose name was printed last
  const auto print_news = [&] {
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const std::string name(shell.table().read().name(runs[i]));
      for (const StoredLog& line : shell.store().logs(runs[i], shown[i])) {
        ++shown[i];
        if (line.level < least) continue;
        const Json entry = parse_json(line.text, name);
        if (std::exchange(headed, i) != i)
          shell.editor().print_above(
              StyledText().add(name + ", attempt " + std::to_string(line.attempt), TextRole::title));
        shell.editor().print_above(log_line(line, entry));
      }
    }
  };
  const auto at_work = [&] {
    if (!shell.engine().busy()) return false;
    const RunTable::Reader table = shell.table().read();
    return std::any_of(runs.begin(), runs.end(), [&](RunId run) {
      const RunRow& row = table.row(run);
      return row.in_flight || row.waits || row.status == Status::ready || row.status == Status::incomplete;
    });
  };
  WaitResult result = WaitResult::done;
  bool ended = false;
  do {  // once more after the end: what came with it
    result = shell.editor().wait([&] {
      ended = !at_work();
      print_news();
      return true;
    });
    if (!ended && result == WaitResult::done) {
      const auto next = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
      result = shell.editor().wait([&] { return shell.leaving() || std::chrono::steady_clock::now() >= next; });
    }
  } while (!ended && result == WaitResult::done && !shell.leaving());
  shell.editor().wait([] { return true; });  // shows what was printed last
  const bool none = std::all_of(shown.begin(), shown.end(), [](std::uint32_t n) { return n == 0; });
  const bool idle = [&] {
    const RunTable::Reader table = shell.table().read();
    return std::any_of(runs.begin(), runs.end(), [&](RunId run) {
      return table.row(run).status == Status::ready || table.row(run).status == Status::incomplete;
    });
  }();
  std::string text = none ? "nothing has been logged; " : "";
  text += !ended ? "no longer followed"
          : idle ? "not all has ended, and no job is at work: `run_n N QUERY` goes on"
                 : "all has ended: `detail RUN` shows what came out";
  reply.line(StyledText().add(text, TextRole::dim));
}

void log(Shell& shell, const Arguments& arguments, Reply& reply) {
  const Selection selection = shell.select(arguments.rest(0));
  const LogLevel least = arguments.has("--level") ? parse_level(arguments.flags.at("--level")) : LogLevel::debug;
  if (arguments.has("--follow") && !shell.options().json && !arguments.has("--json")) {
    if (selection.runs.size() > 100) {
      throw Error("usage", "log --follow of " + count_text(selection.runs.size()) + " runs is too much to read", {},
                  "at most 100; `status` shows how a job is getting on");
    }
    shell.work([&] { follow_logs(shell, selection.runs, least, reply); });
    return;
  }
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
      reply.line(log_line(line, entry));
      reply.result.push_back(Json::object(
          {{"run", name}, {"attempt", attempt}, {"at", line.at}, {"level", to_text(line.level)}, {"entry", entry}}));
    }
    while (next < attempts.size()) heading(attempts[next++]);
    if (attempts.empty() && lines.empty()) reply.line(name + " has not been run: no log");
  }
}

}  // namespace

void add_run_commands(CommandTable& table) {
  const std::string group = "looking";
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
             "log RUN.. [--follow] [--level L]",
             "the log of a run, all attempts, with times",
             {"log add:17", "log 3 --follow --level warn"},
             {{"--follow", "", "go on printing what is logged, until the runs have ended or Ctrl-C"},
              {"--level", "L", "debug, info, warn or error and above"}},
             1,
             SIZE_MAX,
             false,
             true,
             log,
             complete_query});
  add_diff_command(table);
}

}  // namespace assay
