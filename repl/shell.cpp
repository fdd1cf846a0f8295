#include "repl/shell.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>

#include "core/engine/stoppable_sleep.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/commands/bulk.hpp"
#include "repl/commands/compare.hpp"
#include "repl/mistakes.hpp"
#include "repl/open_jobs.hpp"
#include "repl/pager.hpp"
#include "repl/payload_reader.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr auto kTick = std::chrono::milliseconds(200);

double seconds_now(const SteadyTime now) { return std::chrono::duration<double>(now.time_since_epoch()).count(); }

}  // namespace

std::vector<SettingSpec> shell_settings() {
  const auto duration = [](const std::string& text) { parse_duration(text); };
  const auto count = [](const std::string& text) { parse_count(text, "it", 1); };
  return {
      {"ls.limit", "50", "rows that `ls` prints", count},
      {"term_grace", "5s", "how long SIGTERM waits for calls in flight to be recorded", duration},
      {"hangup_grace", "10m", "how long a lost terminal waits for runs in flight", duration},
      {"on_hangup", "drain", "when the terminal is lost: drain (runs in flight end, nothing new begins) or go_on",
       [](const std::string& text) {
         if (text != "drain" && text != "go_on")
           throw Error("usage", "on_hangup is drain or go_on, not \"" + text + "\"");
       }},
      {"bulk.poll", "45s", "how often lane=auto asks the provider how far its files are", duration},
      {"bulk.margin", "1h", "how long before its deadline lane=auto sends live what has no answer", duration},
  };
}

Shell::Shell(ShellParts parts, ShellOptions options)
    : parts_(parts),
      options_(std::move(options)),
      out_(options_.out, terminal_facts(options_.out)),
      error_(options_.error, terminal_facts(options_.error)) {
  add_session_commands(commands_);
  add_batch_commands(commands_);
  add_fork_command(commands_);
  add_running_commands(commands_);
  add_looking_commands(commands_);
  add_run_commands(commands_);
  add_call_commands(commands_);
  add_scoring_commands(commands_);
  add_compare_command(commands_);
  add_file_commands(commands_);
  add_bulk_command(commands_);
  editor().set_is_complete([](std::string_view text) { return !has_open_quote(text); });
  editor().set_completer([this](std::string_view line, std::size_t cursor) { return complete(line, cursor); });
  ticker_ = std::jthread([this](const std::stop_token& stop) { tick(stop); });
}

Shell::~Shell() {
  ticker_.request_stop();
  if (ticker_.joinable()) ticker_.join();
}

bool Shell::run_script(std::string_view text, const std::string& name) {
  if (++depth_ > 20) {
    --depth_;
    throw Error("usage", "scripts call each other more than 20 deep", name);
  }
  for (const std::string& line : split_commands(text)) {
    if (leaving()) break;
    if (!run_command(line) && stop_at_error_) leaving_ = true;
  }
  --depth_;
  return !leaving();
}

void Shell::run_interactive() {
  const StyledText prompt(safe("assay> "), TextRole::prompt), more(safe("  ...> "), TextRole::dim);
  while (!leaving()) {
    ReadResult read = editor().read(prompt, more);
    if (read.kind == ReadResult::Kind::interrupted) {
      interrupts_ = 0;
      continue;
    }
    if (read.kind == ReadResult::Kind::gone) {
      end_by_signal(SIGHUP);
      break;
    }
    if (read.kind == ReadResult::Kind::end) {
      if (options_.interactive) {
        ask_before_leaving();
      } else {
        leaving_ = true;
      }
      continue;
    }
    interrupts_ = 0;
    for (const std::string& line : split_commands(read.text)) {
      if (leaving()) break;
      if (!run_command(line) && stop_at_error_) leaving_ = true;
    }
  }
}

bool Shell::run_command(const std::string& typed) {
  std::string line = mended_line(typed);
  if (line.empty()) return true;
  const bool beside = !line.starts_with("!") && line.ends_with(" &");
  if (beside) line = line.substr(0, line.size() - 2);
  const std::string word = line.substr(0, line.find_first_of(" \t\n"));
  beside_ = beside;
  try {
    if (line.size() > (1U << 20)) throw Error("usage", "a command line has at most 1 MiB");
    const bool shell_line = line.starts_with("!");
    const Command* known = commands_.find(shell_line ? "!" : word);
    if (known == nullptr) throw unknown_command(commands_, line);
    const Command& command = *known;
    Arguments arguments;
    if (shell_line) {
      arguments.line = line;
    } else {
      refuse_foreign_words(command, line);
      arguments = parse_arguments(command, line);
    }
    Reply reply;
    reply.width = options_.json ? 0 : out_.table_width();
    if (arguments.has("--help")) {
      commands_.require("help").run(*this, parse_arguments(commands_.require("help"), "help " + command.name), reply);
    } else {
      if (command.changes && store().read_only()) {
        throw Error("read_only", command.name + " changes the experiment, and it is open for reading only", {},
                    "start without --read-only");
      }
      command.run(*this, arguments, reply);
    }
    show(command, reply, line);
    if (arguments.has("--json") && !options_.json) {
      out_.json_line(dump_json(reply.result));
    }
    return true;
  } catch (const Error& error) {
    const std::string more = error_hint(line);
    show_error(word, error.kind(), error.what(),
               error.hint() + (error.hint().empty() || more.empty() ? "" : "\n") + more);
  } catch (const std::bad_alloc&) {
    show_error(word, "memory", "not enough memory for this command", "");
  } catch (const std::exception& error) {
    show_error(word, "internal", std::string("a fault of assay's own: ") + error.what(),
               "please report it; nothing is lost");
  }
  failed_ = true;
  return false;
}

void Shell::show(const Command& command, const Reply& reply, const std::string& line) {
  if (options_.json) {
    Json object = Json::object();
    object["command"] = line.substr(0, line.find_first_of(" \t\n"));
    object["ok"] = true;
    object["result"] = reply.result;
    out_.json_line(dump_json(object));
    return;
  }
  // `--json` after a command: the value alone is printed, by run_command.
  if (line.find("--json") != std::string::npos && parse_arguments(command, line).has("--json")) return;
  if (reply.paged && options_.interactive) {
    show_paged(out_, reply.lines, [this] { return parts_.models.child_environment(); });
  } else {
    for (const StyledText& one : reply.lines) out_.line(one);
  }
}

void Shell::show_error(const std::string& word, const std::string& kind, const std::string& message,
                       const std::string& hint) {
  if (options_.json) {
    Json object = Json::object();
    object["command"] = word;
    object["ok"] = false;
    object["error"] = Json::object({{"kind", kind}, {"message", message}});
    if (!hint.empty()) object["error"]["hint"] = hint;
    out_.json_line(dump_json(object));
    return;
  }
  Screen& screen = options_.interactive ? out_ : error_;
  std::string_view rest = message;
  bool first = true;
  while (true) {
    const auto end = rest.find('\n');
    StyledText text;
    if (first) text.add("error: ", TextRole::bad);
    screen.line(text.add(rest.substr(0, end)));
    first = false;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (hint.empty()) return;
  rest = hint;  // a query's hint is two lines: its text, and a caret under the place
  while (true) {
    const auto end = rest.find('\n');
    screen.line(StyledText().add("       ").add(rest.substr(0, end), TextRole::dim));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
}

Selection Shell::select(const std::string& query, bool all_runs, bool must_match) {
  const bool none_yet = table().read().size() == 0;
  if (must_match && none_yet) {
    throw Error("empty", "there are no runs yet", {}, "`load KIND FILE` makes some; try `load arithmetic sample`");
  }
  StorePayloads payloads(parts_.experiment);
  Scope scope;
  if (listing_) scope.listing = &*listing_;
  scope.from_all = all_runs;
  const Selection selection = assay::select(parse_query(query), table(), scope, &payloads);
  if (must_match && selection.runs.empty()) {
    std::string hint;
    if (selection.outside.value_or(0) > 0) {
      hint = "`ls QUERY` starts from all runs; `all` reaches beyond the listing";
    } else if (selection.listed && selection.scope == 0) {
      hint = "`ls` lists all runs again";
    } else {
      hint = joined(query_hints(*this, query), "\n");
    }
    throw Error("empty", describe(selection), {}, hint);
  }
  return selection;
}

RunId Shell::select_one(const std::string& query) {
  const Selection selection = select(query);
  if (selection.runs.size() != 1) {
    throw Error("usage", "one run is needed; " + query + " selects " + count_text(selection.runs.size()));
  }
  return selection.runs.front();
}

std::vector<std::unique_ptr<BatchView>> Shell::views(const std::vector<RunId>& runs) {
  std::map<BatchId, std::vector<RunId>> members;
  {
    const RunTable::Reader reader = table().read();
    for (const RunId run : runs) members[reader.row(run).batch].push_back(run);
  }
  std::vector<std::unique_ptr<BatchView>> views;
  for (auto& [batch, ids] : members) {
    std::sort(ids.begin(), ids.end());
    views.push_back(experiment().view(batch, std::move(ids)));
  }
  return views;
}

void Shell::wait_for_job(JobId job) {
  interrupts_ = 0;
  int seen = 0;
  const auto react = [&] {
    if (ending_ != 0) return true;
    const int now = interrupts_.load();
    if (now <= seen) return false;
    seen = now;
    if (seen == 1) {
      notice("no new runs begin; those in flight are waited for. Ctrl-C again stops them");
      if (job == 0) {
        engine().cancel_all();
      } else {
        engine().cancel(job);
      }
    } else if (seen == 2) {
      notice("stopping the runs in flight: they stay INCOMPLETE and go on later. Ctrl-C again leaves");
      engine().stop_all();
    } else {
      interrupted_exit_ = true;
      leaving_ = true;
      return true;
    }
    return false;
  };
  if (options_.interactive) {
    const auto over = [&] {
      react();
      return leaving() || engine().wait(job, engine_now());
    };
    while (true) {
      const WaitResult result = editor().wait(over);
      if (result == WaitResult::interrupted) {
        ++interrupts_;
        react();
        if (leaving()) return;
        continue;
      }
      if (result == WaitResult::gone) end_by_signal(SIGHUP);
      break;
    }
  } else {
    engine().wait(job, SteadyTime::max(), react);
    if (seen > 0) interrupted_exit_ = true;
  }
}

SteadyTime Shell::engine_now() { return parts_.experiment.clock().steady(); }

BulkDesk& Shell::bulk() {
  if (parts_.bulk == nullptr) throw Error("usage", "this program has no bulk files");
  return *parts_.bulk;
}

void Shell::in_background(const std::string& name, std::function<void(const std::stop_token&)> work) {
  if (background_busy_.exchange(true)) {
    throw Error("usage", "lane=auto is at work already", {}, "it ends with its runs, or when the program is left");
  }
  background_ = std::jthread([this, name, work = std::move(work)](const std::stop_token& stop) {
    try {
      work(stop);
    } catch (const Error& error) {
      notice(name + ": " + error.what() + (error.hint().empty() ? "" : " [" + error.hint() + "]"));
    } catch (const std::exception& error) {
      notice(name + ": " + error.what());
    }
    background_busy_ = false;
  });
}

std::shared_ptr<ScoreWatch> Shell::score_watch(JobId job) {
  const std::lock_guard lock(rates_mutex_);
  const auto found = watches_.find(job);
  return found == watches_.end() ? nullptr : found->second;
}

void Shell::run_job(JobRequest request, const Selection& selection, Reply& reply, double until_narrower) {
  std::shared_ptr<ScoreWatch> watch;
  if (request.type == JobType::execute) {
    watch = std::make_shared<ScoreWatch>(table(), request.runs, until_narrower);
    if (until_narrower > 0) request.enough = [watch] { return watch->narrow_enough(); };
  }
  const JobId id = engine().start(request);
  if (watch) {
    {
      const std::lock_guard lock(rates_mutex_);
      watches_.emplace(id, watch);
    }
    if (engine().facts(id).state == JobFacts::State::done) watch->close();
  }
  JobFacts facts = engine().facts(id);
  std::string words = describe(selection);
  if (facts.skipped > 0) {
    const char* why = request.type == JobType::evaluate ? "not COMPLETE, or in another job"
                      : request.type == JobType::rerun  ? "in another job"
                                                        : "COMPLETE, or in another job";
    words += "; " + count_text(facts.skipped) + " skipped (" + why + ")";
    if (facts.selected > 0) words += ", " + count_text(facts.selected) + " in this job";
  }
  if (foreground()) {
    wait_for_job(id);
    facts = engine().facts(id);
    if (facts.state == JobFacts::State::paused && !facts.paused_because.empty()) {
      throw Error("held", "job #" + std::to_string(id) + " paused: " + facts.paused_because, {},
                  count_text(facts.complete) + " COMPLETE, " +
                      count_text(facts.waiting + facts.waiting_peers + facts.incomplete) +
                      " wait and nothing is lost; put it right, then `resume`, or `run_n` in a new session");
    }
    last_run_failed_ = facts.fail > 0;
    if (request.type != JobType::evaluate || facts.fail > 0) reply.line(words);
    reply.line(job_line(facts));
  } else {
    reply.line(words + ", job #" + std::to_string(id) + ", at most " + count_text(facts.width) + " in flight");
  }
  reply.result = job_json(facts);
}

bool Shell::confirm(const std::string& question) {
  if (!options_.interactive) return false;
  out_.line(StyledText(safe(question)));  // a prompt is cut where it leaves no room to type
  const ReadResult read = editor().read(StyledText().add("[y/N] "), {});
  return read.kind == ReadResult::Kind::line && (read.text == "y" || read.text == "yes" || read.text == "Y");
}

void Shell::ask_before_leaving() {
  const std::vector<JobFacts> jobs = open_jobs(engine());
  const bool rests = std::all_of(jobs.begin(), jobs.end(), [](const JobFacts& job) {
    return job.state == JobFacts::State::paused && job.in_flight == 0;
  });
  if (!options_.interactive || !engine().busy() || rests) {
    leaving_ = true;
    return;
  }
  const Engine::Totals totals = engine().totals();
  out_.line(StyledText(safe(count_text(totals.in_flight_runs) + (totals.in_flight_runs == 1 ? " run is" : " runs are") +
                            " in flight: [d]rain (wait), [s]top (they go on next time), [c]ancel leaving?")));
  const ReadResult read = editor().read(StyledText().add("d, s or c: "), {});
  if (read.kind == ReadResult::Kind::end || read.text == "s" || read.text == "stop") {
    leaving_ = true;
  } else if (read.kind == ReadResult::Kind::gone) {
    end_by_signal(SIGHUP);
  } else if (read.text == "d" || read.text == "drain") {
    engine().cancel_all();
    wait_for_job(0);
    leaving_ = true;
  }
}

void Shell::greet() {
  const std::size_t runs = table().read().size();
  StyledText text;
  text.add("assay " + options_.version + "  ", TextRole::title).add(store().path() + ", ");
  out_.line(text.add(runs == 0 ? "no runs yet" : count_text(runs) + " runs"));
  out_.line(StyledText().add(runs == 0 ? "`help` lists the commands; a first try: load arithmetic sample; run_n 8; ls"
                                       : "`help` lists the commands",
                             TextRole::dim));
}

void Shell::wind_down() {
  background_.request_stop();
  const auto grace = [&](const char* name) {
    return engine_now() + std::chrono::duration_cast<SteadyTime::duration>(parse_duration(settings().get(name)));
  };
  const int signal = ending_.load();
  if (signal == SIGTERM) {
    engine().drain_all();
    engine().wait(0, grace("term_grace"), [this] { return ending_ != SIGTERM; });
  } else if (signal == SIGHUP) {
    if (settings().get("on_hangup") == "go_on") {
      engine().wait(0, SteadyTime::max(), [this] { return ending_ != SIGHUP; });
    } else {
      engine().cancel_all();
      engine().wait(0, grace("hangup_grace"), [this] { return ending_ != SIGHUP; });
    }
  }
  engine().stop_all();
  engine().wait(0);
  if (background_.joinable()) background_.join();
  engine().wait(0);
  store().flush();
}

int Shell::exit_status() const {
  if (ending_ == SIGTERM) return 143;
  if (ending_ == SIGHUP) return 129;
  if (ending_ == SIGQUIT) return 131;
  if (interrupted_exit_) return 130;
  if (failed_ && !options_.interactive) return 1;
  if (last_run_failed_ && !options_.interactive) return 3;
  return 0;
}

std::vector<std::string> Shell::history() const { return parts_.editor.history(); }

void Shell::interrupt() {
  ++interrupts_;
  editor().interrupt();
}

void Shell::end_by_signal(int signal) {
  // A lost terminal is told twice, as a signal and as the end of its input; a second SIGTERM means at once.
  const int before = ending_.load();
  if (before == SIGHUP && signal == SIGHUP) return;
  ending_ = before == SIGTERM && signal == SIGTERM ? SIGQUIT : signal;
  editor().interrupt();
  editor().wake();
}

void Shell::job_ended(const JobFacts& facts) {
  {
    const std::lock_guard lock(rates_mutex_);
    rates_.erase(facts.id);
  }
  if (const auto watch = score_watch(facts.id); watch && facts.state == JobFacts::State::done) watch->close();
  if (facts.selected > 0 && options_.interactive) editor().print_above(job_line(facts));
  editor().wake();
}

void Shell::notice(const std::string& text) {
  if (options_.interactive) {
    editor().print_above(StyledText().add(text, TextRole::warn));
  } else {
    error_.line(StyledText().add(text, TextRole::warn));
  }
}

StyledText Shell::job_line(const JobFacts& facts) const {
  StyledText text;
  text.add("#" + std::to_string(facts.id) + " ", TextRole::dim);
  if (facts.state == JobFacts::State::paused) {
    text.add("paused: " + facts.paused_because, TextRole::warn);
    text.add("; " + count_text(facts.waiting + facts.waiting_peers + facts.incomplete) +
             " wait, nothing is lost; `resume` goes on");
    return text;
  }
  text.add(facts.state == JobFacts::State::cancelled ? "cancelled" : "done");
  text.add(" in " + format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(
                        std::chrono::duration<double>(facts.seconds))));
  text.add(": ").add(count_text(facts.complete) + " COMPLETE", facts.complete > 0 ? TextRole::good : TextRole::plain);
  text.add(", ").add(count_text(facts.fail) + " FAIL", facts.fail > 0 ? TextRole::bad : TextRole::plain);
  if (facts.incomplete > 0) text.add(", ").add(count_text(facts.incomplete) + " INCOMPLETE", TextRole::warn);
  if (facts.cancelled > 0) text.add(", " + count_text(facts.cancelled) + " not begun");
  if (facts.scored > 0) {
    text.add("; score ")
        .add(ratio_text(static_cast<double>(facts.correct) / static_cast<double>(facts.scored)), TextRole::number);
    text.add(" (" + count_text(facts.correct) + " of " + count_text(facts.scored) + " scored)");
  }
  if (facts.cost > 0) text.add("; " + format_usd(facts.cost));
  if (facts.fail > 0) text.add("; `errors` groups them");
  if (facts.enough) text.add("; enough: its confidence sequence is as narrow as was asked");
  return text;
}

ProgressFacts Shell::progress_of(const JobFacts& facts, double now) {
  ProgressFacts progress;
  progress.job = facts.id;
  if (facts.state == JobFacts::State::paused) {
    progress.state = facts.paused_because.empty() ? "paused" : "paused: " + facts.paused_because;
  }
  if (facts.state == JobFacts::State::cancelled) progress.state = "ending";
  progress.done = static_cast<std::int64_t>(done_of(facts));
  progress.total = static_cast<std::int64_t>(facts.selected - facts.cancelled);
  progress.ok = static_cast<std::int64_t>(facts.complete);
  progress.fail = static_cast<std::int64_t>(facts.fail);
  progress.in_flight = static_cast<std::int64_t>(facts.in_flight);
  progress.waiting_peers = static_cast<std::int64_t>(facts.waiting_peers);
  progress.correct = static_cast<std::int64_t>(facts.correct);
  progress.scored = static_cast<std::int64_t>(facts.scored);
  progress.cost_pico_usd = facts.cost;
  const std::lock_guard lock(rates_mutex_);
  if (facts.state == JobFacts::State::paused) {  // its rates begin anew when it goes on
    rates_.erase(facts.id);
    return progress;
  }
  const std::uint64_t tokens = facts.tokens_in + facts.tokens_out;
  const Rates fresh{SmoothedRate(now), SmoothedRate(now), SmoothedRate(now), facts.ended(), facts.calls, tokens};
  Rates& rates = rates_.try_emplace(facts.id, fresh).first->second;
  // Ended runs become fewer when INCOMPLETE ones are begun again.
  const auto more = [](std::uint64_t seen, std::uint64_t is) { return is > seen ? static_cast<double>(is - seen) : 0; };
  rates.runs.add(now, more(rates.seen_runs, facts.ended()));
  rates.calls.add(now, more(rates.seen_calls, facts.calls));
  rates.tokens.add(now, more(rates.seen_tokens, tokens));
  rates.seen_runs = facts.ended();
  rates.seen_calls = facts.calls;
  rates.seen_tokens = tokens;
  progress.calls_per_s = rates.calls.per_second(now);
  progress.tokens_per_s = rates.tokens.per_second(now);
  if (progress.state.empty()) progress.eta_s = eta_seconds(progress.total - progress.done, rates.runs.per_second(now));
  return progress;
}

void Shell::tick(const std::stop_token& stop) {
  bool shown = false;
  while (sleep_unless_stopped(stop, kTick)) {
    std::vector<StyledText> lines;
    const auto columns = static_cast<std::size_t>(out_.size().columns);
    for (const JobFacts& facts : open_jobs(engine())) {
      const ProgressFacts progress = progress_of(facts, seconds_now(engine_now()));
      lines.push_back(options_.interactive ? progress_status_line(progress, columns) : progress_plain_line(progress));
    }
    const StoreHealth health = store().health();
    if (!health.message.empty()) lines.push_back(StyledText().add(health.message, TextRole::bad));
    if (lines.empty() && !shown) continue;
    shown = !lines.empty();
    editor().set_status(std::move(lines));
  }
}

Completions Shell::complete(std::string_view line, std::size_t cursor) {
  // Only the command that the cursor is in.
  const std::string_view before = line.substr(0, cursor);
  const auto start = before.find_last_of(";\n");
  const std::string_view part = start == std::string_view::npos ? before : before.substr(start + 1);
  const std::size_t offset = cursor - part.size();
  const auto space = part.find_last_of(" \t");
  const std::string_view word = space == std::string_view::npos ? part : part.substr(space + 1);
  Completions result;
  result.begin = offset + part.size() - word.size();
  std::vector<std::string> words;
  try {
    for (const ShellWord& one : split_shell_words(part.substr(0, part.size() - word.size()))) words.push_back(one.text);
    if (words.empty()) {
      for (const Command& command : commands_.all()) {
        if (command.shown && command.name.starts_with(word))
          result.candidates.push_back({command.name, command.summary});
      }
      return result;
    }
    const Command* command = commands_.find(words.front());
    if (command == nullptr) return result;
    if (word.starts_with("--")) {
      for (const Flag& flag : command->flags) {
        if (flag.name.starts_with(word)) result.candidates.push_back({flag.name, flag.help});
      }
    } else if (command->complete) {
      result.candidates = command->complete(*this, words, word);
    }
  } catch (const Error&) {
    return result;  // an unfinished quote: nothing to offer
  }
  return result;
}

}  // namespace assay
